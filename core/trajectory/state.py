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

    _explored: dict[str, Any]
    """Explored parameters by full name; None for those that are not in memory."""
    _presets: dict[str, tuple[tuple[Any, ...], dict[str, Any]]]
    """Arguments for ``f_set`` of leaves to come, by full name."""

    _dynamic_imports: list[Any]
    _has_all_parameters: bool
    """A merge loaded all parameters, and none was removed from memory since."""
    _load_errors: dict[str, str]
    """Why stored nodes are not in memory, by full name."""

    _run_started: bool
    _run_by_environment: bool
    """An environment drives the runs."""
    _calls_in_run: dict[str, int]
    """Storing calls with options in the current run, counted by full name of the leaf."""
    _follows_leaves: bool
    """False while leaves are put in whose state is complete already."""
    _environment_name: str | None
    _environment_hexsha: str | None

    _seed: int | None
    """Seed of the experiment; None until one is needed."""
    _generators: dict[tuple[int, str | None], Any]
    """Generators of the current run and of none, by run index and name."""

    _timestamp: float
    _time: str
    _version: str
    _python: str

    _full_copy: bool

    if TYPE_CHECKING:
        # What parts use that do not derive from the one that has it.
        def f_delete_items(self, iterator: Any, *args: Any, **kwargs: Any) -> None: ...
        def f_add_to_dynamic_imports(self, dynamic_imports: Any) -> None: ...
        def f_copy(self, copy_leaves: bool | str = True, with_links: bool = True) -> Any: ...
        def f_store(self, *args: Any, **kwargs: Any) -> None: ...
