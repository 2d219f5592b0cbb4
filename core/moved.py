"""Former names and what they are called now.

Pickles, snapshots and journals name classes by module and name, and plugins of third parties use
names of the interfaces. What is renamed stays reachable under its former name: a finder makes
modules that do not exist any more, and those that do get a ``__getattr__`` by `former_names`.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.machinery import ModuleSpec

# `import pypet` imports this module, and these would take most of its time.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.abc import Loader
    from types import ModuleType
    from typing import Any
else:
    Loader = object

MOVED: dict[tuple[str, str], tuple[str, str]] = {
    **{
        ("pypet.records.stored", name): ("pypet.records.nodes", name)
        for name in ("Finding", "StoredItem", "StoredNode")
    },
    ("pypet.leaves.base_result", "BaseResult"): ("pypet.leaves.result", "BaseResult"),
    **{
        (f"pypet.leaves.{former}", name): (f"pypet.leaves.{present}", name)
        for former, present, name in (
            ("pickle_parameter", "pickle_leaves", "PickleParameter"),
            ("pickle_result", "pickle_leaves", "PickleResult"),
            ("sparse_parameter", "sparse_leaves", "SparseParameter"),
            ("sparse_result", "sparse_leaves", "SparseResult"),
        )
    },
    ("pypet.trajectory.run_columns", "RunColumns"): ("pypet.runs.columns", "RunColumns"),
    ("pypet.trajectory.run_reference", "trajectory_of_the_run"): (
        "pypet.trajectory.pickling",
        "trajectory_of_the_run",
    ),
    ("pypet.trajectory.run_names", "RunNames"): ("pypet.runs.names", "RunNames"),
    ("pypet.trajectory.run_table", "RunTable"): ("pypet.runs.table", "RunTable"),
    ("pypet.trajectory.run_texts", "RunTexts"): ("pypet.runs.columns", "TextColumns"),
    ("pypet.tree.group_state", "KnowsTrajectory"): ("pypet.tree.node", "KnowsTrajectory"),
    ("pypet.tree.leaf", "NNLeafNode"): ("pypet.tree.node", "NNLeafNode"),
    ("pypet.environment.postprocessing", "PostProcessing"): (
        "pypet.environment.pipeline",
        "PostProcessing",
    ),
    ("pypet.environment.job", "_Source"): ("pypet.environment.job", "_ArgumentSource"),
    ("pypet.environment.summary", "ExperimentSummary"): (
        "pypet.environment.reporting",
        "ExperimentSummary",
    ),
    ("pypet.storage_backends.hdf5.compression.chunk_plans", "ChunkPlan"): (
        "pypet.storage_backends.hdf5.compression.chunks",
        "ChunkPlan",
    ),
    ("pypet.storage_backends.hdf5.compression.packed_arrays", "PackedArray"): (
        "pypet.storage_backends.hdf5.compression.packing",
        "PackedArray",
    ),
    ("pypet.storage_backends.hdf5.files.demands", "Demand"): (
        "pypet.storage_backends.hdf5.files.commit_options",
        "CommitOptions",
    ),
}
"""Former (module, name) of a class that pickles may name -> its module and name."""

DEPRECATED: dict[tuple[str, str], tuple[str, str]] = {
    **{
        ("pypet.records.run_text", name): ("pypet.records.run_rows", name)
        for name in ("NOT_FINISHED", "NOT_STARTED", "NOT_YET", "self_contained", "text_columns")
    },
    ("pypet.records.run_merging", "merged"): ("pypet.records.run_rows", "merged_rows"),
    **{
        ("pypet.interfaces.logging", name): ("pypet.support.terminal", name)
        for name in ("LiveDisplay", "WIPE_LINE", "is_terminal", "live_display")
    },
    **{
        ("pypet.wrap_modes._local.store_message", name): ("pypet.services.messages", name)
        for name in ("StoreMessage", "ServiceCall", "dump", "dump_copy", "load", "not_stored")
    },
    ("pypet.wrap_modes._local.sender", "Sender"): ("pypet.services.sender", "Sender"),
    ("pypet.interfaces", "Work"): ("pypet.interfaces.scheduling", "TaskFunction"),
    ("pypet.interfaces.scheduling", "Work"): ("pypet.interfaces.scheduling", "TaskFunction"),
}
"""The same for names that plugins may have imported; each use of the former name is a
DeprecationWarning. They work until version 2."""


def former_names(module_name: str) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a module: it finds former names of the module.

    The function raises AttributeError for all other names.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - it becomes the module's own
        key = (module_name, name)
        target = MOVED.get(key) or DEPRECATED.get(key)
        if target is None:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}")
        if key in DEPRECATED:
            warnings.warn(
                f"{module_name}.{name} is deprecated; use {target[0]}.{target[1]} instead.",
                DeprecationWarning,
                stacklevel=2,
            )
        return getattr(import_module(target[0]), target[1])

    return __getattr__


class _FormerModules(Loader):
    """Makes modules of earlier versions, with nothing in them but a ``__getattr__``.

    Finder and loader as of `importlib.abc`.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("pypet."):
            return None
        inside = f"{fullname}."
        for module, _ in (*MOVED, *DEPRECATED):
            if module == fullname or module.startswith(inside):
                # All are packages: the folder of a former module may be gone, too.
                return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """Return None, so that `import` creates a module as usual."""

    def exec_module(self, module: ModuleType) -> None:
        vars(module)["__getattr__"] = former_names(module.__name__)


def find_former_modules() -> None:
    """Make `import` find modules of earlier versions, after all others. Safe to call twice."""
    if not any(isinstance(finder, _FormerModules) for finder in sys.meta_path):
        sys.meta_path.append(_FormerModules())


class FormerMethod:
    """Keeps the former name of a method of an interface working, in both directions.

    In the class body of an interface, ``settle = FormerMethod("resolve_options")`` lets callers
    use the former name. `adopt_overrides`, called by ``__init_subclass__``, lets subclasses that
    override the method under its former name override it under the present one.
    """

    def __init__(self, present_name: str) -> None:
        self.present_name = present_name

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        warnings.warn(
            f"{owner.__name__}.{self._name} is deprecated; use {self.present_name} instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return getattr(owner if instance is None else instance, self.present_name)


def adopt_overrides(cls: type) -> None:
    """Make overrides under former names of methods override the present ones.

    Each is a DeprecationWarning that names the class, its module and the present name.
    """
    own = vars(cls)
    for base in cls.__mro__[1:]:
        for name, former in vars(base).items():
            if not isinstance(former, FormerMethod) or name not in own:
                continue
            warnings.warn(
                f"{cls.__module__}.{cls.__qualname__} overrides {name!r}, which is called "
                f"{former.present_name!r} now; rename it.",
                DeprecationWarning,
                stacklevel=3,
            )
            if former.present_name not in own:
                setattr(cls, former.present_name, own[name])
