"""The private state that the parts of a trajectory share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet.tree.typed_groups import RootGroup


class TrajectoryState(RootGroup):
    """The private state of a trajectory that its parts share.

    `Trajectory` derives from parts without state of their own, one a module: `Exploration` (with
    `Contents`), `Runs` (with `CurrentRun`), `Merging` (with `WholeStorage` and `ItemStorage`) and
    `Properties`.
    """

    __slots__ = ()

    _presets: dict[str, tuple[tuple[Any, ...], dict[str, Any]]]
    """Arguments for ``f_set`` of leaves to come, by full name."""

    _has_all_parameters: bool
    """A merge loaded all parameters, and none was removed from memory since."""

    _run_started: bool
    _follows_leaves: bool
    """False while leaves are put in whose state is complete already."""
    _environment_name: str | None
    _environment_hexsha: str | None

    _seed: int | None
    """Seed of the experiment; None until one is needed."""
    _generators: dict[tuple[int, str | None], Any]
    """Generators of the current run and of none, by run index and name."""

    _time: str
    _version: str
    _python: str

    _full_copy: bool

    if TYPE_CHECKING:
        # What parts use that do not derive from the one that has it.
        def f_delete_items(self, iterator: Any, *args: Any, **kwargs: Any) -> None: ...
        def f_add_to_dynamic_imports(self, dynamic_imports: Any) -> None: ...
        def f_copy(self, copy_leaves: bool | str = True, with_links: bool = True) -> Any: ...
        def f_load(self, *args: Any, **kwargs: Any) -> Any: ...
        def f_store(self, *args: Any, **kwargs: Any) -> None: ...
