"""Which plugins execute, store, log and record the experiments of an environment.

Options are resolved here: they choose scheduler and wrap mode, these may replace other options by
what is in effect, and all other features are made with the result.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pypet.environment.guards import (
    GuardedGate,
    GuardedJournal,
    GuardedLogging,
    GuardedReporter,
    GuardedVersioning,
)
from pypet.environment.option_conflicts import check_options, example_mode, wrap_mode_name
from pypet.environment.origin import Guard, Origin
from pypet.errors import MissingDependencyError
from pypet.interfaces import without_adapter
from pypet.manager import PluginManager, get_manager
from pypet.options import ESTABLISHED, OptionValues
from pypet.pypetconstants import DEFAULT_LOGGING

if TYPE_CHECKING:
    from pypet.interfaces import (
        AdmissionGate,
        Feature,
        Journal,
        LoggingSetup,
        ProgressReporter,
        Scheduler,
        StorageService,
        Versioning,
        WrapMode,
    )

_SWITCHES = ("use_scoop", "use_pool", "multiproc")
"""Options that choose a scheduler, see `Scheduler.chosen_by`. The first one that is set decides;
without `multiproc` none of the others counts."""
_NO_SWITCH = ""

QUEUE_LENGTH_PER_CORE = 2

DEBUGGER = "pydevd"
CONSOLE_LOGGING: dict[str, Any] = {
    "version": 1,
    "formatters": {"lines": {"format": "%(processName)-10s %(name)s %(levelname)-8s %(message)s"}},
    "handlers": {
        "stream": {"class": "logging.StreamHandler", "formatter": "lines", "level": "INFO"}
    },
    "root": {"handlers": ["stream"], "level": "INFO"},
}
"""The default logging without its files."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PluginSet:
    """The classes and instances of plugins that all experiments of an environment use."""

    manager: PluginManager
    options: OptionValues
    """The values in effect."""
    scheduler: type[Scheduler]
    wrap_mode: type[WrapMode] | None
    """That of parallel runs; None if runs are executed in the main process."""
    gates: Sequence[AdmissionGate]
    logging: Sequence[LoggingSetup]
    progress: Sequence[ProgressReporter]
    versionings: Sequence[Versioning]
    journal: Journal | None = None
    """Records what runs store; None if the experiment is not resumable."""
    noted: set[str] = field(default_factory=set)
    """Notes about the storage that were logged, each once for an environment."""
    fallback: str | None = None
    """Why the scheduler is not the one that was asked for."""

    @property
    def wrap_mode_options(self) -> Mapping[str, Any]:
        """The options, and what a wrap mode has to know of the scheduler."""
        return {
            **self.options,
            "across_hosts": self.scheduler.reaches_other_hosts(self.options),
            "is_private": self.scheduler.is_private(self.options),
        }

    def shares_directly(self, service: StorageService) -> bool:
        """Return whether workers use a storage service itself, without the wrap mode.

        That takes a service that is safe for processes of several hosts where workers may be on
        others. Services of users that are not `StorageService` know one kind of safety only.
        """
        if not service.multiproc_safe or self.options["force_wrap_mode"]:
            return False
        return (
            service.multihost_safe
            or without_adapter(service) is not service
            or not self.scheduler.reaches_other_hosts(self.options)
        )

    @property
    def unfit_mode(self) -> str:
        """Why the wrap mode does not work with the workers of the scheduler; ``''`` if it does."""
        mode, scheduler = self.wrap_mode, self.scheduler
        if mode is None or not scheduler.works_across_hosts or mode.works_across_hosts:
            return ""
        if mode.needs_inheritance:
            return (
                f"wrap_mode={mode.name!r} works with processes that pypet starts, but those of "
                f"scheduler {scheduler.name!r} are started elsewhere"
            )
        if scheduler.reaches_other_hosts(self.options):
            return (
                f"wrap_mode={mode.name!r} works on one host, but those workers of scheduler "
                f"{scheduler.name!r} may be on others"
            )
        return ""

    def check_workers_of(self, service: Any) -> None:
        """Raise unless workers can use a storage service, by the wrap mode or without it.

        Raises
        ------
        ValueError
            The service needs the mode, which does not work with these workers.
        """
        reason = self.unfit_mode
        if not reason or (service is not None and self.shares_directly(service)):
            return
        raise ValueError(
            f"{reason}; choose a wrap mode that works across hosts"
            f"{example_mode(self.manager, works_across_hosts=True)}, or a storage service that is "
            "safe for processes of several hosts by itself (multihost_safe)."
        )

    @property
    def fixed_url(self) -> str | None:
        """Where a server of the wrap mode will listen, as far as that is known without it."""
        mode = self.wrap_mode
        return None if mode is None else mode.fixed_url(self.wrap_mode_options)


def manager_for(kwargs: Mapping[str, Any]) -> PluginManager:
    """Return the plugin manager without the plugins that the keywords disable."""
    option = ESTABLISHED["disable_plugins"]
    disabled = kwargs.get(option.name, option.default)
    option.validate(disabled)
    return get_manager(disabled)


