"""Properties of a trajectory: its identity and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pypet.interfaces import adapted, without_adapter
from pypet.leaves.class_lookup import check_class_path
from pypet.support.arguments import check_flag, is_integer
from pypet.support.decorators import not_in_run
from pypet.trajectory.state import TrajectoryState
from pypet.tree.node import put
from pypet.tree.wildcards import WildcardFunction

PRESET_IMPORTS = ("pypet.parameter.PickleParameter",)
"""Classes that every trajectory finds by their bare names when it is loaded."""

PROPERTY_PREFIX = "v_"


class Properties(TrajectoryState):
    """The part of a trajectory that identifies and configures it."""

    __slots__ = ()

    def f_set_properties(self, **kwargs: Any) -> None:
        """Set several properties; the prefix ``v_`` of their names may be left out.

        Raises
        ------
        AttributeError
            There is no such property, or it cannot be set; then no property is set.
        """
        chosen = {}
        for key, value in kwargs.items():
            name = key if key.startswith(PROPERTY_PREFIX) else PROPERTY_PREFIX + key
            found = getattr(type(self), name, None)
            if not isinstance(found, property):
                raise AttributeError(f"A trajectory has no property `{name}`.")
            if found.fset is None:
                raise AttributeError(f"The property `{name}` of a trajectory cannot be set.")
            chosen[name] = value
        for name, value in chosen.items():
            setattr(self, name, value)

    # ----- identity ------------------------------------------------------------------------

    @property
    def v_name(self) -> str:
        """The name; the root of a tree always has one."""
        return self._name  # type: ignore[return-value]

    @property
    def v_comment(self) -> str:
        """Description by the user; cannot be set during a run."""
        return self._comment

    @v_comment.setter
    @not_in_run
    def v_comment(self, comment: Any) -> None:
        put(self, "_comment", str(comment))

    @property
    def v_timestamp(self) -> float:
        """When the trajectory was made, in seconds since the epoch."""
        return self._timestamp

    @property
    def v_time(self) -> str:
        """When the trajectory was made, as local time ``2015_10_21_04h29m00s``."""
        return self._time

    @property
    def v_version(self) -> str:
        """Version of pypet that made the trajectory."""
        return self._version

    @property
    def v_python(self) -> str:
        """Version of Python that made the trajectory, ``major.minor.micro``."""
        return self._python

    @property
    def v_environment_name(self) -> str | None:
        """Name of the environment that the trajectory belongs to, None without."""
        return self._environment_name

    @property
    def v_environment_hexsha(self) -> str | None:
        """SHA-1 of the environment that the trajectory belongs to, None without."""
        return self._environment_hexsha

    # ----- storage and copies --------------------------------------------------------------

    @property
    def v_load_errors(self) -> dict[str, str]:
        """Why stored nodes are not in memory: full name -> type and text of the error.

        Nodes that `f_load` and similar methods skipped with ``on_error='skip'`` since the
        trajectory was last loaded as a whole. Nodes that were loaded later are not listed.
        """
        return dict(self._load_errors)

    @property
    def v_storage_service(self) -> Any:
        """The service that stores and loads, None without."""
        return without_adapter(self._storage_service)

    @v_storage_service.setter
    def v_storage_service(self, service: Any) -> None:
        if isinstance(service, str | type):
            raise TypeError(
                f"v_storage_service={service!r}: give a storage service that was made, for example "
                "HDF5StorageService(filename='example.hdf5'), or None."
            )
        put(self, "_storage_service", None if service is None else adapted(service))
        put(self, "_has_all_parameters", False)

    @property
    def v_full_copy(self) -> bool:
        """Whether copies and pickles carry all ranges and records of runs, not only those of the
        current run. Setting it also sets all explored parameters in memory; not during a run."""
        return self._full_copy

    @v_full_copy.setter
    @not_in_run
    def v_full_copy(self, value: Any) -> None:
        put(self, "_full_copy", _switch("v_full_copy", value))
        for parameter in self._explored.values():
            if parameter is not None:
                parameter.v_full_copy = self._full_copy

    # ----- natural naming ------------------------------------------------------------------

    @property
    def v_fast_access(self) -> bool:
        """Whether ``traj.x`` returns the value instead of the leaf, if it has a single one."""
        return self._lookup.fast_access

    @v_fast_access.setter
    def v_fast_access(self, value: Any) -> None:
        put(self, "_lookup", replace(self._lookup, fast_access=_switch("v_fast_access", value)))

    @property
    def v_shortcuts(self) -> bool:
        """Whether ``traj.x`` may leave out groups."""
        return self._lookup.shortcuts

    @v_shortcuts.setter
    def v_shortcuts(self, value: Any) -> None:
        put(self, "_lookup", replace(self._lookup, shortcuts=_switch("v_shortcuts", value)))

    @property
    def v_with_links(self) -> bool:
        """Whether ``traj.x`` follows links."""
        return self._lookup.with_links

    @v_with_links.setter
    def v_with_links(self, value: Any) -> None:
        put(self, "_lookup", replace(self._lookup, with_links=_switch("v_with_links", value)))

    @property
    def v_max_depth(self) -> int | None:
        """How many steps down ``traj.x`` searches, None without limit."""
        return self._lookup.max_depth

    @v_max_depth.setter
    def v_max_depth(self, value: int | None) -> None:
        if value is not None and not is_integer(value):
            raise TypeError(f"v_max_depth={value!r}: give a number of steps, or None for all.")
        put(self, "_lookup", replace(self._lookup, max_depth=value))

    @property
    def v_auto_load(self) -> bool:
        """Whether ``traj.x`` loads nodes that are not in memory."""
        return self._lookup.auto_load

    @v_auto_load.setter
    def v_auto_load(self, value: Any) -> None:
        put(self, "_lookup", replace(self._lookup, auto_load=_switch("v_auto_load", value)))

    @property
    def v_iter_recursive(self) -> bool:
        """Whether iterating over a group goes below its direct children."""
        return self._iter_recursive

    @v_iter_recursive.setter
    def v_iter_recursive(self, value: Any) -> None:
        put(self, "_iter_recursive", _switch("v_iter_recursive", value))

    # ----- adding --------------------------------------------------------------------------

    @property
    def v_auto_run_prepend(self) -> bool:
        """Whether nodes added during a run go below ``runs`` and the name of the run."""
        return self._auto_run_prepend

    @v_auto_run_prepend.setter
    def v_auto_run_prepend(self, value: Any) -> None:
        put(self, "_auto_run_prepend", _switch("v_auto_run_prepend", value))

    @property
    def v_no_clobber(self) -> bool:
        """Whether adding an existing node keeps it, with a warning, instead of failing."""
        return self._no_clobber

    @v_no_clobber.setter
    def v_no_clobber(self, value: Any) -> None:
        put(self, "_no_clobber", _switch("v_no_clobber", value))

    @property
    def v_standard_parameter(self) -> Any:
        """Class of parameters, derived parameters and config that are added by name."""
        return self._standard_parameter

    @v_standard_parameter.setter
    def v_standard_parameter(self, cls: Any) -> None:
        put(self, "_standard_parameter", _class("v_standard_parameter", cls))

    @property
    def v_standard_result(self) -> Any:
        """Class of results that are added by name."""
        return self._standard_result

    @v_standard_result.setter
    def v_standard_result(self, cls: Any) -> None:
        put(self, "_standard_result", _class("v_standard_result", cls))

    @property
    def v_standard_leaf(self) -> Any:
        """Class of leaves that are added by name outside the four branches."""
        return self._standard_leaf

    @v_standard_leaf.setter
    def v_standard_leaf(self, cls: Any) -> None:
        put(self, "_standard_leaf", _class("v_standard_leaf", cls))

    # ----- classes and wildcards -----------------------------------------------------------

    @not_in_run
    def f_add_to_dynamic_imports(self, dynamic_imports: Any) -> None:
        """Make classes known by their bare names, for loading and for class names in general.

        Takes a class, an import string ``'module.Class'``, or a list or tuple of these.

        Raises
        ------
        TypeError
            It is of another type.
        ValueError
            An import string cannot be resolved. This is checked without importing the module.
        """
        self._dynamic_imports.extend(list(_checked_imports(dynamic_imports)))

    def f_wildcard(self, wildcard: str = "$", run_idx: int | None = None) -> str:
        """Return the name that a wildcard has in a run, by default in the current one.

        ``run_idx`` -1 means no particular run.

        Raises
        ------
        KeyError
            There is no such wildcard.
        """
        return self._tree.wildcards.name(wildcard, self._idx if run_idx is None else run_idx)

    def f_is_wildcard(self, name: str) -> bool:
        """Return whether a component of a name is a wildcard."""
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
            A wildcard is not a string, or its function is not callable.
        """
        self._tree.wildcards.add(func_dict)


def _switch(name: str, value: Any) -> bool:
    check_flag(value, name, "Any text counts as true.")
    return bool(value)


def _class(name: str, cls: Any) -> Any:
    if not isinstance(cls, type):
        raise TypeError(f"{name}={cls!r}: give the class itself, not its name or an instance.")
    return cls


def settable_properties(cls: type[Properties]) -> list[str]:
    """Return the names, without prefix, of the properties of a trajectory that can be set."""
    return [
        name.removeprefix(PROPERTY_PREFIX)
        for name in dir(cls)
        if name.startswith(PROPERTY_PREFIX)
        and isinstance(found := getattr(cls, name), property)
        and found.fset is not None
    ]


def _checked_imports(dynamic_imports: Any) -> Iterator[Any]:
    """Yield classes and import strings.

    Raises
    ------
    TypeError
        There is an object of another type among them.
    ValueError
        An import string cannot be resolved.
    """
    if isinstance(dynamic_imports, list | tuple):
        for entry in dynamic_imports:
            yield from _checked_imports(entry)
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
