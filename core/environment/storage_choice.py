"""Which storage service an environment gives its trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet.errors import UnknownPluginError
from pypet.leaves.class_lookup import create_class

if TYPE_CHECKING:
    from pypet.interfaces import WrapMode
    from pypet.manager import PluginManager
    from pypet.trajectory import Trajectory


def named_service(service: Any, trajectory: Trajectory, manager: PluginManager) -> Any:
    """Return the class of a name: registered, or among the trajectory's dynamic imports.

    Everything but a name without dots is returned as it is.

    Raises
    ------
    MissingDependencyError
        A package that the service needs is not installed.
    UnknownPluginError
        Nobody knows the name, or the service is switched off.
    """
    if not isinstance(service, str) or "." in service:
        return service
    try:
        return manager.storage_service(service)
    except UnknownPluginError as unknown:
        try:
            return create_class(service, trajectory._dynamic_imports)
        except ImportError:
            raise unknown from None


def check_service(service: Any, mode: type[WrapMode] | None) -> None:
    """Raise ValueError if a service lives in the main process but runs would store elsewhere.

    ``service`` may be a class or an instance, ``mode`` is that of parallel runs. Wrap modes need
    not look at this themselves.
    """
    if mode is None or mode.stores_in_main_process:
        return
    if getattr(service, "main_process_only", False):
        raise ValueError(
            f"storage_service={service_name(service)} keeps its data in the memory of the main "
            "process; other processes can only use it with a wrap mode that stores there, such as "
            f"'LOCAL', not with wrap_mode={mode.name!r}."
        )


def service_name(service: Any) -> str:
    """Return how messages call a service, which may be a class or an instance: as users type it."""
    name = getattr(service, "name", None)
    if isinstance(name, str) and name:
        return repr(name)
    return (service if isinstance(service, type) else type(service)).__name__
