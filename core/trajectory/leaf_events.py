"""What a trajectory does when a leaf comes into its tree or leaves it."""

from __future__ import annotations

from typing import Any

from pypet.trajectory.state import TrajectoryState
from pypet.tree.node import put


class LeafEvents(TrajectoryState):
    """The part of a trajectory that the tree tells about leaves."""

    __slots__ = ()

    def _leaf_added(self, leaf: Any) -> None:
        """Set what was preset, and note explored parameters.

        Raises
        ------
        ValueError
            The range of the leaf does not fit the number of runs.
        """
        if not self._follows_leaves:
            return
        if self._presets and leaf._full_name in self._presets:
            self._apply_preset(leaf)
        if leaf._is_parameter:
            name = leaf._full_name
            if name in self._explored:
                self._register_explored(name, leaf)
            elif leaf.v_explored and leaf.f_has_range() and not self._is_run:
                self._adopt_range(leaf)

    def _adopt_range(self, leaf: Any) -> None:
        """Accept a parameter that was explored elsewhere."""
        length = leaf.f_get_range_length()
        if not self._explored and not self._runs.any_completed() and length != len(self._runs):
            self._runs.reset(length)
        if length != len(self._runs):
            raise ValueError(
                f"Parameter `{leaf._full_name}` has a range of {length} values and cannot be "
                f"added to trajectory `{self._name}` with {len(self._runs)} runs."
            )
        self._register_explored(leaf._full_name, leaf)

    def _leaf_removed(self, leaf: Any) -> None:
        """Keep no reference to a leaf that goes; without the last range one run remains."""
        name = leaf._full_name
        if leaf._is_parameter and self._has_all_parameters:
            put(self, "_has_all_parameters", False)
        if self._explored.get(name) is not leaf:
            return
        if self._stored:
            self._explored[name] = None
            return
        del self._explored[name]
        if not self._explored and not self._is_run:
            self._leave_run()
            self._runs.reset(1)
