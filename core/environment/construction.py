"""Steps of making an environment: its trajectory, its storage and the parts that plugins give."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.environment.storage_choice import (
    check_service,
    has_setting,
    named_service,
    storage_refusal,
    unused_service,
)
from pypet.interfaces import LogContext
from pypet.manager import PluginManager, get_manager
from pypet.options import ESTABLISHED, OptionValues, unknown_option_error
from pypet.trajectory import Trajectory
from pypet.trajectory.storage_choice import StorageChoice, choose_storage

if TYPE_CHECKING:
    from pypet.interfaces import WrapMode

PROPERTY_PREFIX = "v_"


class StoragePlan(NamedTuple):
    """The storage service to make, and the properties to set on the trajectory."""

    choice: StorageChoice
    properties: Mapping[str, Any]
    left_out: list[str]
    """Keywords that nobody takes and that need not be taken."""
    unused_service: str
    """What to warn of if the service that is asked for is not used."""


def manager_for(kwargs: Mapping[str, Any]) -> PluginManager:
    """Return the plugin manager without the plugins that the keywords switch off."""
    option = ESTABLISHED["disable_plugins"]
    disabled = kwargs.get(option.name, option.default)
    option.validate(disabled)
    return get_manager(disabled)


def make_trajectory(options: Mapping[str, Any]) -> Trajectory:
    """Return a new trajectory if a name is given, else the one that is given.

    Raises
    ------
    TypeError
        It is neither a name nor a trajectory.
    """
    given = options["trajectory"]
    if isinstance(given, str):
        return Trajectory(
            given,
            add_time=options["add_time"],
            comment=options["comment"],
            dynamic_imports=options["dynamic_imports"],
            wildcard_functions=options["wildcard_functions"],
        )
    if not isinstance(given, Trajectory):
        raise TypeError(
            f"trajectory={given!r}: give the name of a new trajectory or a Trajectory, not "
            f"{type(given).__name__}."
        )
    return given


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
    """Find out what the storage keywords mean; nothing is made or changed yet.

    ``mode`` is the wrap mode of parallel runs. A service that the trajectory has already is only
    replaced if ``replace`` says so. Keywords in ``optional`` may be such that nobody takes them.
    Those that say what a ready-made service has already are fine.

    Raises
    ------
    UnknownOptionError
        A keyword is none of an option, of the service or of the trajectory.
    ValueError
        The service cannot be had or does not go with other options.
    """
    storage = options.given_of("storage")
    storage.pop("storage_service", None)
    keywords = {**storage, **leftovers}
    present = None if replace else trajectory.v_storage_service
    service = present
    if service is None:
        service = named_service(options["storage_service"], trajectory, manager)
    choice = choose_storage(service, trajectory, **keywords)
    check_service(choice.service, mode)
    settable = settable_properties(type(trajectory))
    properties = {}
    unknown = []
    left_out = []
    for name in keywords:
        if name not in choice.unused:
            continue
        bare = name.removeprefix(PROPERTY_PREFIX)
        if bare in settable:
            properties[PROPERTY_PREFIX + bare] = keywords[name]
        elif name in optional:
            left_out.append(name)
        elif has_setting(choice.service, name, keywords[name]):
            continue
        else:
            unknown.append(name)
    if unknown:
        known = [*settable, *(PROPERTY_PREFIX + name for name in settable), *options]
        raise unknown_option_error(unknown, known, storage_refusal(choice.service, present))
    unused = "" if "storage_service" in optional else unused_service(options, present)
    return StoragePlan(choice, properties, left_out, unused)


def settable_properties(cls: type[Trajectory]) -> list[str]:
    """Return the names, without prefix, of the properties of a trajectory that can be set."""
    return [
        name.removeprefix(PROPERTY_PREFIX)
        for name in dir(cls)
        if name.startswith(PROPERTY_PREFIX)
        and isinstance(found := getattr(cls, name), property)
        and found.fset is not None
    ]


def log_context(trajectory: Trajectory, environment_name: str) -> LogContext:
    """Return the names that log files of the main process carry."""
    return LogContext(
        environment_name=environment_name,
        trajectory_name=trajectory.v_name,
        run_name=trajectory.f_wildcard("$", -1),
        set_name=trajectory.f_wildcard("$set", -1),
    )
