"""Which runs are due, and what has to be removed from memory before they are executed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from pypet.environment.pipeline import Results
from pypet.errors import NotStoredError
from pypet.runs import run_table_of

if TYPE_CHECKING:
    import numpy as np

    from pypet.trajectory import Trajectory

    Indices = np.ndarray[Any, np.dtype[np.int64]]

OUTSIDE_RUNS = "trajectory"
"""The run branch of nodes that belong to no run."""


def due_runs(trajectory: Trajectory, first: int) -> Indices:
    """Return the indices, from ``first`` on, of the runs that are not completed.

    Raises
    ------
    RuntimeError
        The trajectory was loaded without its run table.
    """
    runs = run_table_of(trajectory)
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
    runs = run_table_of(trajectory)
    if first >= len(runs):
        return first
    pending = runs.pending(first)
    return int(pending[0]) if len(pending) else len(runs)


def discard_runs(
    trajectory: Trajectory,
    indices: Iterable[int],
    results: Results,
    error: BaseException | None = None,
) -> None:
    """Count runs whose data was lost as not completed, and drop their return values.

    They count as failed if ``error``, the reason, is given.
    """
    lost = frozenset(indices)
    runs = run_table_of(trajectory)
    if error is None:
        runs.mark_incomplete(sorted(lost))
    else:
        now = time.time()
        for index in sorted(lost):
            own = error.of_run(index) if isinstance(error, NotStoredError) else error
            runs.fail(index, own, now)
    results[:] = [pair for pair in results if pair[0] not in lost]


class RunDataCleaner:
    """Removes stored nodes of runs that did not exist when the cleaner was made."""

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory
        self._kept = {node.v_full_name for node in _run_nodes(trajectory)}

    def clean(self) -> None:
        """Remove the nodes; groups that are not empty stay."""
        nodes = _run_nodes(self._trajectory)
        _remove_stored(
            self._trajectory, (node for node in nodes if node.v_full_name not in self._kept)
        )


def remove_unfinished_runs(trajectory: Trajectory) -> None:
    """Remove nodes without data of runs that are not completed: these runs will add them again.

    Data of a run can be stored although the experiment ended before the run counted as completed;
    loading the trajectory then makes its nodes. What is stored stays, and so do nodes that hold
    their data: these were added, or loaded, on purpose.
    """
    is_completed: dict[str, bool] = {}
    found = []
    for node in _run_nodes(trajectory):
        name = node.v_run_branch
        if name not in is_completed:
            try:
                index: Any = trajectory.f_idx_to_run(name)
            except KeyError:  # the name outside of runs, ``run_ALL``
                index = None
            is_completed[name] = index is None or bool(run_table_of(trajectory).completed(index))
        if not is_completed[name] and (not node.v_is_leaf or node.f_is_empty()):
            found.append(node)
    _remove_stored(trajectory, found)


def _remove_stored(trajectory: Trajectory, nodes: Iterable[Any]) -> None:
    """Remove those nodes that are stored; groups that are not empty stay."""
    # Leaves first, then groups from below.
    for node in sorted(nodes, key=lambda node: -node.v_depth):
        if node.v_stored and (node.v_is_leaf or not node.f_has_children()):
            trajectory.f_remove_item(node)


def _run_nodes(trajectory: Trajectory) -> Iterator[Any]:
    for node in trajectory.f_iter_nodes(with_links=False):
        if node.v_run_branch != OUTSIDE_RUNS:
            yield node
