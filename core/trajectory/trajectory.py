"""`Trajectory`: all data of an experiment as one tree, and the runs through its parameters."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from typing import Any

from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.runs.names import RunNames
from pypet.runs.table import RunTable
from pypet.support.decorators import kwargs_api_change
from pypet.support.time_format import format_time
from pypet.trajectory.collecting import Collecting
from pypet.trajectory.contents import Contents
from pypet.trajectory.copying import Copying
from pypet.trajectory.current_run import CurrentRun
from pypet.trajectory.exploration import Exploration
from pypet.trajectory.imports import PRESET_IMPORTS, Teaching
from pypet.trajectory.leaf_events import LeafEvents
from pypet.trajectory.loading import Loading
from pypet.trajectory.merging.methods import Merging
from pypet.trajectory.presetting import Presetting
from pypet.trajectory.properties import Properties
from pypet.trajectory.randomness import Randomness
from pypet.trajectory.removing import Removing
from pypet.trajectory.runs import Runs
from pypet.trajectory.storing import Storing
from pypet.tree.group import NNGroupNode
from pypet.tree.lookup import LookupSettings
from pypet.tree.names import check_trajectory_name
from pypet.tree.node import put
from pypet.tree.tree import Tree
from pypet.tree.typed_groups import (
    ConfigGroup,
    DerivedParameterGroup,
    ParameterGroup,
    ResultGroup,
)
from pypet.tree.views import trajectory_text
from pypet.tree.wildcards import WildcardFunction
from pypet.version import __version__

_PYTHON = platform.python_version()


class Trajectory(
    Exploration,
    CurrentRun,
    Runs,
    Collecting,
    Presetting,
    Contents,
    Storing,
    Loading,
    Removing,
    Merging,
    Copying,
    Randomness,
    Teaching,
    LeafEvents,
    Properties,
    DerivedParameterGroup,
    ResultGroup,
    ParameterGroup,
    ConfigGroup,
):
    """The root of a tree of parameters, config data and results, explored over runs.

    Parameters
    ----------
    name
        One component: letters, digits, ``_`` and ``-``.
    add_time
        Append the current time to the name: ``name_2015_10_21_04h29m00s``.
    comment
        Says what the trajectory is about.
    dynamic_imports
        A class of one's own, its import string ``'module.Class'``, or a list of these: what
        loading has to find by bare class names.
    wildcard_functions
        Name of a wildcard, or a tuple of names for it -> function of the run index, -1 for no
        particular run. The one of ``('$', 'crun')`` names the runs, that of ``('$set',
        'crunset')`` their sets.
    storage_service
        A registered name such as ``'hdf5'``, an instance, a class, or an import string.
    **kwargs
        Arguments to make the storage service with. ``filename`` alone chooses the service by its
        extension.

    Raises
    ------
    ValueError
        The name is not possible, a keyword is unknown, or the file name has another extension.
    TypeError
        ``dynamic_imports`` is something else.
    RuntimeError
        The function of ``('$', 'crun')`` gives a name twice.

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
