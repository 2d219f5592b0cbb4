"""Wildcards and the classes of users: what a trajectory can be taught."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pypet.leaves.class_lookup import check_class_path
from pypet.support.decorators import not_in_run
from pypet.trajectory.state import TrajectoryState
from pypet.tree.wildcards import WildcardFunction

PRESET_IMPORTS = ("pypet.parameter.PickleParameter",)


class Teaching(TrajectoryState):
    """The part of a trajectory that learns classes and wildcards."""

    __slots__ = ()

    @not_in_run
    def f_add_to_dynamic_imports(self, dynamic_imports: Any) -> None:
        """Make classes known by their bare names, for loading and for class names in general.

        Takes a class, an import string ``'module.Class'``, or a list or tuple of these.

        Raises
        ------
        TypeError
            It is something else.
        ValueError
            An import string leads nowhere. It is tried without importing the module.
        """
        self._dynamic_imports.extend(list(checked_imports(dynamic_imports)))

    def f_wildcard(self, wildcard: str = "$", run_idx: int | None = None) -> str:
        """Return what a wildcard stands for in a run, by default the current one.

        ``run_idx`` -1 stands for no particular run.

        Raises
        ------
        KeyError
            There is no such wildcard.
        """
        return self._tree.wildcards.name(wildcard, self._idx if run_idx is None else run_idx)

    def f_is_wildcard(self, name: str) -> bool:
        """Say whether a component of a name is a wildcard."""
        return self._tree.wildcards.knows(name)

    def f_get_wildcards(self) -> list[str]:
        """Return all wildcards."""
        return self._tree.wildcards.aliases()

    def f_add_wildcard_functions(
        self, func_dict: Mapping[str | tuple[str, ...], WildcardFunction]
    ) -> None:
        """Add wildcards: a name, or a tuple of names for the same, to a function of the run index.

        The function returns a name of a node; its argument is -1 for no particular run. It is
        called once per index.

        Raises
        ------
        ValueError
            A name is a wildcard already.
        TypeError
            A wildcard is no text, or its function none.
        """
        self._tree.wildcards.add(func_dict)


def checked_imports(dynamic_imports: Any) -> Iterator[Any]:
    """Yield classes and import strings.

    Raises
    ------
    TypeError
        There is something else among them.
    ValueError
        An import string leads nowhere.
    """
    if isinstance(dynamic_imports, list | tuple):
        for entry in dynamic_imports:
            yield from checked_imports(entry)
    elif isinstance(dynamic_imports, str):
        check_class_path(dynamic_imports)
        yield dynamic_imports
    elif isinstance(dynamic_imports, type):
        yield dynamic_imports
    else:
        raise TypeError(
            "A dynamic import is a class, an import string 'module.Class', or a list of these, "
            f"not {dynamic_imports!r}."
        )
