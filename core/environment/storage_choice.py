"""Which storage service an environment gives its trajectory."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.options import OptionValues, unknown_option_error
from pypet.services.storage_choice import (
    DEFAULT_SERVICE,
    StorageChoice,
    choose_storage,
    service_of_file,
)
from pypet.trajectory.properties import PROPERTY_PREFIX, settable_properties

if TYPE_CHECKING:
    from pypet.interfaces import WrapMode
    from pypet.manager import PluginManager
    from pypet.trajectory import Trajectory

_PATHS = (str, os.PathLike)


class StoragePlan(NamedTuple):
    """The storage service to make, and the properties to set on the trajectory."""

    choice: StorageChoice
    properties: Mapping[str, Any]
    ignored: list[str]
    """Optional keywords that neither the service nor the trajectory takes."""
    unused_service: str
    """The warning if the service that was asked for is not used, else ``''``."""
    unclaimed_file: str
    """The warning if no installed service claims the extension of a new file, else ``''``."""


def plan_storage(
    trajectory: Trajectory,
    options: OptionValues,
    leftovers: Mapping[str, Any],
    manager: PluginManager,
    *,
    mode: type[WrapMode] | None,
    replace: bool,
    optional: Collection[str] = (),
) -> StoragePlan:
    """Resolve the storage keywords; nothing is made or changed yet.

    Parameters
    ----------
    leftovers
        Keywords that are not options.
    mode
        The wrap mode of parallel runs.
    replace
        Replace the service that the trajectory already has.
    optional
        Keywords that neither service nor trajectory need take.

    Raises
    ------
    UnknownOptionError
        A keyword belongs to no option, and neither to the service nor to the trajectory. A
        keyword with the value that a ready-made service already has is no error.
    ValueError
        The service is not available or conflicts with other options.
    """
    storage = options.given_of("storage")
    storage.pop("storage_service", None)
    keywords = {**storage, **leftovers}
    present = None if replace else trajectory.v_storage_service
    service = _asked_service(options, manager) if present is None else present
    choice = choose_storage(service, trajectory, keywords, manager)
    check_service(choice.service, mode)
    settable = settable_properties(type(trajectory))
    properties = {}
    unknown = []
    ignored = []
    for name in keywords:
        if name not in choice.unused:
            continue
        bare = name.removeprefix(PROPERTY_PREFIX)
        if bare in settable:
            properties[PROPERTY_PREFIX + bare] = keywords[name]
        elif name in optional:
            ignored.append(name)
        elif _has_setting(choice.service, name, keywords[name]):
            continue
        else:
            unknown.append(name)
    if unknown:
        known = [*settable, *(PROPERTY_PREFIX + name for name in settable), *options]
        raise unknown_option_error(unknown, known, _refusal(choice.service, present))
    unused = "" if "storage_service" in optional else _unused_service(options, present)
    unclaimed = _unclaimed_file(options, manager) if present is None else ""
    return StoragePlan(choice, properties, ignored, unused, unclaimed)


def _asked_service(options: OptionValues, manager: PluginManager) -> Any:
    """Return the storage service of the options: without one, that of the ending of the file."""
    asked = options["storage_service"]
    if "storage_service" in options.given or asked != DEFAULT_SERVICE:
        return asked
    named = service_of_file(options["filename"], manager)
    return asked if named is None else named


def _unclaimed_file(options: OptionValues, manager: PluginManager) -> str:
    """Return a warning for a file such as ``'x.zarr'`` whose plugin is not installed."""
    filename = options["filename"]
    if "storage_service" in options.given or not isinstance(filename, str | os.PathLike):
        return ""
    extension = os.path.splitext(os.fspath(filename))[1]
    if not extension or os.path.exists(filename) or service_of_file(filename, manager) is not None:
        return ""
    return (
        f"No installed storage service claims the extension {extension!r}, so {DEFAULT_SERVICE!r} "
        f"stores in {os.fspath(filename)!r}. Install the plugin for such files, or give "
        f"storage_service={DEFAULT_SERVICE!r} if this is meant."
    )


def check_service(service: Any, mode: type[WrapMode] | None) -> None:
    """Raise ValueError if a service lives in the main process but runs would store elsewhere.

    ``service`` may be a class or an instance, ``mode`` is that of parallel runs. Wrap modes need
    not check this themselves.
    """
    if mode is None or mode.stores_in_main_process:
        return
    if getattr(service, "main_process_only", False):
        raise ValueError(
            f"storage_service={_service_name(service)} keeps its data in the memory of the main "
            "process; other processes can only use it with a wrap mode that stores there, such as "
            f"'LOCAL', not with wrap_mode={mode.name!r}."
        )


def _has_setting(service: Any, name: str, value: Any) -> bool:
    """Return whether a ready-made service already has this value of a setting."""
    if service is None or isinstance(service, type):
        return False
    present = getattr(service, name, None)
    if isinstance(present, _PATHS) and isinstance(value, _PATHS):
        return os.path.realpath(present) == os.path.realpath(value)
    return type(present) is type(value) and bool(present == value)


def _refusal(service: Any, present: Any) -> str:
    """Return why the keywords ``{names}`` of storage services are refused, and a remedy.

    ``service`` is the service, or its class if it was to be made; ``present`` is the one that the
    trajectory already had, or None.
    """
    if isinstance(service, type):
        text = f"The storage service in use, {_service_name(service)}, does not take {{names}}."
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


def _unused_service(options: OptionValues, present: Any) -> str:
    """Return the warning if another service is asked for than the trajectory has; else ``''``."""
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
    """Return the repr of an object, escaped for `str.format`."""
    return repr(service).replace("{", "{{").replace("}", "}}")


def _service_name(service: Any) -> str:
    """Return the name of a service or of its class, as users type it."""
    name = getattr(service, "name", None)
    if isinstance(name, str) and name:
        return repr(name)
    return (service if isinstance(service, type) else type(service)).__name__
