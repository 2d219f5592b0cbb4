"""The groups of the four branches, which know how to add what belongs there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pypet.tree import adding
from pypet.tree.group import NNGroupNode

if TYPE_CHECKING:
    from pypet.runs.table import RunTable
    from pypet.tree.lookup import LookupSettings
    from pypet.tree.tree import Tree


def _refused_in_run(method: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a method of groups with TypeError during a run, and mark it as such."""

    @functools.wraps(method)
    def guarded(self: NNGroupNode, *args: Any, **kwargs: Any) -> Any:
        if self._require_tree().root._is_run:
            raise TypeError(
                f"`{method.__name__}` is not available during a single run: parameters and "
                "config are fixed by then."
            )
        return method(self, *args, **kwargs)

    guarded._not_in_run = True  # type: ignore[attr-defined]
    return guarded


class ParameterGroup(NNGroupNode):
    """A group below ``parameters``."""

    __slots__ = ()

    @_refused_in_run
    def f_add_parameter(self, *args: Any, **kwargs: Any) -> Any:
        """Add a parameter and return it: ``f_add_parameter('a.x', 5, comment='size')``.

        Also ``f_add_parameter(ParameterClass, 'a.x', 5)``, or an instance alone. Not available
        during a run. Errors are those of `f_add_group`, and TypeError for a result.
        """
        return adding.add(self._require_tree(), self, adding.PARAMETER, args, kwargs)

    f_apar = f_add_parameter

    @_refused_in_run
    def f_add_parameters(self, parameters: Mapping[str, Any]) -> Any:
        """Add parameters by name: ``f_add_parameters({'net': {'n': 3, 'rate': 0.5}})``.

        A dictionary in the dictionary is a group, which may exist already; everything else is
        the value of a parameter. All are added or, after an error, none. Returns the group that
        has them. Not available during a run. Errors are those of `f_add_parameter`, and
        TypeError for something else than a dictionary.
        """
        kinds = adding.PARAMETER, adding.PARAMETER_GROUP
        return adding.add_leaves(self._require_tree(), self, "f_add_parameters", *kinds, parameters)

    @_refused_in_run
    def f_add_parameter_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``parameters``, see `f_add_group`. Not available during a run."""
        kinds = adding.PARAMETER_GROUP, adding.PARAMETER
        return adding.add_group(self._require_tree(), self, *kinds, args, kwargs)


class DerivedParameterGroup(NNGroupNode):
    """A group below ``derived_parameters``."""

    __slots__ = ()

    def f_add_derived_parameter(self, *args: Any, **kwargs: Any) -> Any:
        """Add a derived parameter and return it; arguments as for `f_add_parameter`.

        During a run the name is put below ``runs`` and the name of the run, unless it has the
        name of a run already, or `v_auto_run_prepend` is off.
        """
        return adding.add(self._require_tree(), self, adding.DERIVED_PARAMETER, args, kwargs)

    f_adpar = f_add_derived_parameter

    def f_add_derived_parameters(self, parameters: Mapping[str, Any]) -> Any:
        """Add derived parameters by name, from a nested dictionary as `f_add_parameters` does.

        During a run as `f_add_derived_parameter`.
        """
        kinds = adding.DERIVED_PARAMETER, adding.DERIVED_PARAMETER_GROUP
        return adding.add_leaves(
            self._require_tree(), self, "f_add_derived_parameters", *kinds, parameters
        )

    def f_add_derived_parameter_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``derived_parameters``; during a run as `f_add_derived_parameter`."""
        kinds = adding.DERIVED_PARAMETER_GROUP, adding.DERIVED_PARAMETER
        return adding.add_group(self._require_tree(), self, *kinds, args, kwargs)


class ResultGroup(NNGroupNode):
    """A group below ``results``."""

    __slots__ = ()

    def f_add_result(self, *args: Any, **kwargs: Any) -> Any:
        """Add a result and return it: ``f_add_result('a.z', 5, other=6, comment='of two')``.

        Also ``f_add_result(ResultClass, 'a.z', 5)``, or an instance alone. During a run the name
        is put below ``runs`` and the name of the run, unless it has the name of a run already,
        or `v_auto_run_prepend` is off. Errors are those of `f_add_group`, and TypeError for a
        parameter.
        """
        return adding.add(self._require_tree(), self, adding.RESULT, args, kwargs)

    f_ares = f_add_result

    def f_add_results(self, results: Mapping[str, Any]) -> Any:
        """Add results with one item each: ``f_add_results({'fit': {'slope': 2.0, 'error': 0.1}})``.

        A dictionary in the dictionary is a group, as for `f_add_parameters`; `f_add_result` adds
        a dictionary as data. During a run as `f_add_result`.
        """
        kinds = adding.RESULT, adding.RESULT_GROUP
        return adding.add_leaves(self._require_tree(), self, "f_add_results", *kinds, results)

    def f_add_result_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``results``; during a run as `f_add_result`."""
        kinds = adding.RESULT_GROUP, adding.RESULT
        return adding.add_group(self._require_tree(), self, *kinds, args, kwargs)


class ConfigGroup(NNGroupNode):
    """A group below ``config``."""

    __slots__ = ()

    @_refused_in_run
    def f_add_config(self, *args: Any, **kwargs: Any) -> Any:
        """Add a config parameter and return it; arguments as for `f_add_parameter`.

        Not available during a run.
        """
        return adding.add(self._require_tree(), self, adding.CONFIG, args, kwargs)

    f_aconf = f_add_config

    @_refused_in_run
    def f_add_config_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``config``, see `f_add_group`. Not available during a run."""
        return adding.add_group(
            self._require_tree(), self, adding.CONFIG_GROUP, adding.CONFIG, args, kwargs
        )


class RootGroup(DerivedParameterGroup, ResultGroup, ParameterGroup, ConfigGroup):
    """The root of a tree, with the state that the tree reads; the trajectory is one."""

    __slots__ = ()

    _tree: Tree
    _runs: RunTable
    _storage_service: Any

    _idx: int
    """Index of the current run, -1 for no particular run."""
    _run_name: str | None
    _is_run: bool

    _lookup: LookupSettings
    _iter_recursive: bool
    _auto_run_prepend: bool
    _no_clobber: bool
    _standard_parameter: type[Any]
    _standard_result: type[Any]
    _standard_leaf: type[Any]

    if TYPE_CHECKING:
        v_storage_service: Any

        def f_idx_to_run(self, name_or_idx: str | int) -> str | int: ...

        def _leaf_added(self, leaf: Any) -> None:
            """React to a leaf right after it was added; an exception takes it out again."""

        def _leaf_removed(self, leaf: Any) -> None:
            """React to a leaf right before it is removed."""


GROUP_CLASSES: dict[str, type[NNGroupNode]] = {
    "config": ConfigGroup,
    "parameters": ParameterGroup,
    "derived_parameters": DerivedParameterGroup,
    "results": ResultGroup,
}
"""Branch -> class of its groups; everywhere else `NNGroupNode`."""
