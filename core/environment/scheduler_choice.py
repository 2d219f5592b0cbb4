"""Which scheduler executes the runs, and with which wrap mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet.environment.validation import parallel_wrap_mode

if TYPE_CHECKING:
    from pypet.interfaces import Scheduler, WrapMode
    from pypet.manager import PluginManager

# The first flag that is set decides; without `multiproc` none of the others counts.
_IN_PROCESS = "serial"
_PARALLEL = (("use_scoop", "scoop"), ("use_pool", "pool"), ("multiproc", "process"))
_EXECUTOR = "executor"
"""Schedules on an object that is given as the option, a `concurrent.futures.Executor`."""

QUEUE_LENGTH_PER_CORE = 2


def choose_scheduler(options: Mapping[str, Any], manager: PluginManager) -> type[Scheduler]:
    """Return the class of the scheduler that the options ask for.

    Raises
    ------
    ValueError
        ``scheduler`` and the flags contradict each other, or nobody gives the scheduler.
    """
    by_flags = _name_by_flags(options)
    wanted = options["scheduler"]
    name = by_flags
    if wanted is not None:
        name = wanted if isinstance(wanted, str) else _EXECUTOR
    scheduler = manager.scheduler(name)
    says_more = options["use_pool"] or options["use_scoop"]
    if options["multiproc"] and (scheduler.in_process or (says_more and name.lower() != by_flags)):
        raise ValueError(
            f"scheduler={wanted!r} and the flags multiproc, use_pool and use_scoop, which stand "
            f"for {by_flags!r}, contradict each other: leave the flags out."
        )
    return scheduler


def fall_back(
    options: Mapping[str, Any], scheduler: type[Scheduler], manager: PluginManager
) -> tuple[type[Scheduler], str | None]:
    """Return the scheduler that is used, and why it is not the one that was asked for.

    Raises
    ------
    ValueError
        The one that was asked for cannot be used, and no other is wanted.
    """
    reason = scheduler.fallback_reason(options)
    return (scheduler, None) if reason is None else (manager.scheduler(_IN_PROCESS), reason)


def implied_flags(options: Mapping[str, Any], scheduler: type[Scheduler]) -> dict[str, bool]:
    """Return the flags that stand for a scheduler that was chosen by its name."""
    if scheduler.in_process:
        return {}
    flags = {flag: True for flag, name in _PARALLEL if name == scheduler.name}
    return {"multiproc": True, **flags}


def settle_parallel_runs(
    options: dict[str, Any], scheduler: type[Scheduler], manager: PluginManager
) -> type[WrapMode] | None:
    """Replace options by what is in effect and return the wrap mode of parallel runs.

    Runs in the main process have none, and their options stay.

    Raises
    ------
    ValueError
        Nobody gives the mode, or it does not work with the processes of the scheduler.
    """
    if scheduler.in_process:
        return None
    options.update(scheduler.resolve_options(options))
    if options["queue_maxsize"] < 0:
        options["queue_maxsize"] = QUEUE_LENGTH_PER_CORE * options["ncores"]
    return parallel_wrap_mode(options, manager, scheduler)


def _name_by_flags(options: Mapping[str, Any]) -> str:
    if not options["multiproc"]:
        return _IN_PROCESS
    return next(name for flag, name in _PARALLEL if options[flag])
