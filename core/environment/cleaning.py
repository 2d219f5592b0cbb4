"""Removing run data from memory that post-processing loaded."""

from __future__ import annotations

from collections.abc import Iterator
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
        # Leaves first, then groups from below.
        nodes = sorted(_run_nodes(self._trajectory), key=lambda node: -node.v_depth)
        for node in nodes:
            if not node.v_stored or node.v_full_name in self._kept:
                continue
            if node.v_is_leaf or not node.f_has_children():
                self._trajectory.f_remove_item(node)


def _run_nodes(trajectory: Trajectory) -> Iterator[Any]:
    for node in trajectory.f_iter_nodes(with_links=False):
        if node.v_run_branch != OUTSIDE_RUNS:
            yield node
