"""The groups of the four branches, which know how to add what belongs there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from pypet.errors import NoSuchServiceError
from pypet.tree import adding, nested
from pypet.tree.group import NNGroupNode
from pypet.tree.node import put

if TYPE_CHECKING:
    from pypet.interfaces import StorageService
    from pypet.records import Info, MetaRecord
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
        return adding.add(self, adding.PARAMETER, args, kwargs)

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
        return nested.add_leaves(self, "f_add_parameters", *kinds, parameters)

    @_refused_in_run
    def f_add_parameter_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``parameters``, see `f_add_group`. Not available during a run."""
        kinds = adding.PARAMETER_GROUP, adding.PARAMETER
        return nested.add_group(self, *kinds, args, kwargs)


class DerivedParameterGroup(NNGroupNode):
    """A group below ``derived_parameters``."""

    __slots__ = ()

    def f_add_derived_parameter(self, *args: Any, **kwargs: Any) -> Any:
        """Add a derived parameter and return it; arguments as for `f_add_parameter`.

        During a run the name is put below ``runs`` and the name of the run, unless it has the
        name of a run already, or `v_auto_run_prepend` is off.
        """
        return adding.add(self, adding.DERIVED_PARAMETER, args, kwargs)

    f_adpar = f_add_derived_parameter

    def f_add_derived_parameters(self, parameters: Mapping[str, Any]) -> Any:
        """Add derived parameters by name, from a nested dictionary as `f_add_parameters` does.

        During a run as `f_add_derived_parameter`.
        """
        kinds = adding.DERIVED_PARAMETER, adding.DERIVED_PARAMETER_GROUP
        return nested.add_leaves(self, "f_add_derived_parameters", *kinds, parameters)

    def f_add_derived_parameter_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``derived_parameters``; during a run as `f_add_derived_parameter`."""
        kinds = adding.DERIVED_PARAMETER_GROUP, adding.DERIVED_PARAMETER
        return nested.add_group(self, *kinds, args, kwargs)


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
        return adding.add(self, adding.RESULT, args, kwargs)

    f_ares = f_add_result

    def f_add_results(self, results: Mapping[str, Any]) -> Any:
        """Add results with one item each: ``f_add_results({'fit': {'slope': 2.0, 'error': 0.1}})``.

        A dictionary in the dictionary is a group, as for `f_add_parameters`; `f_add_result` adds
        a dictionary as data. During a run as `f_add_result`.
        """
        kinds = adding.RESULT, adding.RESULT_GROUP
        return nested.add_leaves(self, "f_add_results", *kinds, results)

    def f_add_result_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``results``; during a run as `f_add_result`."""
        kinds = adding.RESULT_GROUP, adding.RESULT
        return nested.add_group(self, *kinds, args, kwargs)


class ConfigGroup(NNGroupNode):
    """A group below ``config``."""

    __slots__ = ()

    @_refused_in_run
    def f_add_config(self, *args: Any, **kwargs: Any) -> Any:
        """Add a config parameter and return it; arguments as for `f_add_parameter`.

        Not available during a run.
        """
        return adding.add(self, adding.CONFIG, args, kwargs)

    f_aconf = f_add_config

    @_refused_in_run
    def f_add_config_group(self, *args: Any, **kwargs: Any) -> Any:
        """Add a group below ``config``, see `f_add_group`. Not available during a run."""
        return nested.add_group(self, adding.CONFIG_GROUP, adding.CONFIG, args, kwargs)


