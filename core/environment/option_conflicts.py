"""Checks of options that contradict each other; each option checks its own value itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pypet import pypetconstants
from pypet.errors import MissingDependencyError, PluginError
from pypet.support.optional import install_hint, is_installed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pypet.interfaces import Scheduler, WrapMode
    from pypet.manager import PluginManager


_MODE_NAMES = frozenset(
    value for name, value in vars(pypetconstants).items() if name.startswith("WRAP_MODE_")
)

_EXCLUSIVE = (
    ("use_pool", "use_scoop"),
    ("immediate_postproc", "use_pool"),
    ("immediate_postproc", "use_scoop"),
    ("graceful_exit", "use_scoop"),
)


def check_options(
    options: Mapping[str, Any], manager: PluginManager, scheduler: type[Scheduler]
) -> None:
    """Raise unless the options go together.

    Raises
    ------
    ValueError
        Two options contradict each other, or with ``multiproc`` the wrap mode is not available.
    """
    for first, second in _EXCLUSIVE:
        if options[first] and options[second]:
            raise ValueError(f"Give either {first} or {second}; they do not work together.")
    stay = options["use_pool"] or options["use_scoop"] or scheduler.workers_stay
    if options["freeze_input"] and not stay:
        raise ValueError("freeze_input needs workers that stay: use_pool=True or use_scoop=True.")
    takes_more = scheduler.accepts_new_work or not scheduler.workers_stay
    if options["immediate_postproc"] and not takes_more:
        raise ValueError(
            "immediate_postproc needs a scheduler that takes runs meanwhile, such as 'process', "
            f"but the scheduler is {scheduler.name!r}: leave one of them out."
        )
    if options["resumable"] and not options["automatic_storing"]:
        raise ValueError(
            "resumable needs automatic_storing=True: runs that are not stored cannot be resumed."
        )
    if options["ncores"] == 0 and not is_installed("psutil"):
        raise MissingDependencyError(
            f"ncores=0 needs psutil to count the cores: {install_hint('monitor')}."
        )
    if options["on_existing"] is not None:
        _check_finds_existing(options)
    _check_wrap_mode(_installed_wrap_mode(options, manager), options, manager)


def _check_finds_existing(options: Mapping[str, Any]) -> None:
    """Raise if a script that is started again would never find what it stored before."""
    choice = f"on_existing={options['on_existing']!r}"
    if options["add_time"] and isinstance(options["trajectory"], str):
        raise ValueError(
            f"{choice} continues the stored trajectory of the same name, but with "
            "add_time=True every start has a name of its own: leave one of them out."
        )
    if options["overwrite_file"]:
        raise ValueError(
            f"{choice} continues what is stored, but overwrite_file=True deletes it first: "
            "leave one of them out."
        )


def wrap_mode_name(options: Mapping[str, Any]) -> str:
    """Return the name of the wrap mode; None as value of the option means ``'NONE'``."""
    name: str | None = options["wrap_mode"]
    return pypetconstants.WRAP_MODE_NONE if name is None else name


def _installed_wrap_mode(
    options: Mapping[str, Any], manager: PluginManager
) -> type[WrapMode] | None:
    """Return the class of the wrap mode; None if it is neither needed nor installed."""
    name = wrap_mode_name(options)
    try:
        return manager.wrap_mode(name)
    except (ValueError, PluginError):
        # The default is a mode that a small installation lacks, and one core needs none.
        needed = options["multiproc"] or options["port"] is not None
        if needed or name.upper() not in _MODE_NAMES:
            raise
        return None


def example_mode(manager: PluginManager, **capabilities: bool) -> str:
    """Return ``", for example wrap_mode=..."`` with these capabilities, ``''`` if there is none."""
    for mode in manager.wrap_modes():
        if mode.protects and all(
            getattr(mode, name) is value for name, value in capabilities.items()
        ):
            return f", for example wrap_mode={mode.name!r}"
    return ""


def _check_wrap_mode(
    mode: type[WrapMode] | None, options: Mapping[str, Any], manager: PluginManager
) -> None:
    """Ask the class of the mode whether it can do what other options want."""
    name = wrap_mode_name(options)
    listens = mode is not None and any(option.name == "port" for option in mode.options)
    if options["port"] is not None and not listens:
        raise ValueError(
            f"port={options['port']!r}: wrap_mode={name!r} uses no port; leave it out or "
            "choose a network wrap mode."
        )
    if mode is None:
        return
    if options["use_scoop"] and not mode.works_across_hosts:
        raise ValueError(
            f"use_scoop does not work with wrap_mode={name!r}, which needs one host; choose one "
            f"that works across hosts{example_mode(manager, works_across_hosts=True)}."
        )
    if options["resumable"] and not mode.supports_resume:
        raise ValueError(
            f"resumable does not work with wrap_mode={name!r}, which may report a run before it is "
            f"stored; choose another one{example_mode(manager, supports_resume=True)}."
        )
