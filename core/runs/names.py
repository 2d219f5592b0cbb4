"""Names of runs, computed from their indices and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pypet.pypetconstants import FORMATTED_RUN_NAME

if TYPE_CHECKING:
    from pypet.tree.wildcards import Wildcards


class RunNames:
    """Names of runs: those of the wildcard ``$``, or those that a storage had.

    Names are computed in both directions and take no memory, except names made by a user's
    function, which the wildcards cache, and names from a storage that differ from computed ones.
    """

    __slots__ = ("_by_name", "_given", "_wildcards", "are_default")

    def __init__(self, wildcards: Wildcards) -> None:
        self._wildcards = wildcards
        self._given: dict[int, str] = {}
        self._by_name: dict[str, int] = {}
        self.are_default = not wildcards.names_runs_itself
        """Whether every name is the default one."""

    def name(self, idx: int) -> str:
        """Return the name of the run ``idx``, not negative, whether it exists or not."""
        if self.are_default:
            return FORMATTED_RUN_NAME % idx
        given = self._given.get(idx)
        return self._wildcards.run_name(idx) if given is None else given

    def find(self, name: str) -> int | None:
        """Return the index of the run of this name, whether it exists or not; None if no run can
        have it."""
        if self._given:
            if name in self._by_name:
                return self._by_name[name]
            idx = self._wildcards.run_index(name)
            return None if idx in self._given else idx
        return self._wildcards.run_index(name)

    def check(self, length: int) -> None:
        """Check that the names of runs 0 to ``length - 1`` are unique.

        Raises
        ------
        RuntimeError
            The user's function returns the same name for two runs, or the dummy name for a run.
        """
        self._wildcards.check_run_names(length)

    def load(self, names: Iterable[tuple[int, str]]) -> None:
        """Set names that were read from a storage; only those that differ are kept."""
        computed_name = self._wildcards.run_name
        for idx, name in names:
            if name != computed_name(idx):
                self._given[idx] = name
                self._by_name[name] = idx
                self.are_default = False

    def copy(self, wildcards: Wildcards) -> RunNames:
        """Return equal names for a trajectory with these wildcards."""
        twin = RunNames(wildcards)
        if self._given:
            twin._given = dict(self._given)
            twin._by_name = dict(self._by_name)
            twin.are_default = False
        return twin

    def restricted_to(self, indices: Iterable[int]) -> RunNames:
        """Return names with what was read from a storage for these runs only."""
        twin = self.computed()
        if self._given:
            twin.load((idx, self.name(idx)) for idx in indices)
        return twin

    def computed(self) -> RunNames:
        """Return names by the same wildcards, without those from a storage."""
        return RunNames(self._wildcards)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Spelled out because pickle protocols 0 and 1 do not support slots.
        return None, {name: getattr(self, name) for name in self.__slots__}