class RootGroup(DerivedParameterGroup, ResultGroup, ParameterGroup, ConfigGroup):
    """The root of a tree, with the state that lower layers read; the trajectory is one.

    Public names on a trajectory belong to the nodes of users. Therefore other packages of the core
    reach this state by the functions below.
    """

    __slots__ = ()

    _tree: Tree
    _runs: RunTable
    _storage_service: StorageService | None
    """``v_storage_service``, behind an adapter if it is not of pypet's own kind."""

    _idx: int
    """Index of the current run, -1 for no particular run."""
    _run_name: str | None
    _is_run: bool
    _run_by_environment: bool
    """An environment drives the runs."""
    _calls_in_run: dict[str, int]
    """Storing calls with options in the current run, counted by full name of the leaf."""

    _explored: dict[str, Any]
    """Explored parameters by full name; None for those that are not in memory."""
    _dynamic_imports: list[Any]
    _load_errors: dict[str, str]
    """Why stored nodes are not in memory, by full name."""
    _timestamp: float

    _lookup: LookupSettings
    _iter_recursive: bool
    _auto_run_prepend: bool
    _no_clobber: bool
    _standard_parameter: type[Any]
    _standard_result: type[Any]
    _standard_leaf: type[Any]

    def _require_service(self) -> StorageService:
        """Return the storage service.

        Raises
        ------
        NoSuchServiceError
            The trajectory has none.
        """
        service = self._storage_service
        if service is None:
            raise NoSuchServiceError(
                f"Trajectory `{self._name}` has no storage service: give it a `filename`, or set "
                "`v_storage_service`."
            )
        return service

    if TYPE_CHECKING:
        v_storage_service: Any

        def f_idx_to_run(self, name_or_idx: str | int) -> str | int: ...

        def _info(self) -> Info:
            """Return what is stored about the trajectory itself."""

        def _adopt_meta(
            self, meta: MetaRecord, *, as_new: bool, with_run_information: bool, force: bool
        ) -> None:
            """Take over what is stored about the trajectory itself."""

        def _leaf_added(self, leaf: Any) -> None:
            """React to a leaf right after it was added; an exception takes it out again."""

        def _leaf_removed(self, leaf: Any) -> None:
            """React to a leaf right before it is removed."""


def root_of(node: Any) -> RootGroup | None:
    """Return the trajectory that a node belongs to, or that it is; None outside of trajectories."""
    parent = getattr(node, "_parent", None)
    return getattr(node if parent is None else parent, "_root", None)


def run_in_progress(root: RootGroup | None) -> tuple[int, float] | None:
    """Return index and start time of the run that executes with a trajectory; None if none does."""
    if not getattr(root, "_is_run", False):
        return None
    idx = root._idx  # type: ignore[union-attr]
    return None if idx < 0 else (idx, root._runs.start_timestamp(idx))  # type: ignore[union-attr]


def identify_call(root: RootGroup | None, path: str) -> tuple[Any, ...] | None:
    """Return what identifies the next storing call about a leaf in a run of an environment.

    A run that is executed again after a failure makes calls of the same identities. None outside
    of such runs.
    """
    if root is None or not (root._is_run and root._run_by_environment):
        return None
    count = root._calls_in_run.get(path, 0)
    root._calls_in_run[path] = count + 1
    return root.v_name, root._timestamp, root._idx, path, count


def attached_service(root: RootGroup) -> StorageService | None:
    """Return the storage service of a trajectory with its whole interface; None without."""
    return root._storage_service


def attach_service(root: RootGroup, service: StorageService | None) -> None:
    """Replace what `attached_service` returns, without the checks of ``v_storage_service``."""
    put(root, "_storage_service", service)


def storage_service_of(root: RootGroup) -> StorageService:
    """Return the storage service of a trajectory; NoSuchServiceError if it has none."""
    return root._require_service()


def explored_parameters_of(root: RootGroup) -> dict[str, Any]:
    """Return the explored parameters by full name; None for those that are not in memory."""
    return root._explored


def dynamic_imports_of(root: RootGroup) -> list[Any]:
    """Return the classes, and dotted names of classes, that loading may create leaves of."""
    return root._dynamic_imports


def load_errors_of(root: RootGroup) -> dict[str, str]:
    """Return why stored nodes are not in memory, by full name; loading adds to it."""
    return root._load_errors


def info_of(root: RootGroup) -> Info:
    """Return what is stored about a trajectory itself."""
    return root._info()


def adopt_meta(
    root: RootGroup, meta: MetaRecord, *, as_new: bool, with_run_information: bool, force: bool
) -> None:
    """Update a trajectory from what is stored about it."""
    root._adopt_meta(meta, as_new=as_new, with_run_information=with_run_information, force=force)


GROUP_CLASSES: dict[str, type[NNGroupNode]] = {
    "config": ConfigGroup,
    "parameters": ParameterGroup,
    "derived_parameters": DerivedParameterGroup,
    "results": ResultGroup,
}
"""Branch -> class of its groups; everywhere else `NNGroupNode`."""
