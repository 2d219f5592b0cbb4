"""The current run: which one a trajectory stands for, and going through all of them."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from pypet.support.arguments import is_integer
from pypet.support.decorators import not_in_run
from pypet.trajectory.state import TrajectoryState
from pypet.tree.node import put

_YIELDS = ("name", "idx", "self", "copy")


class CurrentRun(TrajectoryState):
    """The part of a trajectory that selects runs."""

    __slots__ = ()

    @property
    def v_idx(self) -> int:
        """Index of the current run, -1 for no particular run. Can be set, also to a name, but
        not during a run."""
        return self._idx

    @v_idx.setter
    def v_idx(self, name_or_idx: str | int | None) -> None:
        self.f_set_crun(name_or_idx)

    @property
    def v_crun(self) -> str | None:
        """Name of the current run, None for no particular run. Can be set, also to an index, but
        not during a run."""
        return self._run_name

    @v_crun.setter
    def v_crun(self, name_or_idx: str | int | None) -> None:
        self.f_set_crun(name_or_idx)

    @property
    def v_crun_(self) -> str:
        """Name of the current run, the dummy name for no particular run."""
        return self._tree.wildcards.run_name(-1) if self._run_name is None else self._run_name

    @property
    def v_is_run(self) -> bool:
        """Whether the trajectory is in a single run: what is added belongs to the run, and what
        concerns all runs is not available."""
        return self._is_run

    @not_in_run
    def f_set_crun(self, name_or_idx: str | int | None) -> None:
        """Set the trajectory to a run: explored parameters have the values of this run.

        None, -1 and the dummy name stand for no particular run (`f_restore_default`).

        Searches still see the nodes of all runs: if several runs have a ``z``, ``traj.z`` is not
        unique, but ``traj.crun.z`` is that of the current run.

        Raises
        ------
        KeyError
            There is no such run; the trajectory stays as it is.
        TypeError
            The argument is neither a name nor an index.
        """
        if type(name_or_idx) is int and name_or_idx >= 0:
            self._enter_run(name_or_idx)
            return
        idx = -1 if name_or_idx is None else self._index_of(name_or_idx)
        if idx < 0:
            self._leave_run()
        else:
            self._enter_run(idx)

    @not_in_run
    def f_restore_default(self) -> None:
        """Set the trajectory to no particular run: explored parameters have their defaults."""
        self._leave_run()

    @not_in_run
    def f_iter_runs(
        self, start: int = 0, stop: int | None = None, step: int = 1, yields: str = "name"
    ) -> Iterator[Any]:
        """Set the trajectory to one run after the other; afterwards to no particular run.

        ``start``, ``stop`` and ``step`` are those of a range of run indices. ``yields`` says
        what to give for each run: ``'name'``, ``'idx'``, ``'self'`` (this trajectory) or
        ``'copy'`` (a shallow copy of it that is set to the run).

        Raises
        ------
        ValueError
            ``yields`` is something else, or ``stop`` exceeds the number of runs. As this is a
            generator, it appears when the first run is asked for.
        KeyError
            A run is not known (see `f_get_run_information`).
        """
        kind = yields.lower() if isinstance(yields, str) else ""
        if kind not in _YIELDS:
            raise ValueError(
                f"`f_iter_runs` yields {', '.join(map(repr, _YIELDS))}, not {yields!r}."
            )
        length = len(self._runs)
        if stop is None:
            stop = length
        for name, value in (("start", start), ("stop", stop), ("step", step)):
            if not is_integer(value):
                raise TypeError(f"`f_iter_runs` takes indices of runs, not {name}={value!r}.")
        if step == 0:
            raise ValueError("`f_iter_runs` cannot go on by step=0.")
        if stop > length:
            raise ValueError(f"`f_iter_runs` cannot go on to stop={stop}: there are {length} runs.")
        try:
            for idx in range(start, stop, step):
                self._enter_run(idx)
                yield self._yielded(kind)
        finally:
            if not self._is_run:
                self._leave_run()

    def _yielded(self, kind: str) -> Any:
        if kind == "name":
            return self._run_name
        if kind == "idx":
            return self._idx
        return self if kind == "self" else self.f_copy()

    # ----- names and indices ---------------------------------------------------------------

    def f_idx_to_run(self, name_or_idx: str | int) -> str | int:
        """Return the name of a run given by its index, or the index of one given by its name.

        Raises
        ------
        KeyError
            There is no such run; -1 and the dummy name are none.
        TypeError
            The argument is neither a name nor an index.
        """
        if isinstance(name_or_idx, str):
            return self._index_of_name(name_or_idx)
        return self._runs.name(_as_index(name_or_idx))

    def _index_of(self, name_or_idx: str | int) -> int:
        """Return the index of a run, -1 for the dummy run; it may not exist."""
        if isinstance(name_or_idx, str):
            if name_or_idx == self._tree.wildcards.run_name(-1):
                return -1
            return self._index_of_name(name_or_idx)
        idx = _as_index(name_or_idx)
        if idx < -1:
            raise KeyError(f"There is no run with index {idx}.")
        return idx

    def _index_of_name(self, name: str) -> int:
        idx = self._runs.find(name)
        if idx is None:
            raise KeyError(
                f"Trajectory `{self._name}` with {len(self._runs)} runs knows no run {name!r}."
            )
        return idx

    # ----- switching -----------------------------------------------------------------------

    def _enter_run(self, idx: int) -> None:
        """Set the trajectory to the known run ``idx``; nothing changes if that fails."""
        name = self._runs.name(idx)
        try:
            for parameter in self._explored.values():
                if parameter is not None:
                    parameter._set_parameter_access(idx)
        except BaseException:
            self._access(self._idx)
            raise
        state = self.__dict__  # half the price of setting attributes, and paid for every run
        state["_idx"] = idx
        state["_run_name"] = name
        generators = state["_generators"]
        if generators:  # those of runs start again; those for no particular run go on
            state["_generators"] = {key: each for key, each in generators.items() if key[0] < 0}

    def _leave_run(self) -> None:
        """Set the trajectory to no particular run."""
        self._access(-1)
        put(self, "_idx", -1)
        put(self, "_run_name", None)

    def _access(self, idx: int) -> None:
        for parameter in self._explored.values():
            if parameter is None:
                continue
            if idx < 0:
                parameter._restore_default()
            elif parameter.f_has_range() and idx < parameter.f_get_range_length():
                parameter._set_parameter_access(idx)


def _as_index(idx: object) -> int:
    try:
        return operator.index(idx)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"A run is given by its name or its index, not by {idx!r}.") from None
