"""`Trajectory`: all data of an experiment as one tree, and the runs through its parameters."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.runs.names import RunNames
from pypet.runs.table import RunTable
from pypet.slots import HasSlots
from pypet.support.decorators import kwargs_api_change
from pypet.support.time_format import format_time
from pypet.trajectory.exploration import Exploration
from pypet.trajectory.merging.methods import Merging
from pypet.trajectory.pickling import goes_by_name, trajectory_of_the_run
from pypet.trajectory.properties import PRESET_IMPORTS, Properties
from pypet.trajectory.runs import Runs
from pypet.trajectory.tables import Tables
from pypet.trajectory.tree_state import restore_tree, tree_state
from pypet.trajectory.tree_transfer import TreeTransfer
from pypet.tree.group import NNGroupNode
from pypet.tree.lookup import LookupSettings
from pypet.tree.names import check_trajectory_name
from pypet.tree.node import put
from pypet.tree.tree import Tree
from pypet.tree.views import trajectory_text
from pypet.tree.wildcards import WildcardFunction
from pypet.version import __version__

_PYTHON = platform.python_version()


class Trajectory(Exploration, Runs, Tables, Merging, Properties):
    """The root of a tree of parameters, config data and results, explored over runs.

    Parameters
    ----------
    name
        One component: letters, digits, ``_`` and ``-``.
    add_time
        Append the current time to the name: ``name_2015_10_21_04h29m00s``.
    comment
        Description of the trajectory.
    dynamic_imports
        A class, its import string ``'module.Class'``, or a list of these: classes that loading
        should find by their bare names.
    wildcard_functions
        Name of a wildcard, or a tuple of names for it -> function of the run index, -1 for no
        particular run. The function of ``('$', 'crun')`` names the runs, the function of
        ``('$set', 'crunset')`` their sets.
    storage_service
        A registered name such as ``'hdf5'``, an instance, a class, or an import string.
    **kwargs
        Arguments for the storage service. ``filename`` alone selects the service by its extension.

    Raises
    ------
    ValueError
        The name is invalid, a keyword is unknown, or the file name has another extension.
    TypeError
        ``dynamic_imports`` is of another type.
    RuntimeError
        The function of ``('$', 'crun')`` returns a name twice.

    Notes
    -----
    A new trajectory has one run. The tree is not safe to use from several threads.
    """

    @kwargs_api_change("dynamically_imported_classes", "dynamic_imports")
    def __init__(
        self,
        name: str = "my_trajectory",
        add_time: bool = False,
        comment: str = "",
        dynamic_imports: Any = None,
        wildcard_functions: Mapping[str | tuple[str, ...], WildcardFunction] | None = None,
        storage_service: Any = None,
        **kwargs: Any,
    ) -> None:
        timestamp = time.time()
        if add_time:
            name = f"{name}_{format_time(timestamp)}"
        check_trajectory_name(name)
        NNGroupNode.__init__(self, "", self, comment)
        put(self, "_name", name)
        self._set_identity(timestamp)
        self._set_defaults()
        self._dynamic_imports = list(PRESET_IMPORTS)
        if dynamic_imports is not None:
            self.f_add_to_dynamic_imports(dynamic_imports)
        self._explored = {}
        self._presets = {}
        self._tree = Tree(self, wildcard_functions)
        self._runs = RunTable(RunNames(self._tree.wildcards), self._explored)
        self._take_service("Trajectory", storage_service, kwargs)

    def _set_identity(self, timestamp: float) -> None:
        self._timestamp = timestamp
        self._time = format_time(timestamp)
        self._version = __version__
        self._python = _PYTHON
        self._environment_name = None
        self._environment_hexsha = None

    def _set_defaults(self) -> None:
        self._idx = -1
        self._run_name = None
        self._is_run = False
        self._run_started = False
        self._run_by_environment = False
        self._calls_in_run = {}
        self._follows_leaves = True
        self._seed = None
        self._generators = {}
        self._storage_service = None
        self._load_errors = {}
        self._has_all_parameters = False
        self._full_copy = False
        self._lookup = LookupSettings(fast_access=True)
        self._iter_recursive = False
        self._auto_run_prepend = True
        self._no_clobber = False
        self._standard_parameter = Parameter
        self._standard_result = Result
        self._standard_leaf = Result

    def __str__(self) -> str:
        return trajectory_text(self)

    def __dir__(self) -> list[str]:
        names = super().__dir__()
        if self._is_run:
            cls = type(self)
            names = [name for name in names if not hasattr(getattr(cls, name, None), "_not_in_run")]
        return names

    # ----- copies and pickles --------------------------------------------------------------

    def f_copy(self, copy_leaves: bool | str = True, with_links: bool = True) -> Any:
        """Return a shallow copy of the trajectory: same data, settings, runs and current run.

        Groups are new; leaves are copied with ``copy_leaves=True``, shared with False; with
        ``'explored'`` only explored parameters are copied. Copied parameters keep their ranges
        only if ``v_full_copy`` is set. Annotations are shared, and so is the storage service.

        Raises
        ------
        ValueError
            ``copy_leaves`` has another value.
        """
        twin = type(self).__new__(type(self))
        for name in NNGroupNode.__all_slots__ - {"__weakref__"}:
            put(twin, name, getattr(self, name))
        for name in ("_children", "_groups", "_leaves", "_links"):
            put(twin, name, {})
        twin.__dict__.update(self.__dict__)
        put(twin, "_root", twin)
        put(twin, "_dynamic_imports", list(self._dynamic_imports))
        put(twin, "_presets", dict(self._presets))
        put(twin, "_load_errors", dict(self._load_errors))
        put(twin, "_explored", {})
        put(twin, "_calls_in_run", dict(self._calls_in_run))
        put(twin, "_generators", {})
        tree = Tree(twin)
        tree.wildcards = self._tree.wildcards.copy()
        put(twin, "_tree", tree)
        put(twin, "_runs", self._runs.copy())
        twin._runs.bind(tree.wildcards, twin._explored)
        with _WithoutEvents(twin):
            TreeTransfer(self, twin, copy_leaves, overwrite=False).copy_below(self, with_links)
        twin._explored.update({name: tree.leaves.get(name) for name in self._explored})
        self._copy_new_nodes(tree, with_links)
        return twin

    def __copy__(self) -> Any:
        return self.f_copy()

    def _copy_new_nodes(self, tree: Tree, with_links: bool) -> None:
        """Track nodes added during the run in the copy, too."""
        tree.new_nodes = {name: tree.get_node(name) for name in self._tree.new_nodes}
        if with_links:
            tree.new_links = {
                place: tree.get_node(target._full_name)
                for place, target in self._tree.new_links.items()
            }

    def _copy_from(
        self,
        node: Any,
        copy_leaves: bool | str = True,
        overwrite: bool = False,
        with_links: bool = True,
    ) -> None:
        """Copy a node of another trajectory, with everything below it, into this one.

        Nodes that exist here are kept; with ``overwrite`` leaves take over the state of the
        other leaf, and groups comment and annotations.

        Raises
        ------
        ValueError
            The node is of this trajectory already, or of none.
        AttributeError
            A group has the name of a leaf, or vice versa.
        """
        if self._tree.get_node(node._full_name) is node:
            raise ValueError(
                f"`{node._full_name}` cannot be copied into trajectory `{self._name}`, which it "
                "is part of already."
            )
        root = node if not node._is_leaf and node._parent is None else node._parent
        source = None if root is None else root._root
        if source is None:
            raise ValueError(f"`{node._full_name}` is not part of a trajectory to copy from.")
        transfer = TreeTransfer(source, self, copy_leaves, overwrite)
        if node is not source:
            transfer.copy_node(node)
        elif overwrite:
            transfer.refresh_group(source, self)
        if not node._is_leaf:
            transfer.copy_below(node, with_links)

    # ----- pickling ------------------------------------------------------------------------

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle the trajectory, or only its name if a worker already has the trajectory."""
        if goes_by_name(self):
            return trajectory_of_the_run, ()
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state without the ranges and records of other runs, unless ``v_full_copy``.

        The tree is a flat list of nodes: pickling does not climb from node to node.
        """
        state = HasSlots.__getstate__(self)
        for name in ("_children", "_groups", "_leaves", "_links", "_root", "_tree"):
            del state[name]
        state["_runs"] = (
            self._runs if self._full_copy else self._runs.restricted_to(max(self._idx, 0))
        )
        # The established layout of pickles: a key for each setting.
        lookup = asdict(state.pop("_lookup"))
        state.update((f"_{name}", value) for name, value in lookup.items())
        state["_generators"] = {}
        state["_explored"] = list(self._explored)
        state["_tree"] = tree_state(self._tree)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        flat = state.pop("_tree")
        explored = state.pop("_explored")
        lookup = {each.name: state.pop(f"_{each.name}") for each in fields(LookupSettings)}
        state["_lookup"] = LookupSettings(**lookup)
        NNGroupNode.__init__(self, "", self)
        for name, value in state.items():
            put(self, name, value)
        put(self, "_explored", {})
        tree = Tree(self)
        put(self, "_tree", tree)
        with _WithoutEvents(self):
            restore_tree(tree, flat)
        self._explored.update({name: tree.leaves.get(name) for name in explored})
        self._runs.bind(tree.wildcards, self._explored)


class _WithoutEvents:
    """A block that puts complete nodes into a trajectory: not in a run, without events."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._was_run = root._is_run

    def __enter__(self) -> None:
        put(self._root, "_is_run", False)
        put(self._root, "_follows_leaves", False)

    def __exit__(self, *error: object) -> None:
        put(self._root, "_is_run", self._was_run)
        put(self._root, "_follows_leaves", True)
