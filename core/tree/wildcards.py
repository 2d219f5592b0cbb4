"""Wildcards and shortcuts: components of names that are replaced by other names.

Branch shortcuts and numbered runs (``par``, ``r_3``, ``rts_3``) are fixed. Wildcards
(``$``, ``crun``, ``$set``, ... and those of users) depend on the current run.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from pypet.pypetconstants import (
    FORMATTED_RUN_NAME,
    FORMATTED_SET_NAME,
    RUN_NAME_DUMMY,
    RUNS_PER_SET,
    SET_NAME_DUMMY,
)
from pypet.support.arguments import check_mapping
from pypet.tree.names import BRANCH_SHORTCUTS

WildcardFunction = Callable[[int], str]

RUN_ALIASES = ("$", "crun")
SET_ALIASES = ("$set", "crunset")
_NUMBERED = {"run": RUN_ALIASES, "r": RUN_ALIASES, "runtoset": SET_ALIASES, "rts": SET_ALIASES}
_CACHE_SIZE = 10_000


def make_run_name(idx: int) -> str:
    """Return the name of run ``idx``, counted from 0; the dummy name for a negative index."""
    return FORMATTED_RUN_NAME % idx if idx >= 0 else RUN_NAME_DUMMY


def make_set_name(idx: int) -> str:
    """Return the name of the set that run ``idx`` belongs to; the dummy name for a negative."""
    return FORMATTED_SET_NAME % (idx // RUNS_PER_SET) if idx >= 0 else SET_NAME_DUMMY


_WHAT, _EXAMPLE = "Wildcards are", "{('$mine', 'mine'): function}"


class ParsedName(NamedTuple):
    """A name split into components, with shortcuts replaced."""

    components: tuple[str, ...]
    has_wildcards: bool
    fault: str | None
    """Why no node can have this name: an empty component or a leading underscore."""
    written: tuple[str, ...] | None = None
    """The components as they were written; None if none of them was replaced."""


class Wildcards:
    """The wildcards of one trajectory.

    ``functions`` maps an alias or a tuple of aliases to a function of the run index, which is -1
    for no particular run. Results are cached, so a function is called once per index. The function
    of ``('$', 'crun')`` names the runs. It must return a different name for each index and for -1.

    Raises
    ------
    ValueError
        An alias is in use already.
    RuntimeError
        The function that names runs returns a name twice.
    """

    __slots__ = ("_functions", "_groups", "_parsed", "_results", "_run_indices", "dummy")

    def __init__(
        self, functions: Mapping[str | tuple[str, ...], WildcardFunction] | None = None
    ) -> None:
        self._functions: dict[tuple[str, ...], WildcardFunction] = {
            RUN_ALIASES: make_run_name,
            SET_ALIASES: make_set_name,
        }
        self._groups: dict[str, tuple[str, ...]] = {}
        self._results: dict[tuple[str, ...], dict[int, str]] = {}
        self._run_indices: dict[str, int] = {}
        self._parsed: dict[str, ParsedName] = {}
        for aliases in (RUN_ALIASES, SET_ALIASES):
            self._groups.update(dict.fromkeys(aliases, aliases))
        functions = check_mapping(functions or {}, _WHAT, _EXAMPLE)
        for key, function in functions.items():
            _check_function(key, function)
            if key in (RUN_ALIASES, SET_ALIASES):
                self._functions[key] = function
                self._results[key] = {}
            else:
                self.add({key: function})
        self.dummy: str = self.run_name(-1)
        """The run name that is used outside of runs."""
        self.check_run_names(1)

    def __getstate__(self) -> tuple[None, dict[str, object]]:
        kept = ("_functions", "_groups", "_results", "_run_indices", "dummy")
        return None, {**{name: getattr(self, name) for name in kept}, "_parsed": {}}

    def copy(self) -> Wildcards:
        """Return an independent copy with the same functions."""
        twin = Wildcards.__new__(Wildcards)
        twin._functions = dict(self._functions)
        twin._groups = dict(self._groups)
        twin._results = {key: dict(known) for key, known in self._results.items()}
        twin._run_indices = dict(self._run_indices)
        twin._parsed = {}
        twin.dummy = self.dummy
        return twin

    # ----- the table of wildcards ----------------------------------------------------------

    @property
    def functions(self) -> dict[tuple[str, ...], WildcardFunction]:
        """Aliases -> function, the built-in ones first."""
        return dict(self._functions)

    @property
    def names_runs_itself(self) -> bool:
        """Whether a function of the user names the runs."""
        return self._functions[RUN_ALIASES] is not make_run_name

    def aliases(self) -> list[str]:
        """Return all names that are wildcards."""
        return list(self._groups)

    def knows(self, name: str) -> bool:
        """Return whether ``name`` is a wildcard."""
        return name in self._groups

    def add(self, functions: Mapping[str | tuple[str, ...], WildcardFunction]) -> None:
        """Add wildcards, or after an error none of them.

        Raises
        ------
        TypeError
            A wildcard is not a string, or its function is not callable.
        ValueError
            An alias is in use already.
        """
        check_mapping(functions, _WHAT, _EXAMPLE)
        new: dict[str, tuple[str, ...]] = {}
        for key, function in functions.items():
            _check_function(key, function)
            aliases = (key,) if isinstance(key, str) else tuple(key)
            for alias in aliases:
                if alias in self._groups or alias in new:
                    raise ValueError(
                        f"The wildcard {alias!r} exists already; there are "
                        f"{', '.join(map(repr, self._groups))}."
                    )
                new[alias] = aliases
        for key, function in functions.items():
            aliases = (key,) if isinstance(key, str) else tuple(key)
            self._functions[aliases] = function
            self._results[aliases] = {}
        self._groups.update(new)
        self._parsed.clear()

    # ----- names of runs and sets -------------------------------------------------------------

    def name(self, wildcard: str, idx: int) -> str:
        """Return the name that ``wildcard`` has in run ``idx``, -1 for no particular run.

        Raises
        ------
        KeyError
            The wildcard is unknown.
        """
        try:
            aliases = self._groups[wildcard]
        except (KeyError, TypeError):
            raise KeyError(
                f"There is no wildcard {wildcard!r}, only {', '.join(map(repr, self._groups))}."
            ) from None
        return self._result(aliases, idx)

    def run_name(self, idx: int) -> str:
        """Return the name of run ``idx``, the dummy name for -1."""
        return self._result(RUN_ALIASES, idx)

    def set_name(self, idx: int) -> str:
        """Return the name of the set of run ``idx``, the dummy name for -1."""
        return self._result(SET_ALIASES, idx)

    def _result(self, aliases: tuple[str, ...], idx: int) -> str:
        function = self._functions[aliases]
        if function is make_run_name or function is make_set_name:
            return function(idx)
        known = self._results[aliases]
        name = known.get(idx)
        if name is None:
            name = _call(function, aliases, idx)
            known[idx] = name
        return name

    def check_run_names(self, length: int) -> None:
        """Check that the names of runs 0 to ``length - 1`` are unique.

        Free for the built-in names and for runs that were checked before.

        Raises
        ------
        RuntimeError
            Two runs share a name, or one has the dummy name.
        """
        if not self.names_runs_itself:
            return
        indices = self._run_indices
        dummy = self.dummy
        # `indices` always holds the runs 0 to len(indices) - 1, so the check goes on from there.
        for idx in range(len(indices), length):
            name = self.run_name(idx)
            if name == dummy or name in indices:
                other = "no particular run" if name == dummy else f"run {indices[name]}"
                raise RuntimeError(
                    f"The wildcard function of {RUN_ALIASES} gives {name!r} for run {idx} and for "
                    f"{other}; every run needs a name of its own."
                )
            indices[name] = idx

    def run_index(self, name: str) -> int | None:
        """Return the index of the run called ``name``; None if there is none.

        Built-in names are known for every index, names from a user's function for the indices
        that were given to `check_run_names`.
        """
        if self.names_runs_itself:
            return self._run_indices.get(name)
        digits = name[4:]
        if name[:4] != "run_" or not (digits.isdecimal() and digits.isascii()):
            return None
        # Eight digits, or more where a number needs them.
        is_name = len(digits) == 8 or (len(digits) > 8 and digits[0] != "0")
        return int(digits) if is_name else None

    # ----- parsing -------------------------------------------------------------------------

    def parse(self, name: str) -> ParsedName:
        """Split a dotted name and replace everything that does not depend on the current run."""
        try:
            parsed = self._parsed.get(name)
        except TypeError:  # it cannot be hashed
            parsed = None
        if parsed is None:
            if not isinstance(name, str):
                raise TypeError(f"A name is text, such as 'group.child', not {name!r}.")
            parsed = self._parse(name.split(".") if name else ())
            if len(self._parsed) >= _CACHE_SIZE:
                self._parsed.clear()
            self._parsed[name] = parsed
        return parsed

    def parse_key(self, key: str | int | Sequence[str | int]) -> ParsedName:
        """Parse any form of key: a string, the index of a run, or a list or tuple of both.

        Raises
        ------
        TypeError
            The key, or a part of it, is of another type.
        """
        if isinstance(key, str):
            return self.parse(key)
        parts = key if isinstance(key, (list, tuple)) else (key,)
        components: list[str] = []
        for part in parts:
            if isinstance(part, str):
                components.extend(part.split("."))
            else:
                components.append(self._of_index(part, key))
        return self._parse(components)

    def _of_index(self, part: object, key: object) -> str:
        try:
            idx = operator.index(part)  # type: ignore[arg-type]
        except TypeError:
            raise TypeError(
                f"Nodes are found by name, by the index of a run, or by a list of both, "
                f"not by {key!r}."
            ) from None
        if idx < -1:
            raise AttributeError(f"There is no run {idx}; -1 is the dummy run.")
        return self.run_name(idx)

    def _parse(self, names: Iterable[str]) -> ParsedName:
        written = tuple(names)
        components = tuple(map(self._translate, written))
        wild = not self._groups.keys().isdisjoint(components)
        fault = None
        if "" in components:
            fault = "it has an empty component"
        elif "_" in [name[0] for name in components]:
            fault = "names with a leading '_' belong to Python"
        return ParsedName(components, wild, fault, None if components == written else written)

    def _translate(self, name: str) -> str:
        if name in self._groups:
            return name
        if name in BRANCH_SHORTCUTS:
            return BRANCH_SHORTCUTS[name]
        head, underscore, number = name.partition("_")
        if underscore and head in _NUMBERED:
            if number == "A":
                return self._result(_NUMBERED[head], -1)
            if number.isdecimal() and number.isascii():
                return self._result(_NUMBERED[head], int(number))
        return name

    def substitute(self, parsed: ParsedName, idx: int) -> tuple[str, ...]:
        """Return the components with each wildcard replaced by its name for run ``idx``."""
        if not parsed.has_wildcards:
            return parsed.components
        groups = self._groups
        return tuple(
            self._result(groups[name], idx) if name in groups else name
            for name in parsed.components
        )


def _call(function: WildcardFunction, aliases: tuple[str, ...], idx: int) -> str:
    try:
        name: object = function(idx)
    except Exception as err:
        err.add_note(f"pypet: raised by the wildcard function of {aliases} for run index {idx}")
        raise
    if not isinstance(name, str):
        raise TypeError(
            f"The wildcard function of {aliases} gives {name!r} for run index {idx}; it has to "
            "give the name of a node, as text."
        )
    return name


def _check_function(key: object, function: object) -> None:
    aliases = key if isinstance(key, tuple) else (key,)
    if not aliases or not all(isinstance(alias, str) and alias for alias in aliases):
        raise TypeError(f"A wildcard is text, or a tuple of texts like ('$', 'crun'), not {key!r}.")
    if not callable(function):
        raise TypeError(
            f"The wildcard {key!r} needs a function of the run index, not {function!r}."
        )