def debug_options(options: Mapping[str, Any], manager: PluginManager) -> dict[str, Any]:
    """Return the options that ``lazy_debug`` changes, none unless it is on and a debugger active.

    The storage service is one that keeps nothing, and the default logging writes no files; a
    logging configuration of the user stays.

    Raises
    ------
    MissingDependencyError
        No storage service keeps nothing.
    """
    if not options["lazy_debug"] or DEBUGGER not in sys.modules:
        return {}
    _logger.warning("lazy_debug: the debugger %s is active, so NOTHING is stored.", DEBUGGER)
    service = next((each for each in manager.storage_services() if not each.keeps_data), None)
    if service is None:
        raise MissingDependencyError(
            "lazy_debug=True needs a storage service that keeps nothing, and none is in use. "
            "`pypet plugins` lists what there is."
        )
    changed: dict[str, Any] = {"storage_service": service.name}
    if options["log_config"] == DEFAULT_LOGGING:
        changed["log_config"] = CONSOLE_LOGGING
    return changed


def make_plugin_set(options: OptionValues, manager: PluginManager) -> PluginSet:
    """Replace options by the values in effect, and make the plugins that they ask for.

    Raises
    ------
    ValueError
        Two options contradict each other, or what they ask for is not available.
    """
    scheduler = _choose_scheduler(options, manager)
    _validate_own_options(options, scheduler)
    if not scheduler.in_process:
        if scheduler.chosen_by in _SWITCHES:
            options[scheduler.chosen_by] = True
        options["multiproc"] = True
    check_options(options, manager, scheduler)
    fallback = scheduler.fallback_reason(options)
    if fallback is not None:
        scheduler = manager.scheduler_chosen_by(_NO_SWITCH)

    def made(guard: type[Guard], kinds: Sequence[Any]) -> list[Any]:
        return [guard.around(Origin.of(kind, manager), partial(kind, options)) for kind in kinds]

    return PluginSet(
        manager=manager,
        options=options,
        scheduler=scheduler,
        wrap_mode=_resolve_parallel_runs(options, scheduler, manager),
        gates=made(GuardedGate, manager.admission_gates()),
        logging=made(GuardedLogging, manager.logging_setups()),
        progress=made(GuardedReporter, manager.progress_reporters()),
        fallback=fallback,
        versionings=made(GuardedVersioning, manager.versionings()),
        # That there is one was checked with the options.
        journal=made(GuardedJournal, manager.journals()[:1])[0] if options["resumable"] else None,
    )


def _choose_scheduler(options: Mapping[str, Any], manager: PluginManager) -> type[Scheduler]:
    """Return the class of the scheduler that the options ask for.

    Raises
    ------
    ValueError
        ``scheduler`` and the flags contradict each other, or there is no such scheduler.
    """
    switch = _NO_SWITCH
    if options["multiproc"]:
        switch = next(name for name in _SWITCHES if options[name])
    wanted = options["scheduler"]
    if wanted is None:
        return manager.scheduler_chosen_by(switch)
    if isinstance(wanted, str):
        scheduler = manager.scheduler(wanted)
    else:
        scheduler = _scheduler_on(wanted, manager)
    says_more = options["use_pool"] or options["use_scoop"]
    if options["multiproc"] and (
        scheduler.in_process or (says_more and scheduler.chosen_by != switch)
    ):
        raise ValueError(
            f"scheduler={wanted!r} and {switch}=True contradict each other: leave the flags out ("
            "multiproc, use_pool and use_scoop)."
        )
    return scheduler


def _scheduler_on(resource: Any, manager: PluginManager) -> type[Scheduler]:
    """Return the scheduler that executes runs on an object, such as an executor."""
    for kind in reversed(manager.schedulers()):
        with Origin.of(kind, manager).named():
            if kind.executes_on(resource):
                return kind
    raise MissingDependencyError(
        f"scheduler={resource!r}: no scheduler in use executes runs on a "
        f"{type(resource).__name__}; give the name of a scheduler. `pypet plugins` lists what "
        "there is."
    )


def _resolve_parallel_runs(
    options: OptionValues, scheduler: type[Scheduler], manager: PluginManager
) -> type[WrapMode] | None:
    """Replace options by the values in effect and return the wrap mode of parallel runs.

    Runs in the main process have none, and their options stay.

    Raises
    ------
    ValueError
        There is no such mode, or it does not work with the processes of the scheduler.
    """
    if scheduler.in_process:
        return None
    with Origin.of(scheduler, manager).named():
        options.update(scheduler.resolve_options(options))
    if options["queue_maxsize"] < 0:
        options["queue_maxsize"] = QUEUE_LENGTH_PER_CORE * options["ncores"]
    mode = manager.wrap_mode(wrap_mode_name(options))
    _validate_own_options(options, mode)
    method = options["start_method"]
    # Workers that pypet does not start are the better reason, which `unfit_mode` gives.
    starts_workers = not (scheduler.works_across_hosts and mode.needs_inheritance)
    if mode.needs_fork and method != "fork" and starts_workers:
        raise ValueError(
            f"wrap_mode={mode.name!r} needs processes that are forked, but start_method is "
            f"{method!r}, by the option or by multiprocessing.set_start_method; choose another "
            f"wrap mode{example_mode(manager, needs_fork=False)}, or give start_method='fork'."
        )
    return mode


def _validate_own_options(options: OptionValues, feature: type[Feature]) -> None:
    """Check given options against the declarations of the scheduler or wrap mode in use.

    `pypet.options.collect` leaves those of third parties out, as it cannot know who is used.

    Raises
    ------
    TypeError, ValueError
        As `Option.validate`.
    """
    for option in feature.options:
        if option.name in options.given and options[option.name] != option.default:
            option.validate(options[option.name])
