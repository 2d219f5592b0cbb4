"""What runs in the processes of the conformance suite of wrap modes; importable by all of them."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from pypet.interfaces import Outcome, StorageService
from pypet.leaves import Result

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
