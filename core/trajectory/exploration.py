"""Exploring: parameters get a range of values, one for each run."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Any

import numpy as np

from pypet.errors import NotUniqueNodeError
from pypet.support.arguments import check_callable, check_flag, check_mapping
from pypet.support.decorators import not_in_run
from pypet.support.spelling import did_you_mean
from pypet.trajectory.contents import Contents
from pypet.trajectory.points import Points, columns_of_dataframe, is_dataframe
from pypet.trajectory.run_control import leave_run
from pypet.tree.node import put, set_stored

EXPLORATIONS = "explorations"
"""Group below ``config`` that says how explored points were made."""

logger = logging.getLogger(__name__)


class Exploration(Contents):
    """The part of a trajectory that explores, expands and shrinks."""

    __slots__ = ()

    @not_in_run
    def f_explore(self, build_dict: Mapping[str, Iterable[Any]]) -> None:
        """Give parameters ranges: value ``i`` of each is the value in run ``i``.

        ``build_dict`` maps names of parameters, found as `f_get` finds them, to iterables of one
        common length, which becomes the number of runs. Each is consumed once. A name may also
        be that of a group, with a dictionary like this for what is below it. Values become the
        type of the parameter's default where nothing is lost by it: an integer for a default of
        0.5 becomes a `float`, as does a scalar of numpy. After an error no parameter of this call
        is explored.

        The columns of a pandas DataFrame do as well. How `pypet.sampling` made its points, with
        the seed, is recorded below ``config.explorations``.

        Raises
        ------
        AttributeError
            A name is not found, or is not unique (then a `NotUniqueNodeError`).
        ValueError
            A name belongs to a group, a result or config data; an iterable is empty, or lengths
            differ, also from that of what was explored before.
        TypeError
            A parameter is explored already or has no value; a value cannot become the type of the
            default without loss or is not supported; there is no iterable; a run is completed
            (`f_expand` adds further runs then).
        RuntimeError
            The wildcard function that names runs gives a name twice.
        """
        build_dict, record = _columns_and_record(build_dict)
        targets = self._find_targets(build_dict)
        if not targets:
            return
        self._check_explorable(targets)
        length = len(self._runs) if self._explored else None
        origin = f"what is explored already ({', '.join(self._explored)})"
        locked = {name: parameter.v_locked for name, parameter, _ in targets}
        try:
            for name, parameter, values in targets:
                parameter.f_unlock()
                parameter._explore(values)
                found = parameter.f_get_range_length()
                if length is None:
                    length, origin = found, f"parameter `{name}`"
                _check_length(name, found, length, origin)
            self._runs.reset(length or 1)
        except BaseException:
            for name, parameter, _ in targets:
                unexplore(parameter)
                if locked[name]:
                    parameter.f_lock()
            raise
        for name, parameter, _ in targets:
            self._register_explored(name, parameter)
        self._record_exploration(record)

    @not_in_run
    def f_expand(self, build_dict: Mapping[str, Iterable[Any]], fail_safe: bool = True) -> None:
        """Append further values to the ranges of all explored parameters.

        ``build_dict`` is as for `f_explore`; its names have to be those of exactly the explored
        parameters. What is known about existing runs stays. With ``fail_safe`` all ranges are as
        before after an error. Parameters that were stored are deleted from the storage, so that
        the next `f_store` writes the longer ranges; if this fails, it is only logged. In
        post-processing they stay, and are written anew when it is over.
        Without explored parameters this is `f_explore`.

        Raises
        ------
        AttributeError
            A name is not found (for instance because the parameter is not in memory), or is not
            unique (then a `NotUniqueNodeError`).
        ValueError
            As for `f_explore`.
        TypeError
            The names are not those of the explored parameters, the range of one is not in
            memory, or a value cannot become the type of the default without loss.
        RuntimeError
            The wildcard function that names runs gives a name twice.
        """
        if not self._explored:
            self.f_explore(build_dict)
            return
        build_dict, record = _columns_and_record(build_dict)
        targets = [
            (name, parameter, values if isinstance(values, list | np.ndarray) else list(values))
            for name, parameter, values in self._find_targets(build_dict)
        ]
        self._check_expandable(targets)
        old = len(self._runs)
        try:
            for _, parameter, values in targets:
                parameter.f_unlock()
                parameter._expand(values)
            self._runs.expand(old + len(targets[0][2]))
        except BaseException:
            if fail_safe:
                for name, parameter, _ in targets:
                    self._truncate(name, parameter, old)
            raise
        self._outdate([parameter for _, parameter, _ in targets])
        self._record_exploration(record)

    @not_in_run
    def f_shrink(self, force: bool = False) -> None:
        """Remove all ranges and everything that is known about runs; one run remains.

        Raises
        ------
        TypeError
            The trajectory was stored, and ``force`` is not given.
        """
        check_flag(force, "force", "All runs are taken back, not those of single parameters.")
        if self._stored and not force:
            raise TypeError(
                f"Trajectory `{self._name}` was stored, so its runs cannot be taken back. Use "
                "`force=True` to do it in memory only."
            )
        leave_run(self)
        for parameter in self._explored.values():
            if parameter is not None:
                unexplore(parameter)
        self._explored.clear()
        self._runs.reset(1)

    def f_find_idx(
        self, name_list: str | Iterable[str], predicate: Callable[..., Any]
    ) -> Iterator[int]:
        """Yield the indices of the runs for which ``predicate`` of the parameters' values is true.

        ``predicate`` is called with one value per name, in the order of the names; parameters
        that are not explored have the same value in every run. As this is a generator, errors
        appear when the first index is asked for.

        Raises
        ------
        AttributeError
            A name is not found or not unique.
        TypeError
            A name does not belong to a parameter, or the range of a parameter is not in memory:
            in a run without ``v_full_copy``, or in a copy. Or ``predicate`` cannot be called
            with one value per name.
        """
        if self._is_run and not self._full_copy:
            raise TypeError(
                "During a single run `f_find_idx` needs the ranges of all runs; set "
                "`v_full_copy` to True before the runs start."
            )
        names = [name_list] if isinstance(name_list, str) else name_list
        if not isinstance(names, Iterable):
            raise TypeError(f"`f_find_idx` takes names of parameters, not {name_list!r}.")
        names = list(names)
        _check_predicate(predicate, names)
        columns = [self._values_over_runs(name) for name in names]
        for idx, values in enumerate(zip(*columns, strict=True)):
            if predicate(*values):
                yield idx

    # ----- finding parameters --------------------------------------------------------------

    def _find_targets(
        self, build_dict: Mapping[str, Iterable[Any]]
    ) -> list[tuple[str, Any, Iterable[Any]]]:
        """Return full name, parameter and values of each entry."""
        targets: dict[str, tuple[str, Any, Iterable[Any]]] = {}
        self._add_targets(targets, self, build_dict)
        return list(targets.values())

    def _add_targets(
        self,
        targets: dict[str, tuple[str, Any, Iterable[Any]]],
        start: Any,
        build_dict: Mapping[str, Any],
    ) -> None:
        """Add the entries of a dictionary, whose names are looked up below ``start``."""
        what = "`f_explore` and `f_expand` take"
        for key, values in check_mapping(build_dict, what, "{'x': [1, 2]}").items():
            if not isinstance(key, str):
                raise TypeError(f"{what} names of parameters, not {key!r}.")
            node: Any = self._find_target(start, key)
            name = node._full_name
            if isinstance(values, Mapping):
                if node._is_leaf:
                    raise TypeError(
                        f"`{name}` is a {type(node).__name__}, not a group: it needs an iterable "
                        f"with one value for each run, not the dictionary {values!r:.80}."
                    )
                self._add_targets(targets, node, values)
                continue
            if not (node._is_leaf and node.v_is_parameter) or node._branch == "config":
                kind = "config data" if node._branch == "config" else f"a {type(node).__name__}"
                raise ValueError(f"`{name}` (asked for as {key!r}) is {kind}, not a parameter.")
            try:
                iter(values)
            except TypeError as err:
                raise TypeError(
                    f"Parameter `{name}` needs an iterable with one value for each run, not "
                    f"{values!r:.80} ({type(values).__name__})."
                ) from err
            if name in targets:
                raise ValueError(f"Parameter `{name}` occurs twice, the second time as {key!r}.")
            targets[name] = (name, node, values)

    def _find_target(self, start: Any, key: str) -> Any:
        try:
            return start.f_get(key)
        except NotUniqueNodeError:
            raise
        except AttributeError as err:
            paths = [*self._leaves_of("parameters"), *self._leaves_of("derived_parameters")]
            length = str(key).count(".") + 1
            ends = (".".join(path.split(".")[-length:]) for path in paths)
            meant = did_you_mean(str(key), [*paths, *ends])
            raise AttributeError(
                f"There is no parameter `{key}` to explore: {err}.{meant}"
            ) from err

    def _check_explorable(self, targets: list[tuple[str, Any, Iterable[Any]]]) -> None:
        for name, parameter, _ in targets:
            if name in self._explored or parameter.v_explored:
                raise TypeError(
                    f"Parameter `{name}` is explored already; use `f_expand` to add values."
                )
        if self._runs.any_completed():
            raise TypeError(
                f"Runs of trajectory `{self._name}` are completed, so `f_explore` cannot change "
                "what the runs are any more; use `f_expand` to add runs."
            )
        if self._explored and not self._runs.knows_all:
            raise TypeError(
                f"It is not known which runs of trajectory `{self._name}` are completed; load it "
                "with run information, or use `f_expand` to add runs."
            )

    def _check_expandable(self, targets: list[tuple[str, Any, Any]]) -> None:
        given = {name for name, _, _ in targets}
        if given != self._explored.keys():
            missing = ", ".join(sorted(self._explored.keys() - given)) or "none"
            foreign = ", ".join(sorted(given - self._explored.keys())) or "none"
            raise TypeError(
                "`f_expand` needs values for exactly the explored parameters. "
                f"Missing: {missing}. Given but not explored: {foreign}."
            )
        first, _, values = targets[0]
        for name, _, others in targets:
            _check_length(name, len(others), len(values), f"parameter `{first}`")
        for name, parameter, _ in targets:
            if not parameter.f_has_range():
                raise TypeError(
                    f"The range of parameter `{name}` is not in memory; load its data first."
                )

    def _values_over_runs(self, name: str) -> Iterable[Any]:
        node: Any = self.f_get(name)
        if not (node._is_leaf and node.v_is_parameter):
            raise TypeError(f"`{node._full_name}` is a {type(node).__name__}, not a parameter.")
        if node._full_name not in self._explored:
            value = None if node._means_none() else node.f_get()
            return repeat(value, len(self._runs))
        if not node.f_has_range():
            raise TypeError(
                f"The range of parameter `{node._full_name}` is not in memory; load its data, or "
                "set `v_full_copy` before the trajectory is copied."
            )
        return node.f_get_range(copy=False)  # type: ignore[no-any-return]

    def _record_exploration(self, record: str | None) -> None:
        """Add a config leaf that says how the points were made, if they know it."""
        if record is None:
            return
        number = 0
        while self._tree.get_node(f"config.{EXPLORATIONS}.exploration_{number}") is not None:
            number += 1
        self.f_add_config(
            f"{EXPLORATIONS}.exploration_{number}",
            record,
            comment="How points of runs were made; `pypet.sampling.reproduce` reads it.",
        )

    # ----- book-keeping --------------------------------------------------------------------

    def _register_explored(self, name: str, parameter: Any) -> None:
        """Register a parameter as explored; from now on it follows the current run."""
        self._explored[name] = parameter
        if self._full_copy:
            parameter.v_full_copy = True
        if self._idx >= 0 and parameter.f_has_range():
            parameter._set_parameter_access(self._idx)

    def _leaf_added(self, leaf: Any) -> None:
        """Apply presets to a new leaf, and register it if it is explored.

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
        """Register a parameter that was explored before it was added."""
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
        """Drop references to a leaf that is removed; without the last range one run remains."""
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
            leave_run(self)
            self._runs.reset(1)

    def _truncate(self, name: str, parameter: Any, length: int) -> None:
        """Undo an expansion of a range."""
        if parameter.f_get_range_length() == length:
            parameter.f_lock()
            return
        try:
            values = parameter.f_get_range()[:length]
            parameter.f_unlock()
            parameter._shrink()
            parameter._explore(values)
            if self._idx >= 0:
                parameter._set_parameter_access(self._idx)
        except Exception:
            logger.exception("The range of parameter `%s` could not be restored.", name)

    def _outdate(self, parameters: list[Any]) -> None:
        """Delete parameters from the storage, because what it has is out of date.

        During an experiment those that will be written anew stay until then: without its ranges
        the file of an experiment that is killed could not be used.
        """
        service = self._storage_service
        early = None if service is None else service.early
        for parameter in parameters:
            if early is not None and id(parameter) in early.nodes:
                set_stored(parameter, False)
        stored = [parameter for parameter in parameters if parameter._stored]
        if not stored or not self._stored:
            return
        try:
            self.f_delete_items(stored)
        except Exception:
            logger.exception(
                "The explored parameters of trajectory `%s` could not be deleted from the "
                "storage, which keeps the ranges before this expansion.",
                self._name,
            )


