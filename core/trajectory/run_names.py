"""Run index <-> run name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pypet.pypetconstants import FORMATTED_RUN_NAME

if TYPE_CHECKING:
    from pypet.tree.wildcards import Wildcards


class RunNames:
    """Names runs as the wildcard ``$`` does, or as a storage that was read says.

    Names are computed in both directions and cost no memory, unless a function of the user gives
    them (then the wildcards keep them) or a storage gave names that differ.
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
        """Return which run would have this name, whether it exists or not; None without."""
        if self._given:
            if name in self._by_name:
                return self._by_name[name]
            idx = self._wildcards.run_index(name)
            return None if idx in self._given else idx
        return self._wildcards.run_index(name)

    def check(self, length: int) -> None:
        """Make sure that the runs 0 to ``length - 1`` have names of their own.

        Raises
        ------
        RuntimeError
            The user's function gives two runs the same name, or one run the dummy name.
        """
        self._wildcards.check_run_names(length)

    def adopt(self, names: Iterable[tuple[int, str]]) -> None:
        """Take over names that were read back; those that are as computed cost nothing."""
        computed = self._wildcards.run_name
        for idx, name in names:
            if name != computed(idx):
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

    def only(self, indices: Iterable[int]) -> RunNames:
        """Return names that know what was read back for these runs alone."""
        twin = self.fresh()
        if self._given:
            twin.adopt((idx, self.name(idx)) for idx in indices)
        return twin

    def fresh(self) -> RunNames:
        """Return names by the same wildcards, without any that were read back."""
        return RunNames(self._wildcards)

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        # Written out for the old pickle protocols, which do not know slots.
        return None, {name: getattr(self, name) for name in self.__slots__}
