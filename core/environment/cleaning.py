"""Removing run data from memory that was loaded and is in the way of runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

OUTSIDE_RUNS = "trajectory"
"""The run branch of nodes that belong to no run."""


class RunDataCleaner:
    """Removes nodes of runs that are stored and were not there when the cleaner was made."""

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory = trajectory
        self._kept = {node.v_full_name for node in _run_nodes(trajectory)}

    def clean(self) -> None:
        """Remove the nodes; groups stay if something is left in them."""
        nodes = _run_nodes(self._trajectory)
        _remove_stored(
            self._trajectory, (node for node in nodes if node.v_full_name not in self._kept)
        )


def forget_unfinished_runs(trajectory: Trajectory) -> None:
    """Remove nodes without data of runs that are not completed, which will add them again.

    Data of a run can be stored although the experiment ended before the run counted as completed;
    its nodes are there when the trajectory is loaded. What is stored stays, and so do nodes that
    hold their data: these were added, or loaded, on purpose.
    """
    is_completed: dict[str, bool] = {}
    runs: Any = trajectory._runs
    found = []
    for node in _run_nodes(trajectory):
        name = node.v_run_branch
        if name not in is_completed:
            try:
                index: Any = trajectory.f_idx_to_run(name)
            except KeyError:  # the dummy that stands for no run
                index = None
            is_completed[name] = index is None or bool(runs.completed(index))
        if not is_completed[name] and (not node.v_is_leaf or node.f_is_empty()):
            found.append(node)
    _remove_stored(trajectory, found)


def _remove_stored(trajectory: Trajectory, nodes: Iterable[Any]) -> None:
    """Remove the stored ones of some nodes; groups stay if something is left in them."""
    # Leaves first, then groups from below.
    for node in sorted(nodes, key=lambda node: -node.v_depth):
        if node.v_stored and (node.v_is_leaf or not node.f_has_children()):
            trajectory.f_remove_item(node)


def _run_nodes(trajectory: Trajectory) -> Iterator[Any]:
    for node in trajectory.f_iter_nodes(with_links=False):
        if node.v_run_branch != OUTSIDE_RUNS:
            yield node
