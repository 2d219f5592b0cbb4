"""What runs in the processes of the conformance suite of wrap modes; importable by all of them."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from pypet.interfaces import Outcome, StorageService
from pypet.leaves import Result
from pypet.records import PutMeta, StoreRequest
from pypet.services.record_service import RecordStorageService
from pypet.shareddata import SharedArray, SharedResult

BAD = "bad"
"""Name of a result that `PickyService` refuses."""
REASON = "no room for bad results"


class DeadlyResult(Result):
    """Kills the process that stores it, in the middle of storing."""

    __slots__ = ()

    def _store(self) -> dict[str, Any]:
        if hasattr(signal, "SIGKILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(1)


class PickyService(StorageService):
    """A service of a user's own kind around another one: knows messages only, refuses some."""

    def __init__(self, service: StorageService) -> None:
        self._service = service

    @property
    def is_open(self) -> bool:
        """Whether the storage is kept open."""
        return self._service.is_open

    def kept_open(self, trajectory_name: str) -> AbstractContextManager[Any]:
        """Keep the storage open."""
        return self._service.kept_open(trajectory_name)

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store, unless a new node of a run has the name `BAD`: then raise OSError."""
        new = getattr(stuff_to_store, "_new_nodes", None) or {}
        if any(name.endswith(f".{BAD}") for name in new):
            raise OSError(28, REASON)
        return self._service.store(msg, stuff_to_store, *args, **kwargs)

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load."""
        return self._service.load(msg, stuff_to_load, *args, **kwargs)


