"""Options that have no effect: errors and warnings instead of ignoring them silently."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Sized
from typing import TYPE_CHECKING, Any

from pypet.errors import MissingDependencyError, OptionWarning, PluginWarning, UnknownPluginError
from pypet.interfaces import Option
from pypet.manager import DeclaredOption, PluginManager, split_names
from pypet.manager.entries import normalized
from pypet.manager.lookup_errors import missing_feature_error
from pypet.manager.optional_features import (
    OPTIONAL_FEATURES,
    OptionalFeature,
    optional_plugin_names,
)
from pypet.manager.plugin_manager import DISABLE_VARIABLE
from pypet.options.established import ESTABLISHED
from pypet.support.spelling import ALMOST_CERTAIN, closest_match, did_you_mean

if TYPE_CHECKING:
    from pypet.interfaces import Scheduler
    from pypet.options.collection import OptionValues

logger = logging.getLogger(__name__)

DISABLE_OPTION = "disable_plugins"
_PARALLEL = "multiproc"
_WORKERS = "ncores"
_NEW_TRAJECTORY = ("add_time", "comment", "dynamic_imports", "wildcard_functions")


def missing_feature(option: Option, declarations: Sized) -> OptionalFeature | None:
    """Return the feature whose absence makes an option ineffective, None if the option is read.

    ``declarations`` are the plugins' declarations of this option.
    """
    return None if len(declarations) else OPTIONAL_FEATURES.get(option.family)


def check_option_features(
    manager: PluginManager,
    declared: Mapping[str, Sequence[DeclaredOption]],
    given: Mapping[str, Any],
) -> None:
    """Raise if a given option requires a feature that no usable plugin provides.

    An option that merely configures such a feature is logged as a warning. ``declared`` maps names
    to the plugins' declarations, ``given`` to the given values.

    Raises
    ------
    MissingDependencyError
        The plugin lacks a package, or is installed with an extra.
    UnknownPluginError
        No installed plugin reads the option, or it is switched off.
    """
    options = {name: ESTABLISHED.get(name) or declared[name][0].option for name in given}
    # Switches come before the options that depend on them: the error names the switch.
    for name in sorted(given, key=lambda name: bool(options[name].only_with)):
        value, option = given[name], options[name]
        declarations = declared.get(name, ())
        if any(not declaration.unmet_requirements() for declaration in declarations):
            continue
        if option.family == "storage" or not requests_feature(value, option.default):
            continue
        if _is_ineffective(option, given):
            continue  # `warn_of_ineffective_options` reports it
        asked = f"{name}={value!r}"
        if declarations:
            raise MissingDependencyError(f"{asked} {declarations[0].unmet_requirements()}")
        family = missing_feature(option, declarations)
        if family is None or _is_named(family.names, given):
            continue  # the lookup of that name raises a better error
        error = missing_feature_error(asked, family, manager.entries)
        if family.is_required:
            raise error
        logger.warning("It has no effect: %s", error)


def _is_named(plugins: Sequence[str], given: Mapping[str, Any]) -> bool:
    """Return whether the value of an option is the name of one of these plugins."""
    return any(isinstance(value, str) and value.lower() in plugins for value in given.values())


def _is_ineffective(option: Option, given: Mapping[str, Any]) -> bool:
    """Return whether the switch of the same family on which an option depends is off."""
    switch = ESTABLISHED.get(option.only_with)
    if switch is None or switch.family != option.family:
        return False
    return not requests_feature(given.get(switch.name), switch.default)


def requests_feature(value: Any, default: Any) -> bool:
    """Return whether a value requests a feature: not the default, None or False."""
    if value is None or value is False or value is default:
        return False
    if isinstance(default, bool):
        return bool(value) and not default
    return bool(value != default)


def warn_of_ineffective_options(
    options: OptionValues,
    scheduler: type[Scheduler],
    *,
    shared: Collection[str] = (),
    stacklevel: int = 1,
) -> None:
    """Warn of given options without effect, and of parallel runs with one worker.

    There is no warning if the switch was given explicitly, with any value: a script may toggle
    ``multiproc`` and leave ``ncores`` as it is. Options in ``shared`` come from a config file
    that may serve other experiments, with new trajectories. ``stacklevel`` counts from the
    calling function (1).
    """
    texts = (
        *_without_switch(options),
        *_with_existing_trajectory(options, shared),
        *_single_worker(options, scheduler),
    )
    for text in texts:
        warnings.warn(text, OptionWarning, stacklevel=stacklevel + 1)


def _without_switch(options: OptionValues) -> Iterator[str]:
    by_switch: dict[str, list[str]] = {}
    for name, switch in options.ineffective_without():
        by_switch.setdefault(switch, []).append(f"{name}={options[name]!r}")
    for switch, idle in by_switch.items():
        if switch in options.given or options[switch]:
            continue
        what = f"{_listed(idle)} without {switch}"
        if switch != _PARALLEL:
            yield f"{what}. Give {switch}, or {switch}={options[switch]!r} if this is meant."
        elif options["scheduler"] is None and options["do_single_runs"]:
            yield (
                f"{what}: runs are executed one after the other in this process. Give "
                "multiproc=True, or multiproc=False if this is meant."
            )


def _with_existing_trajectory(options: OptionValues, shared: Collection[str]) -> Iterator[str]:
    if isinstance(options["trajectory"], str):
        return
    idle = [
        f"{name}={options[name]!r}"
        for name in _NEW_TRAJECTORY
        if name in options.given.difference(shared)
        and requests_feature(options[name], _default(name))
    ]
    if idle:
        yield f"{_listed(idle)} beside a trajectory that exists already: leave it out."


def _single_worker(options: OptionValues, scheduler: type[Scheduler]) -> Iterator[str]:
    if scheduler.in_process or not options["do_single_runs"]:
        return
    # The number of workers started elsewhere, as on a cluster, is not an option.
    if _WORKERS in options.given or scheduler.has_external_workers(options):
        return
    if any(option.name == _WORKERS for option in scheduler.options):
        yield (
            "Runs are executed in parallel with ncores=1, that is by one worker. Give ncores=N for "
            "N workers, ncores=0 for one a core, or ncores=1 if this is meant."
        )


def _default(name: str) -> Any:
    return ESTABLISHED[name].default


def _listed(idle: list[str]) -> str:
    return f"{', '.join(idle)} {'does' if len(idle) == 1 else 'do'} nothing"


def check_disabled(
    manager: PluginManager, given: str | Iterable[str], *, stacklevel: int = 1
) -> None:
    """Reject misspelled names in ``disable_plugins``, and warn of other unknown names.

    Plugins that are not installed may be switched off, so that a script also runs where fewer
    are installed; an unknown name is an error only if it is close to a known one. In
    ``PYPET_DISABLE_PLUGINS``, which applies to every script, it is always a warning.
    ``given`` is the value of the option; ``manager`` respects the option and the variable.

    Raises
    ------
    UnknownPluginError
        A name is misspelled.
    """
    if not manager.disabled:
        return
    known = manager.names()
    unknown = {
        name
        for name in manager.disabled - known - optional_plugin_names()
        if normalized(name) not in known
    }
    in_option = split_names(given)
    for name in sorted(unknown):
        where = DISABLE_OPTION if name in in_option else DISABLE_VARIABLE
        text = f"{where}: there is no plugin, feature or distribution named {name!r}."
        if name in in_option and closest_match(name, known, ALMOST_CERTAIN):
            raise UnknownPluginError(text + did_you_mean(name, known))
        warnings.warn(
            f"{text}{did_you_mean(name, known)} `pypet plugins` lists what there is.",
            PluginWarning,
            stacklevel=stacklevel + 1,
        )
