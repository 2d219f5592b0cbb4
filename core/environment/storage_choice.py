"""Which storage service an environment gives its trajectory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pypet.errors import UnknownPluginError
from pypet.leaves.class_lookup import create_class

if TYPE_CHECKING:
    from pypet.interfaces import WrapMode
    from pypet.manager import PluginManager
    from pypet.options import OptionValues
    from pypet.trajectory import Trajectory

_PATHS = (str, os.PathLike)


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


def has_setting(service: Any, name: str, value: Any) -> bool:
    """Return whether a ready-made service has a setting already: there is nothing to refuse."""
    if service is None or isinstance(service, type):
        return False
    present = getattr(service, name, None)
    if isinstance(present, _PATHS) and isinstance(value, _PATHS):
        return os.path.realpath(present) == os.path.realpath(value)
    return type(present) is type(value) and bool(present == value)


def storage_refusal(service: Any, present: Any) -> str:
    """Return why the keywords ``{names}`` of storage services are refused, and what to do.

    ``service`` is the service, or its class if it was to be made. ``present`` is the service that
    the trajectory has brought along, None without.
    """
    if isinstance(service, type):
        text = f"The storage service in use, {service_name(service)}, does not take {{names}}."
    elif service is None:
        text = "There is no storage service that could take {names}: give storage_service=."
    elif service is present:
        text = (
            f"{{names}} cannot be applied: the trajectory has a storage service already, "
            f"{_shown(service)}, which is used as it is. Leave them out to store there, or set "
            "`v_storage_service = None` on the trajectory before to store elsewhere."
        )
    else:
        text = (
            f"{{names}} cannot be applied: storage_service={_shown(service)} is ready-made and "
            "used as it is. Leave them out, or give the name or the class of a service."
        )
    return text


def unused_service(options: OptionValues, present: Any) -> str:
    """Return what to say if another service is asked for than the trajectory has; else ``''``."""
    asked = options["storage_service"]
    if present is None or asked is None or "storage_service" not in options.given:
        return ""
    if asked is present or asked is type(present) or _is_name_of(asked, present):
        return ""
    return (
        f"storage_service={asked!r} is not used: the trajectory has a storage service already, "
        f"{present!r}. Set `v_storage_service = None` on the trajectory before to store elsewhere."
    )


def _is_name_of(asked: Any, present: Any) -> bool:
    kind = type(present)
    names = {str(getattr(present, "name", kind.__name__)).lower(), kind.__name__.lower()}
    return isinstance(asked, str) and asked.rpartition(".")[2].lower() in names


def _shown(service: Any) -> str:
    """Return an object as text that `str.format` leaves alone."""
    return repr(service).replace("{", "{{").replace("}", "}}")


def service_name(service: Any) -> str:
    """Return how messages call a service, which may be a class or an instance: as users type it."""
    name = getattr(service, "name", None)
    if isinstance(name, str) and name:
        return repr(name)
    return (service if isinstance(service, type) else type(service)).__name__
