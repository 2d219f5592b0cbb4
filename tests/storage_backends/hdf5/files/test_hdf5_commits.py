"""What a process that dies leaves in a file, and what others see meanwhile."""

import errno
import os
import random
import subprocess
import sys
import threading
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.storage_backends.hdf5.files import redo_log
from pypet.storage_backends.hdf5.files.commit_options import CombinedCommitOptions, CommitOptions
from pypet.storage_backends.hdf5.files.file_handle import TransactionalWriter, close_abandoned
from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL, create_file, open_file
from pypet.storage_backends.hdf5.files.redo_log import PAGE_BYTES, read_log
from pypet.storage_backends.hdf5.files.transactional_file import TransactionalFile
from pypet.storage_backends.hdf5.service.service import HDF5StorageService
from pypet.storage_backends.hdf5.settings.settings import Filters
from tests.faults.disk import Disk
from tests.faults.shim import Flag, Kind, Operation
from tests.processes import run_python
from tests.storage_backends.hdf5.record_makers import apply, items_of, leaf, new_service, number

pytestmark = pytest.mark.skipif(not IS_TRANSACTIONAL, reason="the system has no transactions")


class Killed(BaseException):
    """Stands for the end of the process, in a system call."""


@contextmanager
def killed_at(at, half):
    """Let the process end in the n-th call that changes a file; yield how many are left."""
    left = [at]
    pwritev, ftruncate = os.pwritev, os.ftruncate

    def write(descriptor, parts, position):
        left[0] -= 1
        if left[0] <= 0:
            content = b"".join(parts)
            if left[0] == 0 and half:
                os.pwrite(descriptor, content[: len(content) // 2], position)
            raise Killed
        return pwritev(descriptor, parts, position)

    def truncate(descriptor, size):
        left[0] -= 1
        if left[0] <= 0:
            raise Killed
        ftruncate(descriptor, size)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", write)
        patch.setattr(os, "ftruncate", truncate)
        try:
            yield left
        except Killed:
            left[0] = min(left[0], 0)


# ----- the file object -------------------------------------------------------------------------

FILE_BYTES = 5 * PAGE_BYTES
WRITES = st.lists(
    st.tuples(st.integers(0, FILE_BYTES + 3 * PAGE_BYTES), st.integers(1, 20 * PAGE_BYTES)),
    min_size=1,
    max_size=8,
)


def write_all(file, writes, byte):
    for position, size in writes:
        file.seek(position)
        file.write(memoryview(bytes([byte]) * size))


def model_of(content, writes, byte):
    content = bytearray(content)
    for position, size in writes:
        content.extend(bytes(max(0, position + size - len(content))))
        content[position : position + size] = bytes([byte]) * size
    return bytes(content)


def read_all(file, size):
    buffer = bytearray(size)
    file.seek(0)
    file.readinto(memoryview(buffer))
    return bytes(buffer)


@settings(deadline=None, max_examples=60)
@given(first=WRITES, second=WRITES, reads=st.integers(0, 3 * PAGE_BYTES))
def test_what_is_written_is_read_back_before_and_after_a_commit(
    tmp_path_factory, first, second, reads
):
    path = tmp_path_factory.mktemp("file") / "data"
    path.write_bytes(b"\x07" * FILE_BYTES)
    file = TransactionalFile(os.open(path, os.O_RDWR))
    write_all(file, first, 1)
    expected = model_of(b"\x07" * FILE_BYTES, first, 1)
    assert read_all(file, len(expected)) == expected
    assert path.read_bytes()[:FILE_BYTES] == b"\x07" * FILE_BYTES
    file.commit(durable=False)
    assert path.read_bytes() == expected
    write_all(file, second, 2)
    file.seek(reads)
    part = bytearray(PAGE_BYTES)
    file.readinto(memoryview(part))
    assert bytes(part) == model_of(expected, second, 2)[reads : reads + PAGE_BYTES]
    file.commit(durable=True)
    assert path.read_bytes() == model_of(expected, second, 2)
    file.detach()


@settings(deadline=None, max_examples=60)
@given(writes=WRITES, at=st.integers(1, 12), half=st.booleans())
def test_a_commit_is_done_as_a_whole_or_not_at_all(tmp_path_factory, writes, at, half):
    path = tmp_path_factory.mktemp("file") / "data"
    before = b"\x07" * FILE_BYTES
    path.write_bytes(before)
    file = TransactionalFile(os.open(path, os.O_RDWR))
    with killed_at(at, half) as left:
        write_all(file, writes, 1)
        file.commit(durable=False)
    is_done = left[0] > 0
    file.detach()
    descriptor = os.open(path, os.O_RDWR)
    log = read_log(descriptor)
    if log is not None:
        redo_log.carry_out(descriptor, log)
    os.close(descriptor)
    after = model_of(before, writes, 1)
    found = path.read_bytes()
    if is_done:
        assert found == after
    else:
        assert found[:FILE_BYTES] in (before, after[:FILE_BYTES])
        if found[:FILE_BYTES] != before:
            assert found == after


# ----- losses of power -------------------------------------------------------------------------


@contextmanager
def recorded():
    """Note what is done to files meanwhile, as `tests.faults.disk` takes it."""
    operations = []
    pwritev, pwrite, ftruncate = os.pwritev, os.pwrite, os.ftruncate

    def note(kind, descriptor, offset=0, length=0, data=b""):
        inode = os.fstat(descriptor).st_ino
        operations.append(
            Operation(kind, Flag(0), "", "", len(operations), 0, inode, offset, length, data)
        )

    def write_parts(descriptor, parts, position):
        data = b"".join(parts)
        note(Kind.WRITE, descriptor, position, len(data), data)
        return pwritev(descriptor, parts, position)

    def write(descriptor, data, position):
        note(Kind.WRITE, descriptor, position, len(data), bytes(data))
        return pwrite(descriptor, data, position)

    def truncate(descriptor, size):
        note(Kind.TRUNCATE, descriptor, length=size)
        ftruncate(descriptor, size)

    def synchronize(descriptor):  # the disk itself is slow, and keeps its power
        note(Kind.SYNC, descriptor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", write_parts)
        patch.setattr(os, "pwrite", write)
        patch.setattr(os, "ftruncate", truncate)
        patch.setattr(os, "fsync", synchronize)
        yield operations


def states_after_a_loss_of_power(before, operations, folder, rng, count):
    """Yield how many operations there were, and what the file has when it was opened again."""
    disk = Disk(before)
    for place, operation in enumerate([*operations, None]):
        for _ in range(count):
            path = folder / "data"  # a new one, which no file system hurries to the disk
            path.write_bytes(disk.after_power_cut(rng)["data"])
            descriptor = os.open(path, os.O_RDWR)
            log = read_log(descriptor)
            if log is not None:
                with recorded():
                    redo_log.carry_out(descriptor, log)
            os.close(descriptor)
            yield place, path.read_bytes()
            path.unlink()
        if operation is not None:
            disk.do(operation)


def has_content(found, state):
    """Return whether a file has what was written: in holes and behind the end may be remainders."""
    have, want = (np.frombuffer(each, np.uint8) for each in (found[: len(state)], state))
    return len(have) == len(want) and bool(np.all((have == want) | (want == 0)))


@settings(deadline=None, max_examples=25)
@given(first=WRITES, second=WRITES, seed=st.integers(0, 1000))
def test_durable_commits_survive_a_loss_of_power(tmp_path_factory, first, second, seed):
    folder, other = tmp_path_factory.mktemp("file"), tmp_path_factory.mktemp("after")
    path = folder / "data"
    states = [b"\x07" * FILE_BYTES]
    path.write_bytes(states[0])
    with pytest.MonkeyPatch.context() as patch, recorded() as operations:
        module = "pypet.storage_backends.hdf5.files.transactional_file"
        patch.setattr(f"{module}._FEW_NEW_PAGES", 5)
        file = TransactionalFile(os.open(path, os.O_RDWR))
        ends = [0]
        for byte, writes in enumerate((first, second), 1):
            write_all(file, writes, byte)
            file.commit(durable=True)
            states.append(model_of(states[-1], writes, byte))
            ends.append(len(operations))
        file.detach()
    assert path.read_bytes() == states[-1]
    path.write_bytes(states[0])
    rng = random.Random(seed)
    for count, found in states_after_a_loss_of_power(folder, operations, other, rng, 8):
        done = sum(end <= count for end in ends) - 1
        assert any(has_content(found, state) for state in states[done : done + 2]), count


def test_a_commit_that_is_finished_survives_a_loss_of_power(tmp_path):
    (tmp_path / "file").mkdir()
    (tmp_path / "after").mkdir()
    path = tmp_path / "file" / "data"
    before, after = b"\x07" * FILE_BYTES, b"\x01" * FILE_BYTES
    path.write_bytes(before)
    descriptor = os.open(path, os.O_RDWR)
    with recorded() as operations:
        pages = {number: bytearray(b"\x01" * PAGE_BYTES) for number in range(5)}
        redo_log.write_log(descriptor, pages, FILE_BYTES)  # and here the writer is killed
        redo_log.carry_out(descriptor, read_log(descriptor))
    os.close(descriptor)
    path.write_bytes(before)
    states = states_after_a_loss_of_power(
        path.parent, operations, tmp_path / "after", random.Random(1), 40
    )
    assert {found[:FILE_BYTES] for _, found in states} == {before, after}


def test_nothing_is_committed_after_the_disk_did_not_take_something(tmp_path, monkeypatch):
    path = tmp_path / "data"
    path.write_bytes(b"\x07" * FILE_BYTES)
    file = TransactionalFile(os.open(path, os.O_RDWR))
    write_all(file, [(0, 10), (FILE_BYTES, 40 * PAGE_BYTES)], 1)
    with monkeypatch.context() as patch:

        def fail(descriptor):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            file.commit(durable=True)
    for durable in (True, False):  # that the next fsync succeeds means nothing
        with pytest.raises(OSError, match="nothing is stored in the file any more"):
            file.commit(durable=durable)
    assert path.read_bytes()[:FILE_BYTES] == b"\x07" * FILE_BYTES
    file.detach()


@pytest.mark.parametrize("call", ["pwritev", "ftruncate"])
def test_the_log_of_a_commit_that_fails_stays_until_it_is_finished(tmp_path, monkeypatch, call):
    path = tmp_path / "data"
    before = b"\x07" * FILE_BYTES
    path.write_bytes(before)
    file = TransactionalFile(os.open(path, os.O_RDWR))
    writes = [(10, 10), (3 * PAGE_BYTES, 10)]
    write_all(file, writes, 1)

    def refuse(*args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def refuse_one_page(descriptor, parts, position):
        if position == 3 * PAGE_BYTES:
            refuse()
        return pwritev(descriptor, parts, position)

    pwritev = os.pwritev
    with monkeypatch.context() as patch:
        patch.setattr(os, call, refuse_one_page if call == "pwritev" else refuse)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            file.commit(durable=False)
        write_all(file, [(10, 10)], 2)
        for _ in range(2):
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                file.commit(durable=False)
    copy = tmp_path / "copy"
    copy.write_bytes(path.read_bytes())
    descriptor = os.open(copy, os.O_RDWR)
    redo_log.carry_out(descriptor, read_log(descriptor))
    os.close(descriptor)
    assert copy.read_bytes() == model_of(before, writes, 1)
    last = (FILE_BYTES + PAGE_BYTES, 20 * PAGE_BYTES)  # this is written at once
    write_all(file, [last], 2)
    file.commit(durable=False)
    expected = model_of(model_of(before, writes, 1), [(10, 10), last], 2)
    assert path.read_bytes() == expected
    file.detach()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("durable", [True, False])
def test_a_log_that_cannot_be_written_never_leaves_half_a_commit(
    tmp_path, monkeypatch, number, durable
):
    path = tmp_path / "data"
    before = b"\x07" * FILE_BYTES
    path.write_bytes(before)
    file = TransactionalFile(os.open(path, os.O_RDWR))
    file.commit(durable=True)
    write_all(file, [(0, 10), (FILE_BYTES, 10)], 1)
    pwritev = os.pwritev

    def refuse(descriptor, parts, position):
        if position + sum(map(len, parts)) > FILE_BYTES:
            raise OSError(number, os.strerror(number))
        return pwritev(descriptor, parts, position)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", refuse)
        with pytest.raises(OSError, match=os.strerror(number)):
            file.commit(durable=durable)
    assert path.read_bytes()[:FILE_BYTES] == before
    file.commit(durable=durable)
    assert path.read_bytes() == model_of(before, [(0, 10), (FILE_BYTES, 10)], 1)
    file.detach()


def test_pages_that_are_written_early_are_whole(tmp_path, monkeypatch):
    module = "pypet.storage_backends.hdf5.files.transactional_file"
    monkeypatch.setattr(f"{module}._MOST_NEW_PAGES", 2)
    path = tmp_path / "data"
    path.write_bytes(b"\x07" * FILE_BYTES)
    file = TransactionalFile(os.open(path, os.O_RDWR))
    writes = [(FILE_BYTES + 100, 9 * PAGE_BYTES), (FILE_BYTES + 10 * PAGE_BYTES, 6 * PAGE_BYTES)]
    write_all(file, writes, 1)
    expected = model_of(b"\x07" * FILE_BYTES, writes, 1)
    assert read_all(file, len(expected)) == expected
    file.commit(durable=False)
    assert path.read_bytes() == expected
    file.detach()


def test_a_log_with_a_wrong_byte_is_none(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"\x07" * FILE_BYTES)
    descriptor = os.open(path, os.O_RDWR)
    redo_log.write_log(descriptor, {1: bytearray(b"\1" * PAGE_BYTES)}, FILE_BYTES)
    log = read_log(descriptor)
    assert log is not None
    assert log.pages == {1: bytearray(b"\1" * PAGE_BYTES)}
    content = bytearray(path.read_bytes())
    for place in range(FILE_BYTES, len(content), 977):
        content[place] ^= 1
        path.write_bytes(content)
        content[place] ^= 1
        assert read_log(descriptor) is None, place
    os.close(descriptor)


# ----- files of HDF5 ---------------------------------------------------------------------------


def values_in(path):
    service = HDF5StorageService(filename=path)
    assert service.trajectory_names() == ["traj"]
    return {
        name: int(items_of(service, f"results.{name}")["x"].value)
        for name in ("old", "new")
        if f"results.{name}" in names_in(path)
    }


def names_in(path):
    with h5py.File(path, "r") as file:
        return [f"results.{name}" for name in file["traj/results"]]


@pytest.mark.parametrize("half", [False, True])
def test_a_writer_that_dies_in_a_commit_leaves_the_old_or_the_new_state(tmp_path, half):
    seen = set()
    for at in range(1, 30):
        folder = tmp_path / f"{at}"
        folder.mkdir()
        service = new_service(folder)
        apply(service, leaf("results.old", number("x", 1)))
        with killed_at(at, half) as left:
            apply(service, leaf("results.new", number("x", 2)))
        if left[0] > 0:
            break
        found = values_in(folder / "data.hdf5")
        seen.add(tuple(found))
        assert found in ({"old": 1}, {"old": 1, "new": 2})
    assert seen == {("old",), ("old", "new")}


def test_a_disk_that_refuses_a_commit_is_an_error_that_names_the_file(tmp_path, monkeypatch):
    service = new_service(tmp_path)
    apply(service, leaf("results.old", number("x", 1)))

    def refuse(*args):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwritev", refuse)
        with pytest.raises(OSError, match=r"cannot be written \(Input/output error\).*data.hdf5"):
            apply(service, leaf("results.new", number("x", 2)))
    assert values_in(tmp_path / "data.hdf5") == {"old": 1}


def interrupted_commit(path):
    """Leave a file in the middle of a commit that adds the group ``b``."""
    writer = open_file(os.fspath(path), writable=True)
    assert isinstance(writer, TransactionalWriter)
    h5py.File(writer.id).create_group("b")
    with pytest.MonkeyPatch.context() as patch:
        real = redo_log.write_pages

        def die(descriptor, pages, end):
            if redo_log.read_log(descriptor) is not None:
                first = min(pages)
                real(descriptor, {first: pages[first]}, end)
                raise Killed
            real(descriptor, pages, end)

        patch.setattr("pypet.storage_backends.hdf5.files.transactional_file.write_pages", die)
        with pytest.raises(Killed):
            writer.commit(durable=False)
    writer.abandon()


def new_file(path):
    handle = create_file(os.fspath(path), "title", Filters())
    for number_ in range(40):
        h5py.File(handle.id).create_group(f"a{number_}")
    handle.close()


def test_a_commit_is_finished_by_whoever_opens_the_file(tmp_path, caplog):
    for writable in (False, True):
        path = tmp_path / f"{writable}.hdf5"
        new_file(path)
        interrupted_commit(path)
        handle = open_file(str(path), writable=writable)
        assert "b" in h5py.File(handle.id)
        assert "Finishing a commit" in caplog.text
        handle.close()
        with h5py.File(path, "r") as file:
            assert len(file) == 41


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
def test_a_commit_is_finished_in_memory_where_the_file_may_not_be_changed(tmp_path):
    path = tmp_path / "data.hdf5"
    new_file(path)
    interrupted_commit(path)
    before = path.read_bytes()
    os.chmod(path, 0o400)
    handle = open_file(str(path), writable=False)
    assert "b" in h5py.File(handle.id)
    handle.close()
    assert path.read_bytes() == before


def test_a_disk_without_space_for_the_log_takes_the_changes_all_the_same(
    tmp_path, monkeypatch, caplog
):
    path = tmp_path / "data.hdf5"
    new_file(path)
    writer = open_file(str(path), writable=True)
    h5py.File(writer.id).create_group("b")

    def refuse(descriptor, pages, end):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pypet.storage_backends.hdf5.files.transactional_file.write_log", refuse)
    writer.close()
    assert "no room for the redo log" in caplog.text
    with h5py.File(path, "r") as file:
        assert "b" in file


def test_space_behind_the_end_that_a_killed_writer_left_is_used_again(tmp_path):
    path = tmp_path / "data.hdf5"
    new_file(path)
    size = path.stat().st_size
    with open(path, "ab") as stream:
        stream.write(b"\xff" * 3_000_000)
    writer = open_file(str(path), writable=True)
    h5py.File(writer.id)["values"] = np.arange(1000)
    writer.close()
    assert path.stat().st_size < size + 100_000
    with h5py.File(path, "r") as file:
        assert file["values"][()].tolist() == list(range(1000))


# ----- readers meanwhile -----------------------------------------------------------------------

READ = "import h5py, sys; print(*sorted(h5py.File(sys.argv[1], 'r')['traj/results']))"


def read_elsewhere(path, code=READ):
    return run_python("-c", code, path)


@pytest.mark.skipif(sys.platform != "linux", reason="locks of bytes are peculiar to Linux")
def test_others_read_what_is_committed_while_a_writer_goes_on(tmp_path):
    service = new_service(tmp_path)
    service.commit_interval = 1e9
    service.open()
    apply(service, leaf("results.a", number("x", 1)))
    service.flush()
    apply(service, leaf("results.b", number("x", 2)))
    assert read_elsewhere(service.filename).stdout == "a\n"
    service.flush()
    assert read_elsewhere(service.filename).stdout == "a b\n"
    service.close()


@pytest.mark.skipif(sys.platform != "linux", reason="locks of bytes are peculiar to Linux")
def test_nobody_else_writes_while_a_writer_has_the_file(tmp_path):
    service = new_service(tmp_path)
    service.open()
    apply(service, leaf("results.a", number("x", 1)))
    service.flush()
    code = "import h5py, sys; h5py.File(sys.argv[1], 'r+')"
    assert "unable to lock file" in read_elsewhere(service.filename, code).stderr
    code = (
        "import sys; from pypet.storage_backends.hdf5.files.opening import open_file\n"
        "open_file(sys.argv[1], writable=True, timeout=0)"
    )
    assert "in use by another process" in read_elsewhere(service.filename, code).stderr
    service.close()


READER = """
import h5py, sys
file = h5py.File(sys.argv[1], 'r')
print('open', flush=True)
input()
print(*sorted(file['traj/results']))
"""


@pytest.fixture
def reader(tmp_path):
    """Return a function that starts a process which has a file open until it is told to read."""
    started = []

    def start(path):
        process = subprocess.Popen(
            [sys.executable, "-c", READER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout.readline() == "open\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="locks of bytes are peculiar to Linux")
def test_a_reader_keeps_its_view_and_a_writer_its_data(tmp_path, reader):
    service = new_service(tmp_path)
    service.commit_interval = 0.0
    service.open()
    apply(service, leaf("results.a", number("x", 1)))
    reading = reader(service.filename)
    for index in range(20):  # each of these would be committed, if nobody read
        apply(service, leaf(f"results.b{index}", number("x", index)))
    assert reading.communicate("\n", timeout=60)[0] == "a\n"
    service.close()
    assert len(names_in(service.filename)) == 21


def test_storing_waits_for_readers(tmp_path, reader):
    service = new_service(tmp_path)
    apply(service, leaf("results.a", number("x", 1)))
    reading = reader(service.filename)
    thread = threading.Thread(
        target=apply, args=(service, leaf("results.b", number("x", 2))), daemon=True
    )
    thread.start()
    assert reading.communicate("\n", timeout=60)[0] == "a\n"
    thread.join(60)
    assert not thread.is_alive()
    assert names_in(service.filename) == ["results.a", "results.b"]


def test_waiting_ends_with_an_error_that_says_what_to_do(tmp_path, reader):
    service = new_service(tmp_path, lock_timeout=0.05)
    apply(service, leaf("results.a", number("x", 1)))
    reader(service.filename)
    with pytest.raises(BlockingIOError, match="in use by another process; wait"):
        apply(service, leaf("results.b", number("x", 2)))


def test_another_writer_in_between_is_noticed(tmp_path):
    service = new_service(tmp_path)
    service.commit_interval = 1e9
    service.open()
    apply(service, leaf("results.a", number("x", 1)))
    service.flush()
    code = (
        "import os; os.environ['HDF5_USE_FILE_LOCKING'] = 'FALSE'\n"
        "import h5py, sys; h5py.File(sys.argv[1], 'r+').create_group('foreign')"
    )
    read_elsewhere(service.filename, code)
    apply(service, leaf("results.b", number("x", 2)))
    with pytest.raises(OSError, match="Another program has written to the file"):
        service.flush()
    with pytest.raises(OSError, match="Another program has written to the file"):
        service.close()
    with h5py.File(service.filename, "r") as file:
        assert "foreign" in file
        assert list(file["traj/results"]) == ["a"]


def test_a_new_file_that_cannot_be_committed_is_not_left_open(tmp_path, monkeypatch):
    # HDF5 would close it when Python has gone, and bring the process down.
    options = CommitOptions(durable=True)
    combined = CombinedCommitOptions()
    combined.add(options)
    close_abandoned()
    before = h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE)

    def fail(descriptor):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="cannot be written"):
            create_file(str(tmp_path / "new.hdf5"), "title", Filters(), options=combined)
    close_abandoned()
    assert h5py.h5f.get_obj_count(h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE) == before
    assert not (tmp_path / "new.hdf5").exists()