class DeadlyService(PickyService):
    """Kills the process that stores a result with the name ``deadly``, while it stores."""

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store, or die."""
        new = getattr(stuff_to_store, "_new_nodes", None) or {}
        if any(name.endswith(".deadly") for name in new):
            DeadlyResult("deadly", 0)._store()
        return super().store(msg, stuff_to_store, *args, **kwargs)


class ExclusiveService(PickyService):
    """Notes when it is used by two processes at once."""

    def __init__(self, service: StorageService, folder: Path) -> None:
        super().__init__(service)
        self._mark = folder / "in-use"

    @staticmethod
    def overlaps(folder: Path) -> bool:
        """Return whether two processes have used it at once."""
        return (folder / "in-use.twice").exists()

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store, long enough to be noticed."""
        try:
            os.close(os.open(self._mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            self._mark.with_suffix(".twice").touch()
        time.sleep(0.005)
        try:
            return super().store(msg, stuff_to_store, *args, **kwargs)
        finally:
            self._mark.unlink(missing_ok=True)


class OrderedService(RecordStorageService):
    """Notes in which order data of runs and their rows of the run table are stored."""

    order_path: Path

    @classmethod
    def extend(cls, service: StorageService, path: Path) -> bool:
        """Let a service note the order in a file; False if it is none of records."""
        if not isinstance(service, RecordStorageService):
            return False
        kind = type(service)
        globals()["_Ordered"] = type(
            "_Ordered", (cls, kind), {"__module__": __name__, "__doc__": cls.__doc__}
        )
        service.__class__ = globals()["_Ordered"]
        service.order_path = path  # type: ignore[attr-defined]
        return True

    @staticmethod
    def order(path: Path) -> list[str]:
        """Return what was stored, in order: ``data 1`` and ``row 1`` of run 1."""
        return path.read_text().splitlines() if path.exists() else []

    def apply(self, request: StoreRequest) -> None:
        """Apply, then note it."""
        super().apply(request)  # type: ignore[safe-super]  # of the service that was extended
        notes = []
        for operation in request.operations:
            if isinstance(operation, PutMeta):
                done = operation.runs.idx[operation.runs.completed == 1]
                notes += [f"row {index}" for index in done.tolist()]
            elif found := re.search(r"run_(\d{8})\.field", getattr(operation, "path", "")):
                notes.append(f"data {int(found[1])}")
        with open(self.order_path, "a") as stream:
            stream.writelines(f"{note}\n" for note in notes)


def add_results(traj: Any, index: int) -> None:
    """Add what a run of the suite stores."""
    traj.f_add_result("number", index * 1.5, comment="a number")
    traj.f_add_result("several", text=f"run {index}", items=[index, 2], flag=index % 2 == 0)
    traj.f_add_result("field", np.arange(20_000, dtype=float) + index)
    traj.f_add_derived_parameter("twice", 2 * index)
    number = traj.f_get("results.runs.$.number")
    traj.f_get("results.runs.$").f_add_link("first", number)


def add_bad_result(traj: Any, index: int) -> None:
    """Add what `PickyService` refuses in run 1, good results elsewhere."""
    traj.f_add_result(BAD if index == 1 else "good", index)


def add_deadly_result(traj: Any, index: int) -> None:
    """Add what kills the process."""
    traj.f_add_result(DeadlyResult, "deadly", index)


def add_big_results(traj: Any, index: int) -> None:
    """Add results of several megabytes, an array and text."""
    array = np.arange(3_000_000 // 8) + float(index)
    traj.f_add_result("big", array=array, text=str(index) * 3_000_000)


def add_in_steps(traj: Any, index: int) -> None:
    """Store one result after the other."""
    for step in range(4):
        traj.f_add_result(f"step_{step}", 10 * index + step)
        traj.f_store_item(f"results.runs.$.step_{step}")


def overwrite(traj: Any, index: int) -> None:
    """Store a result, then replace it twice."""
    result = traj.f_add_result("changing", f"first of {index}")
    traj.f_store_item(result)
    for text in ("second", "third"):
        result.f_set(f"{text} of {index}")
        traj.f_store_item(result, overwrite=True)


def delete_results(traj: Any, index: int) -> None:
    """Store two results and delete one of them again."""
    traj.f_add_result("lasting", index)
    passing = traj.f_add_result("passing", index)
    traj.f_store_item(passing)
    traj.f_delete_item(passing, remove_from_trajectory=True)


def add_shared_result(traj: Any, index: int) -> None:
    """Create shared data."""
    result = traj.f_add_result(SharedResult, "shared", array=SharedArray())
    result.create_shared_data("array", obj=np.array([1, 2, 3]))


def change_after_storing(traj: Any, index: int) -> None:
    """Store arrays, then change them."""
    small, large = np.arange(10), np.arange(50_000)
    traj.f_store_item(traj.f_add_result("arrays", small=small, large=large))
    small[:] = large[:] = -1


def fail(traj: Any, index: int) -> None:
    """Store a result and fail."""
    traj.f_store_item(traj.f_add_result("before", index))
    raise ValueError(str(index))


def load_parameter(traj: Any, index: int) -> None:
    """Load a parameter during the run and store its value."""
    traj.f_load_child("parameters.unchanging", load_data=3)
    traj.f_add_result("loaded", traj.f_get("parameters.unchanging").f_get())


def execute(
    service: StorageService,
    collect: Callable[[Any], Any],
    pickled: bytes,
    fill: Callable[[Any, int], None],
    indices: Iterable[int],
    connection: Connection,
) -> None:
    """Execute runs and send each outcome as soon as it is there; errors are in the outcomes."""
    traj = pickle.loads(pickled)
    traj.v_storage_service = service
    for index in indices:
        connection.send(_outcome(traj, collect, fill, index))
    connection.close()


def _outcome(
    traj: Any, collect: Callable[[Any], Any], fill: Callable[[Any, int], None], index: int
) -> Outcome:
    started, error = time.time(), None
    traj.f_set_crun(index)
    traj.f_start_run()
    try:
        fill(traj, index)
        traj.f_store()
    except Exception as caught:
        error = caught
    payload = collect(traj)
    with contextlib.suppress(Exception):
        traj.f_finalize_run(store_meta_data=False)
    return Outcome(index, None, started, time.time(), error, payload)