def _columns_and_record(given: Any) -> tuple[Any, str | None]:
    """Return values by name, and how they were made as JSON if that is known."""
    if is_dataframe(given):
        return columns_of_dataframe(given), None
    return given, given.record_as_json() if isinstance(given, Points) else None


def _check_length(name: str, length: int, expected: int, origin: str) -> None:
    if length == 0:
        raise ValueError(f"There are no values for parameter `{name}`; give at least one.")
    if length != expected:
        raise ValueError(
            f"There are {length} values for parameter `{name}`, but {expected} for {origin}; "
            "all explored parameters need the same number."
        )


def unexplore(parameter: Any) -> None:
    """Remove the range of a parameter, if it has one; its value stays."""
    if parameter.f_has_range():
        parameter.f_unlock()
        parameter._shrink()


def _check_predicate(predicate: Any, names: list[str]) -> None:
    """Raise TypeError unless ``predicate`` can be called with one value per name."""
    what = "`f_find_idx` needs a function of one value per name, like `lambda x: x > 1`"
    check_callable(predicate, what)
    try:
        inspect.signature(predicate).bind(*names)
    except ValueError:  # built-in functions may have no signature
        return
    except TypeError as err:
        listed = ", ".join(map(repr, names))
        raise TypeError(f"{what}. The names are {listed}, but {predicate!r} says: {err}.") from err
