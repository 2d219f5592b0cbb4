"""Which scheduler executes the runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pypet.interfaces import Scheduler
    from pypet.manager import PluginManager

# The first flag that is set decides; without `multiproc` none of the others counts.
_IN_PROCESS = "serial"
_PARALLEL = (("use_scoop", "scoop"), ("use_pool", "pool"), ("multiproc", "process"))
_EXECUTOR = "executor"
"""Schedules on an object that is given as the option, a `concurrent.futures.Executor`."""


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


def implied_flags(options: Mapping[str, Any], scheduler: type[Scheduler]) -> dict[str, bool]:
    """Return the flags that stand for a scheduler that was chosen by its name."""
    if scheduler.in_process:
        return {}
    flags = {flag: True for flag, name in _PARALLEL if name == scheduler.name}
    return {"multiproc": True, **flags}


def _name_by_flags(options: Mapping[str, Any]) -> str:
    if not options["multiproc"]:
        return _IN_PROCESS
    return next(name for flag, name in _PARALLEL if options[flag])
