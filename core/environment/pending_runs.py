"""Which runs are due, and where the next experiment goes on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pypet.environment.postprocessing import Results
from pypet.errors import NotStoredError

if TYPE_CHECKING:
    import numpy as np

    from pypet.trajectory import Trajectory

    Indices = np.ndarray[Any, np.dtype[np.int64]]


def due_runs(trajectory: Trajectory, first: int) -> Indices:
    """Return the indices, from ``first`` on, of the runs that are not completed.

    Raises
    ------
    RuntimeError
        It is not known of all runs whether they are completed.
    """
    runs = trajectory._runs
    if not runs.knows_all:
        raise RuntimeError(
            f"It is not known which of the {len(runs)} runs of trajectory "
            f"{trajectory.v_name!r} are completed; load it with run information."
        )
    return runs.pending(first)


def first_pending(trajectory: Trajectory, first: int) -> int:
    """Return the first index, from ``first`` on, of a run that is not completed.

    If there is none it is the number of runs.
    """
    runs = trajectory._runs
    if first >= len(runs):
        return first
    pending = runs.pending(first)
    return int(pending[0]) if len(pending) else len(runs)


def take_back(
    trajectory: Trajectory,
    indices: Iterable[int],
    results: Results,
    error: BaseException | None = None,
) -> None:
    """Count runs as not completed whose data was lost, and drop what they returned.

    They count as failed if ``error`` says why.
    """
    lost = frozenset(indices)
    runs = trajectory._runs
    if error is None:
        runs.mark_incomplete(sorted(lost))
    else:
        now = time.time()
        for index in sorted(lost):
            own = error.of_run(index) if isinstance(error, NotStoredError) else error
            runs.fail(index, own, now)
    results[:] = [pair for pair in results if pair[0] not in lost]
