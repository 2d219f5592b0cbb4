"""Explore the parameter space of numerical experiments and keep everything in one place.

Every public name is loaded when it is first used, so that ``import pypet`` costs next to nothing.
"""

if __name__ != "pypet":
    raise ImportError(
        f"The folder 'core' is the package 'pypet': install it and use `import pypet`, "
        f"not {__name__!r}."
    )

# Neither `from __future__ import annotations` nor `from typing import TYPE_CHECKING`: the first
# would hide the submodule `pypet.annotations`, the second costs more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from pypet.environment import Environment as Environment
    from pypet.environment import MultiprocContext as MultiprocContext
    from pypet.errors import *  # noqa: F403 - all that are public
    from pypet.leaves import ArrayParameter as ArrayParameter
    from pypet.leaves import BaseParameter as BaseParameter
    from pypet.leaves import BaseResult as BaseResult
    from pypet.leaves import ObjectTable as ObjectTable
    from pypet.leaves import Parameter as Parameter
    from pypet.leaves import PickleParameter as PickleParameter
    from pypet.leaves import PickleResult as PickleResult
    from pypet.leaves import Result as Result
    from pypet.leaves import SparseParameter as SparseParameter
    from pypet.leaves import SparseResult as SparseResult
    from pypet.records import RunError as RunError
    from pypet.shareddata import SharedArray as SharedArray
    from pypet.shareddata import SharedCArray as SharedCArray
    from pypet.shareddata import SharedEArray as SharedEArray
    from pypet.shareddata import SharedPandasFrame as SharedPandasFrame
    from pypet.shareddata import SharedResult as SharedResult
    from pypet.shareddata import SharedTable as SharedTable
    from pypet.shareddata import SharedVLArray as SharedVLArray
    from pypet.shareddata import StorageContextManager as StorageContextManager
    from pypet.shareddata import make_ordinary_result as make_ordinary_result
    from pypet.shareddata import make_shared_result as make_shared_result
    from pypet.slots import HasSlots as HasSlots
    from pypet.support.loggers import HasLogger as HasLogger
    from pypet.testing.runner import test as test
    from pypet.trajectory import Trajectory as Trajectory
    from pypet.trajectory.batches import load_batch as load_batch
    from pypet.trajectory.batches import merge_batches as merge_batches
    from pypet.trajectory.batches import split_into_batches as split_into_batches
    from pypet.trajectory.folder_merging import merge_all_in_folder as merge_all_in_folder
    from pypet.trajectory.loader import load_trajectory as load_trajectory
    from pypet.trajectory.manual import manual_run as manual_run
    from pypet.trajectory.rescue_files import merge_rescued as merge_rescued
    from pypet.tree import ConfigGroup as ConfigGroup
    from pypet.tree import DerivedParameterGroup as DerivedParameterGroup
    from pypet.tree import KnowsTrajectory as KnowsTrajectory
    from pypet.tree import NNGroupNode as NNGroupNode
    from pypet.tree import NNLeafNode as NNLeafNode
    from pypet.tree import ParameterGroup as ParameterGroup
    from pypet.tree import ResultGroup as ResultGroup
    from pypet.utils.explore import cartesian_product as cartesian_product
    from pypet.utils.explore import find_unique_points as find_unique_points
    from pypet.utils.helpful_functions import progressbar as progressbar
    from pypet.utils.helpful_functions import racedirs as racedirs

from pypet import moved as _moved  # noqa: E402 - after the guard
from pypet.errors import __all__ as _ERRORS  # noqa: E402, N812 - after the guard
from pypet.version import __version__ as __version__  # noqa: E402 - after the guard

_moved.find_former_modules()

_HOMES = {
    "pypet.environment": ("Environment", "MultiprocContext"),
    "pypet.errors": _ERRORS,
    "pypet.leaves": (
        "ArrayParameter",
        "BaseParameter",
        "BaseResult",
        "ObjectTable",
        "Parameter",
        "PickleParameter",
        "PickleResult",
        "Result",
        "SparseParameter",
        "SparseResult",
    ),
    "pypet.records": ("RunError",),
    "pypet.shareddata": (
        "SharedArray",
        "SharedCArray",
        "SharedEArray",
        "SharedPandasFrame",
        "SharedResult",
        "SharedTable",
        "SharedVLArray",
        "StorageContextManager",
        "make_ordinary_result",
        "make_shared_result",
    ),
    "pypet.slots": ("HasSlots",),
    "pypet.support.loggers": ("HasLogger",),
    "pypet.testing.runner": ("test",),
    "pypet.trajectory": ("Trajectory",),
    "pypet.trajectory.batches": ("load_batch", "merge_batches", "split_into_batches"),
    "pypet.trajectory.loader": ("load_trajectory",),
    "pypet.trajectory.rescue_files": ("merge_rescued",),
    "pypet.trajectory.folder_merging": ("merge_all_in_folder",),
    "pypet.trajectory.manual": ("manual_run",),
    "pypet.tree": (
        "ConfigGroup",
        "DerivedParameterGroup",
        "KnowsTrajectory",
        "NNGroupNode",
        "NNLeafNode",
        "ParameterGroup",
        "ResultGroup",
    ),
    "pypet.utils.explore": ("cartesian_product", "find_unique_points"),
    "pypet.utils.helpful_functions": ("progressbar", "racedirs"),
}

_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

_FACES = (
    "HDF5StorageService",
    "LazyStorageService",
    "compact_hdf5_file",
    "dashboard",
    "rename_log_file",
)
"""Names whose home is a plugin; `pypet.aliases` knows which."""

_SUBMODULES = (
    "annotations",
    "environment",
    "errors",
    "hookspecs",
    "interfaces",
    "manager",
    "markers",
    "naturalnaming",
    "parameter",
    "plotting",
    "pypetconstants",
    "pypetexceptions",
    "pypetlogging",
    "shareddata",
    "slots",
    "storageservice",
    "testing",
    "trajectory",
    "utils",
)

__all__ = [*_HOME_OF, *_FACES]

if not TYPE_CHECKING:  # a type checker would take every attribute for granted

    def __getattr__(name):
        from importlib import import_module

        if name in _HOME_OF:
            found = getattr(import_module(_HOME_OF[name]), name)
            globals()[name] = found  # from now on it costs nothing
            return found
        if name in _SUBMODULES:
            return import_module(f"pypet.{name}")
        if name in _FACES:
            return import_module("pypet.aliases").module_getattr("pypet")(name)
        raise AttributeError(f"module 'pypet' has no attribute {name!r}")

    def __dir__():
        return sorted({"__all__", "__doc__", "__version__", *__all__, *_SUBMODULES})
