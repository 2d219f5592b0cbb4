"""From names of the other trajectory's runs to names of the new runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pypet.trajectory.merging.conditions import chosen_aliases


class Translation:
    """Renames what belongs to a run: each component that a wildcard gave for the old run becomes
    what the same wildcard gives for the new one."""

    def __init__(self, traj: Any, other: Any, new_indices: Mapping[int, int]) -> None:
        """``new_indices`` has runs of ``other`` and which runs of ``traj`` they become."""
        self._traj = traj
        self._other = other
        self._wildcards = sorted(chosen_aliases(traj))
        self.new_indices = dict(new_indices)
        self.dummies = {other.f_wildcard(wildcard, -1): wildcard for wildcard in self._wildcards}
        self._tables: dict[int, dict[str, str]] = {}

    def table(self, old: int) -> dict[str, str]:
        """Return old component -> new component for one of the other's runs."""
        table = self._tables.get(old)
        if table is None:
            new = self.new_indices[old]
            table = {
                self._other.f_wildcard(wildcard, old): self._traj.f_wildcard(wildcard, new)
                for wildcard in self._wildcards
            }
            self._tables = {old: table}  # nodes of one run come together
        return table

    def run_of(self, path: str) -> int | None:
        """Return the other's run that something belongs to: a component is the name of the run."""
        for part in path.split("."):
            idx = self._other._runs.find(part)
            if idx is not None:
                return int(idx)
        return None

    def of_run(self, path: str, old: int) -> str:
        """Return the new full name of something that belongs to the other's run ``old``."""
        table = self.table(old)
        return ".".join([table.get(part, part) for part in path.split(".")])

    def of_dummy(self, path: str, new: int) -> str:
        """Return the full name that a dummy name stands for in the new run ``new``."""
        dummies = self.dummies
        return ".".join(
            [
                self._traj.f_wildcard(dummies[part], new) if part in dummies else part
                for part in path.split(".")
            ]
        )

    def has_dummy(self, path: str) -> bool:
        """Say whether a component is a dummy name."""
        return not self.dummies.keys().isdisjoint(path.split("."))
