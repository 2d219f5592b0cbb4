"""What plugins may use of an environment and of its trajectory.

Hooks and interfaces name these protocols, so that a plugin depends on them and not on the classes
behind them. Whatever is not listed here may change without notice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol


class TrajectoryLike(Protocol):
    """The part of a `pypet.Trajectory` that plugins read, and extend by config.

    Use it in the main process only, and add nothing while runs are executed.
    """

    def __len__(self) -> int:
        """Return the number of runs."""
        ...

    @property
    def v_name(self) -> str: ...
    @property
    def v_comment(self) -> str: ...
    @property
    def v_time(self) -> str:
        """When it was made, as local time."""
        ...

    @property
    def v_timestamp(self) -> float:
        """When it was made, in seconds since the epoch."""
        ...

    @property
    def v_environment_name(self) -> str | None:
        """Name of the environment that uses it; None without one."""
        ...

    @property
    def v_storage_service(self) -> Any:
        """A `pypet.interfaces.StorageService` or an object of the user; None without one."""
        ...

    def f_contains(self, item: Any, /, *, shortcuts: bool = ...) -> bool: ...
    def f_get(self, name: str, /, *, fast_access: bool = ..., shortcuts: bool = ...) -> Any: ...
    def f_get_default(
        self, name: str, default: Any = ..., /, *, fast_access: bool = ..., shortcuts: bool = ...
    ) -> Any: ...
    def f_get_parameters(self, *, copy: bool = ...) -> Mapping[str, Any]: ...
    def f_get_explored_parameters(self, *, copy: bool = ...) -> Mapping[str, Any]: ...
    def f_add_config(self, *args: Any, comment: str = ...) -> Any:
        """Add a leaf below ``config``, ``(name, value)`` or ``(class, name, value)``; return it."""
        ...

    def f_store_items(self, items: Iterable[Any], /) -> None:
        """Store nodes now; all others are stored when the experiment ends."""
        ...

    def f_wildcard(self, wildcard: str = ..., run_index: int | None = ..., /) -> str: ...


class EnvironmentLike(Protocol):
    """The part of a `pypet.Environment` that plugins read."""

    @property
    def trajectory(self) -> TrajectoryLike: ...
    @property
    def name(self) -> str:
        """Name of the group ``config.environment.<name>``, to which plugins add their config."""
        ...

    @property
    def hexsha(self) -> str:
        """SHA-1 that identifies the environment."""
        ...

    @property
    def timestamp(self) -> float:
        """When it was made, in seconds since the epoch."""
        ...

    @property
    def time(self) -> str:
        """The timestamp as local time, ``2015_10_21_04h29m00s``."""
        ...

    @property
    def options(self) -> Mapping[str, Any]:
        """The values in effect of all options, by name."""
        ...
