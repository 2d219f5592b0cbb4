"""What the conformance suite of wrap modes begins with: a trajectory, and a mode around it."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import BaseContext
from typing import Any

from pypet.interfaces import Outcome, StorageService, WrapMode
from pypet.testing.wrap_workers import execute
from pypet.trajectory import Trajectory

NAME = "conformance"
RUNS = 8
PATIENCE_SECONDS = 60
OPTIONS: dict[str, Any] = {"ncores": 2, "queue_maxsize": -1, "gc_interval": None}


class StartedMode:
    """A mode that is active around a trajectory, and what became of the runs."""

    def __init__(self, mode: WrapMode, traj: Trajectory, context: BaseContext) -> None:
        self._mode = mode
        self._traj = traj
        self._context = context
        self.outcomes: list[Outcome] = []
        self.refusals: list[RuntimeError] = []

    def __enter__(self) -> StartedMode:
        traj = self._traj
        service, traj.v_storage_service = traj.v_storage_service, None
        traj.v_full_copy = True
        self._pickled = pickle.dumps(traj)
        self._mode.start(service, self._context)
        return self

    def __exit__(self, *error: object) -> None:
        self._mode.stop()
        self._mode.wait_closed()

    def execute(self, fill: Callable[[Any, int], None], indices: Sequence[Any]) -> list[int | None]:
        """Execute runs, one process for each sequence of indices; return the exit codes."""
        mode, workers = self._mode, []
        for own in indices:
            ours, theirs = self._context.Pipe(duplex=False)
            process = self._context.Process(  # type: ignore[attr-defined]
                target=execute,
                args=(mode.worker_service(), mode.collect, self._pickled, fill, own, theirs),
            )
            process.start()
            theirs.close()
            workers.append((process, ours))
        for process, connection in workers:
            for outcome in _received(connection):
                self.outcomes.append(outcome)
                try:
                    mode.accept(outcome)
                except RuntimeError as error:
                    self.refusals.append(error)
            process.join(PATIENCE_SECONDS)
            assert process.exitcode is not None, "a worker is blocked"
        mode.check()
        return [_exit_code(process) for process, _ in workers]


def _received(connection: Any) -> Iterator[Outcome]:
    with connection:
        while connection.poll(PATIENCE_SECONDS):
            try:
                yield connection.recv()
            except EOFError:
                return
    raise AssertionError(f"No outcome arrived within {PATIENCE_SECONDS} seconds.")


def _exit_code(process: Any) -> int | None:
    code: int | None = process.exitcode
    process.close()
    return code


def sample_trajectory(service: StorageService) -> Trajectory:
    """Return a stored trajectory with `RUNS` runs."""
    traj = Trajectory(NAME, storage_service=service)
    traj.f_add_parameter("x", 0, comment="explored")
    traj.f_add_parameter("unchanging", "as it was")
    traj.f_explore({"x": list(range(RUNS))})
    traj.f_store()
    return traj
