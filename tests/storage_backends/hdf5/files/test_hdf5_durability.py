"""What is on the disk when the machine loses its power, if a service is to be durable."""

from __future__ import annotations

import copy
import os
import pickle
import random
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL, open_file
from pypet.storage_backends.hdf5.files.redo_log import PAGE_BYTES, write_log
from tests.storage_backends.hdf5.record_makers import TRAJ, apply, leaf, meta, new_service, number

pytestmark = pytest.mark.skipif(not IS_TRANSACTIONAL, reason="the system has no transactions")

HOOK = "hook"


class Disk:
    """Notes what the system is told about one file; shows what may be left of it."""

    def __init__(self, path: str, patch: pytest.MonkeyPatch) -> None:
        self.path = path
        self._start = Path(path).read_bytes() if os.path.exists(path) else b""
        self.events: list[tuple[Any, ...]] = []
        for name in ("pwritev", "ftruncate", "fsync"):
            patch.setattr(os, name, self._noting(name, getattr(os, name)))

    def _noting(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noting(descriptor: int, *args: Any) -> Any:
            if self._is_own(descriptor):
                if name == "pwritev":
                    self.events.append((name, b"".join(args[0]), args[1]))
                else:
                    self.events.append((name, *args))
            elif name == "fsync" and is_folder(descriptor):
                self.events.append(("folder",))
            return call(descriptor, *args)

        return noting

    def _is_own(self, descriptor: int) -> bool:
        status = os.fstat(descriptor)
        try:
            return os.path.samestat(status, os.stat(self.path))
        except FileNotFoundError:  # it has no name yet
            return not is_folder(descriptor)

    def note(self, event: str) -> None:
        """Note something that is not about the file."""
        self.events.append((event,))

    @property
    def kinds(self) -> list[str]:
        """What happened, in order."""
        return [event[0] for event in self.events]

    @property
    def unsynced(self) -> int:
        """How many bytes were written that may never arrive."""
        last = max((at for at, kind in enumerate(self.kinds) if kind == "fsync"), default=-1)
        return sum(len(event[1]) for event in self.events[last + 1 :] if event[0] == "pwritev")

    def content_after(self, count: int, chosen: random.Random) -> bytes:
        """Return a content that the disk may have after so many events: some writes are missing.

        What came after the last fsync arrived or not, each by itself.
        """
        done = self.events[:count]
        last = max((at for at, event in enumerate(done) if event[0] == "fsync"), default=-1)
        content = bytearray(self._start)
        for at, event in enumerate(done):
            if at > last and chosen.random() < 0.5:
                continue
            if event[0] == "pwritev":
                _, data, position = event
                content.extend(bytes(max(0, position + len(data) - len(content))))
                content[position : position + len(data)] = data
            elif event[0] == "ftruncate":
                del content[event[1] :]
                content.extend(bytes(event[1] - len(content)))
        return bytes(content)


def is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


def new_durable_service(folder: Path, *, durable: bool = True) -> HDF5StorageService:
    service = new_service(folder)
    apply(service, *(leaf(f"results.first{index}", number("x", index)) for index in range(30)))
    service.durable = durable
    return service


def names_in(path: str) -> set[str]:
    handle = open_file(path, writable=True)  # which finishes a commit
    try:
        return {name for name in h5py.File(handle.id)["traj/results"] if name.startswith("new")}
    finally:
        handle.close()


# ----- a loss of power -------------------------------------------------------------------------


def store_by_message(service: HDF5StorageService, index: int) -> None:
    apply(service, leaf(f"results.new{index}", number("x", index), comment=f"no. {index}"))


def store_kept_open(service: HDF5StorageService, index: int) -> None:
    service.commit_interval = -1.0
    service.open()
    store_by_message(service, index)


def losses_of_power(
    tmp_path: Path, store: Callable[[HDF5StorageService, int], None], *, durable: bool
) -> Iterator[tuple[bytes, int]]:
    """Store five times; yield contents that may be left, with how many were stored before."""
    service = new_durable_service(tmp_path, durable=durable)
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(service.filename, patch)
        for index in range(5):
            store(service, index)
            disk.note("stored")
    service.close()
    chosen = random.Random(1)
    for count in range(1, len(disk.events) + 1):
        stored = disk.kinds[:count].count("stored")
        for _ in range(4):
            yield disk.content_after(count, chosen), stored


@pytest.mark.parametrize("store", [store_by_message, store_kept_open])
def test_nothing_is_lost_that_others_could_see(tmp_path, store):
    left = tmp_path / "left.hdf5"
    for content, stored in losses_of_power(tmp_path, store, durable=True):
        left.write_bytes(content)
        found = names_in(str(left))
        before, after = ({f"new{index}" for index in range(end)} for end in (stored, stored + 1))
        assert found in (before, after)


def test_without_durability_something_may_be_lost(tmp_path):
    left = tmp_path / "left.hdf5"
    is_lost = False
    for content, stored in losses_of_power(tmp_path, store_by_message, durable=False):
        left.write_bytes(content)
        try:
            is_lost |= len(names_in(str(left))) < stored
        except Exception:  # it cannot be read any more
            is_lost = True
    assert is_lost


def test_finishing_a_commit_begins_with_its_log_on_the_disk(tmp_path, monkeypatch):
    service = new_durable_service(tmp_path)
    size = os.path.getsize(service.filename)
    descriptor = os.open(service.filename, os.O_RDWR)
    write_log(descriptor, {0: bytearray(os.pread(descriptor, PAGE_BYTES, 0))}, size)
    os.close(descriptor)
    disk = Disk(service.filename, monkeypatch)
    open_file(service.filename, writable=True).close()
    assert disk.kinds[:3] == ["fsync", "pwritev", "fsync"]


# ----- every way to commit ---------------------------------------------------------------------


def hooked(service: HDF5StorageService, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(service.filename, monkeypatch)
    service.before_commit = lambda: disk.note(HOOK)
    return disk


def by_flush_if_due(service):
    service.commit_interval = -1.0
    apply(service, leaf("results.new", number("x", 1)))


def by_flush(service):
    apply(service, leaf("results.new", number("x", 1)))
    service.flush()


def by_try_flush(service):
    apply(service, leaf("results.new", number("x", 1)))
    assert service.try_flush(durable=False)


def by_reading_meta(service):
    apply(service, leaf("results.new", number("x", 1)))
    service.read_meta(TRAJ, with_runs=True)


def by_close(service):
    apply(service, leaf("results.new", number("x", 1)))
    service.close()


def by_letting_go(service):
    apply(service, leaf("results.new", number("x", 1)))
    service.close_on_exit()


def by_another_service(service):
    other = HDF5StorageService(filename=service.filename)
    with other.kept_open(TRAJ):
        apply(service, leaf("results.new", number("x", 1)))
        assert other.try_flush(durable=False)


def by_lending(service):
    apply(service, leaf("results.new", number("x", 1)))
    with service._file.handed_over():
        pass


def by_inviting_a_guest(service):
    apply(service, leaf("results.new", number("x", 1)))
    service.access_data(TRAJ, "results.first1", "x", "__thenode__", None, None)


WAYS = [
    by_flush_if_due,
    by_flush,
    by_try_flush,
    by_reading_meta,
    by_close,
    by_letting_go,
    by_another_service,
    by_lending,
    by_inviting_a_guest,
]


@pytest.mark.parametrize("commit", WAYS)
def test_every_commit_of_an_open_file_is_durable(tmp_path, monkeypatch, commit):
    service = new_durable_service(tmp_path)
    service.commit_interval = 1e9
    service.open()
    disk = hooked(service, monkeypatch)
    commit(service)
    # the hook, new pages behind the end if any, the log, and in between the disk is waited for
    kinds = disk.kinds
    assert kinds[0] == HOOK
    assert kinds.count("fsync") >= 2
    assert disk.unsynced == 0
    assert is_in_log_order(disk)
    service.close()
    assert "new" in names_in(service.filename)


def is_in_log_order(disk: Disk) -> bool:
    """Return whether there was an fsync between all writes behind the end and those before it."""
    end = len(disk._start)
    kinds = [
        "fsync" if event[0] == "fsync" else "change"
        for event in disk.events
        if event[0] == "fsync" or (event[0] == "pwritev" and event[2] < end)
    ]
    return kinds.index("change") > kinds.index("fsync")


@pytest.mark.parametrize("is_shared", [False, True])
def test_every_message_of_a_closed_file_is_durable(tmp_path, monkeypatch, is_shared):
    service = new_durable_service(tmp_path)
    other = HDF5StorageService(filename=service.filename)
    other.commit_interval = 1e9
    if is_shared:
        other.open()
    disk = hooked(service, monkeypatch)
    apply(service, leaf("results.new", number("x", 1)))
    assert disk.kinds[0] == HOOK
    assert disk.kinds.count("fsync") >= 2
    assert disk.unsynced == 0
    assert is_in_log_order(disk)
    del disk.events[:]
    apply(other, leaf("results.new2", number("x", 1)))
    other.close()
    assert HOOK not in disk.kinds  # the demand went with the service


def test_other_services_keep_their_way(tmp_path, monkeypatch):
    service = new_durable_service(tmp_path, durable=False)
    disk = hooked(service, monkeypatch)
    apply(service, leaf("results.new", number("x", 1)))
    assert disk.kinds.count(HOOK) == 1
    assert "fsync" not in disk.kinds


def test_a_new_file_is_found_after_a_loss_of_power(tmp_path, monkeypatch):
    service = HDF5StorageService(filename=tmp_path / "data.hdf5")
    service.durable = True
    disk = Disk(service.filename, monkeypatch)
    apply(service, meta(), leaf("results.new", number("x", 1)))
    assert "folder" in disk.kinds
    assert disk.unsynced == 0
    del disk.events[:]
    apply(service, leaf("results.new2", number("x", 1)))
    assert "folder" not in disk.kinds


def test_what_another_library_wrote_is_on_the_disk_when_it_is_sent_away(tmp_path, monkeypatch):
    service = new_durable_service(tmp_path)
    service.open()
    values = np.arange(10.0)
    disk = hooked(service, monkeypatch)
    service.access_data(
        TRAJ,
        "results.first1",
        "shared",
        "create_shared_data",
        None,
        {"obj": values, "flag": "ARRAY"},
    )
    del disk.events[:]
    apply(service, leaf("results.new", number("x", 1)))
    assert disk.kinds[:3] == [HOOK, "fsync", "fsync"]  # when it has closed, when h5py has opened
    service.close()


def test_a_flush_without_changes_waits_for_the_disk_only_once(tmp_path, monkeypatch):
    service = new_durable_service(tmp_path, durable=False)
    service.open()
    apply(service, leaf("results.new", number("x", 1)))
    service.try_flush(durable=False)
    service.durable = True
    disk = hooked(service, monkeypatch)
    service.try_flush(durable=False)
    service.flush()
    assert disk.kinds == ["fsync", "folder"]
    service.close()


# ----- the hook --------------------------------------------------------------------------------


@pytest.mark.parametrize("is_open", [False, True])
def test_an_error_of_the_hook_prevents_the_commit(tmp_path, is_open):
    service = new_durable_service(tmp_path)
    service.commit_interval = 1e9
    if is_open:
        service.open()
    before = Path(service.filename).read_bytes()

    def refuse() -> None:
        raise OSError(28, "No space left for the journal")

    service.before_commit = refuse
    store = partial(apply, service, leaf("results.new", number("x", 1)))
    if is_open:
        store()
    with pytest.raises(OSError, match="for the journal"):
        service.flush() if is_open else store()
    left = tmp_path / "left.hdf5"
    left.write_bytes(Path(service.filename).read_bytes()[: len(before)])
    assert left.read_bytes() == before
    service.before_commit = None
    if is_open:
        service.flush()
        service.close()
    else:
        store()
    assert names_in(service.filename) == {"new"}


def test_copies_are_durable_but_call_nothing(tmp_path):
    service = new_durable_service(tmp_path)
    service.before_commit = lambda: None
    for twin in (pickle.loads(pickle.dumps(service)), copy.copy(service)):
        assert twin.durable
        assert twin.before_commit is None
        twin.durable = False
    assert service.durable
    assert service.before_commit is not None


def test_a_forked_process_calls_nothing(tmp_path, monkeypatch):
    service = new_durable_service(tmp_path)
    service.before_commit = lambda: pytest.fail("the hook of another process")
    monkeypatch.setattr(os, "getpid", lambda: -1)
    apply(service, leaf("results.new", number("x", 1)))
    assert service.before_commit is None
    assert names_in(service.filename) == {"new"}


def test_without_space_for_the_log_a_durable_commit_is_refused(tmp_path, monkeypatch):
    service = new_durable_service(tmp_path)
    before = names_in(service.filename)

    def refuse(descriptor: int, pages: Any, end: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pypet.storage_backends.hdf5.files.transactional_file.write_log", refuse)
        with pytest.raises(OSError, match="no room for the redo log"):
            apply(service, leaf("results.new", number("x", 1)))
    assert names_in(service.filename) == before
    apply(service, leaf("results.new", number("x", 1)))
    assert names_in(service.filename) == {"new"}


def test_durable_commits_end_with_what_was_set_before(tmp_path):
    service = new_service(tmp_path)
    service.commit_interval = 5.0
    with service.durable_commits(interval=1.0):
        assert (service.durable, service.commit_interval) == (True, 1.0)
        with service.durable_commits():
            assert (service.durable, service.commit_interval) == (True, 1.0)
        assert service.durable
    assert (service.durable, service.commit_interval) == (False, 5.0)


def test_services_that_earlier_versions_pickled_are_restored(tmp_path):
    service = new_service(tmp_path)
    service.durable = True
    state = service.__getstate__()
    state["_demand"] = state.pop("_commit_options")
    state["_file_lock"] = None
    restored = HDF5StorageService.__new__(HDF5StorageService)
    restored.__setstate__(state)
    assert restored.durable
    assert restored.filename == service.filename
    assert restored.file_lock is service.file_lock
