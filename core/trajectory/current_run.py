"""The current run of a trajectory: selecting it, iterating over runs, and collecting their data."""

from __future__ import annotations

import logging
import operator
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any

import numpy as np

from pypet.support.arguments import is_integer
from pypet.support.decorators import kwargs_api_change, not_in_run
from pypet.trajectory.run_control import enter_run, leave_run
from pypet.trajectory.run_search import RunSearch, load_tree_of_runs
from pypet.trajectory.seeds import draw_seed, latest_seed, make_generator, seed_of_run
from pypet.trajectory.state import TrajectoryState

_logger = logging.getLogger(__name__)

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
        """Whether the trajectory is in a single run: added nodes belong to the run, and methods
        that concern all runs are not available."""
        return self._is_run

    @not_in_run
    def f_set_crun(self, name_or_idx: str | int | None) -> None:
        """Set the trajectory to a run: explored parameters have the values of this run.

        None, -1 and the dummy name mean no particular run (`f_restore_default`).

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
            enter_run(self, name_or_idx)
            return
        idx = -1 if name_or_idx is None else self._index_of(name_or_idx)
        if idx < 0:
            leave_run(self)
        else:
            enter_run(self, idx)

    @not_in_run
    def f_restore_default(self) -> None:
        """Set the trajectory to no particular run: explored parameters have their defaults."""
        leave_run(self)

    @not_in_run
    def f_iter_runs(
        self, start: int = 0, stop: int | None = None, step: int = 1, yields: str = "name"
    ) -> Iterator[Any]:
        """Set the trajectory to one run after the other; afterwards to no particular run.

        ``start``, ``stop`` and ``step`` define a range of run indices. ``yields`` determines
        what to yield for each run: ``'name'``, ``'idx'``, ``'self'`` (this trajectory) or
        ``'copy'`` (a shallow copy of it that is set to the run).

        Raises
        ------
        ValueError
            ``yields`` has another value, or ``stop`` exceeds the number of runs. As this is a
            generator, it is raised when the first run is requested.
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
            raise ValueError("`f_iter_runs` does not accept step=0.")
        if stop > length:
            raise ValueError(f"`f_iter_runs` cannot go on to stop={stop}: there are {length} runs.")
        try:
            for idx in range(start, stop, step):
                enter_run(self, idx)
                yield self._yielded(kind)
        finally:
            if not self._is_run:
                leave_run(self)

    def _yielded(self, kind: str) -> Any:
        if kind == "name":
            return self._run_name
        if kind == "idx":
            return self._idx
        return self if kind == "self" else self.f_copy()

    # ----- data of runs --------------------------------------------------------------------

    @kwargs_api_change("backwards_search")
    @kwargs_api_change("where")
    @not_in_run
    def f_get_from_runs(
        self,
        name: str,
        include_default_run: bool = True,
        use_indices: bool = False,
        fast_access: bool = False,
        with_links: bool = True,
        shortcuts: bool = True,
        max_depth: int | None = None,
        auto_load: bool = False,
    ) -> OrderedDict[Any, Any]:
        """Return the items called ``name`` of all runs, by run name or, optionally, by index.

        Runs come in their order; runs without such an item are left out. The item is searched
        below every group with the name of the run, and with ``include_default_run``, if it is not
        found there, below the groups of the dummy run. ``max_depth`` counts from the parent of the
        run group. With ``auto_load`` the data of the items is loaded, and before that, if a
        completed run seems to have no such item, all nodes without their data. The other arguments
        are those of `f_get`.

        Raises
        ------
        NotUniqueNodeError
            There are several such items in one run.
        ValueError
            ``auto_load`` is given without ``with_links``.
        AttributeError
            No run has an item of this name in memory; the message suggests similar names.
        DataNotInStorageError
            The same with ``auto_load``; it is not in the storage either.
        """
        if auto_load and not with_links:
            raise ValueError("`auto_load` needs `with_links`: what is loaded may be a link.")
        options = {
            "with_links": with_links,
            "shortcuts": shortcuts,
            "max_depth": None if max_depth is None else max_depth - 1,
        }
        search = RunSearch(self, name, options, include_default_run, auto_load)
        current = self._idx
        try:
            with self._storage_at_hand() if auto_load else nullcontext():
                search.look_into(self._runs.indices)
                if search.may_be_stored() and load_tree_of_runs(self):
                    search.look_into(search.missing)
                search.load_data()
                values = search.values() if fast_access else search.items
        finally:
            if current < 0:
                leave_run(self)
            else:
                enter_run(self, current)
        if not values:
            search.check_name()
        name_of = self._runs.name
        return OrderedDict(
            (idx if use_indices else name_of(idx), values[idx]) for idx in sorted(values)
        )

    @contextmanager
    def _storage_at_hand(self) -> Iterator[None]:
        """Open the storage once for everything loaded within a ``with`` block."""
        with ExitStack() as stack:
            service = self._storage_service
            try:
                if service is not None:
                    stack.enter_context(service.reading())
            except (OSError, ValueError) as error:
                _logger.debug("Results of runs could not be loaded: %s", error)
            yield

    def f_rng(self, name: str | None = None) -> np.random.Generator:
        """Return the random number generator of the current run.

        It is seeded with the seed of the experiment (option ``seed`` of the environment, drawn
        at random without one), the index of the run and ``name``, so that numbers depend neither
        on the order of the runs nor on where they are executed. Further calls in the same run
        return the same generator; it is seeded again when the trajectory is set to the run
        again. Different names give independent generators. There is another one outside of runs.

        The seed is stored. A loaded trajectory that is set to a completed run reproduces the
        numbers of this run: the seed is that of the environment that executed it. In all other
        cases it is that of the current environment, or else of the latest one.

        Notes
        -----
        Made by ``numpy.random.SeedSequence``, whose spawn key is the run index plus one and, with
        a name, the SHA-256 of the name in words of 32 bits.

        Raises
        ------
        TypeError
            The name is not text.
        """
        if not (name is None or isinstance(name, str)):
            raise TypeError(
                f"The name of a random number generator is text, not {name!r}. The seed is an "
                "option of the environment: `seed=`."
            )
        idx = self._idx
        key = (idx, name)
        generator = self._generators.get(key)
        if generator is None:
            generator = self._generators[key] = make_generator(self._seed_for(idx), idx, name)
        return generator

    def _seed_for(self, idx: int) -> int:
        """Return the seed of a run that is or was executed; ``idx`` -1 means no particular run."""
        if idx >= 0 and not self._is_run:
            seed = seed_of_run(self, idx)
            if seed is not None:
                return seed
        return self._current_seed()

    def _current_seed(self) -> int:
        """Return the seed for future runs, which is that of the previous runs if there is one."""
        if self._seed is None:
            latest = latest_seed(self)
            self._seed = draw_seed() if latest is None else latest
        return self._seed

    # ----- names and indices ---------------------------------------------------------------

    def f_idx_to_run(self, name_or_idx: str | int) -> str | int:
        """Return the name of a run given by its index, or the index of one given by its name.

        Raises
        ------
        KeyError
            There is no such run; -1 and the dummy name are not runs.
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
                f"Trajectory `{self._name}` with {len(self._runs)} runs has no run {name!r}."
            )
        return idx


def _as_index(idx: object) -> int:
    try:
        return operator.index(idx)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"A run is given by its name or its index, not by {idx!r}.") from None
