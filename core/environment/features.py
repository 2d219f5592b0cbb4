"""What plugins give one environment: the classes that it chose, and one object of each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pypet.environment.scheduler_choice import (
    choose_scheduler,
    fall_back,
    implied_flags,
    settle_parallel_runs,
)
from pypet.environment.validation import check_options

if TYPE_CHECKING:
    from pypet.interfaces import (
        AdmissionGate,
        Journal,
        LoggingSetup,
        ProgressReporter,
        Scheduler,
        Versioning,
        WrapMode,
    )
    from pypet.manager import PluginManager


@dataclass(frozen=True, slots=True)
class Features:
    """The same for all experiments of an environment."""

    manager: PluginManager
    options: Mapping[str, Any]
    """The values in effect, by which all others were chosen and made."""
    scheduler: type[Scheduler]
    wrap_mode: type[WrapMode] | None
    """That of parallel runs; None if runs are executed in the main process."""
    gates: Sequence[AdmissionGate]
    logging: Sequence[LoggingSetup]
    progress: Sequence[ProgressReporter]
    versionings: Sequence[Versioning]
    journal: Journal | None = None
    """Records what runs store; None if the experiment is not resumable."""
    given: frozenset[str] = frozenset()
    """Names of the options that the user has given."""
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

    @property
    def fixed_url(self) -> str | None:
        """Where a server of the wrap mode will listen, as far as that is known without it."""
        mode = self.wrap_mode
        return None if mode is None else mode.fixed_url(self.wrap_mode_options)


def make_features(options: dict[str, Any], manager: PluginManager) -> Features:
    """Replace options by what is in effect, choose by them, and make what reads them.

    Raises
    ------
    ValueError
        Two options contradict each other, or what they ask for cannot be had.
    """
    scheduler = choose_scheduler(options, manager)
    options.update(implied_flags(options, scheduler))
    check_options(options, manager, scheduler)
    scheduler, fallback = fall_back(options, scheduler, manager)
    wrap_mode = settle_parallel_runs(options, scheduler, manager)
    return Features(
        manager=manager,
        options=options,
        given=frozenset(getattr(options, "given", ())),
        scheduler=scheduler,
        wrap_mode=wrap_mode,
        gates=[gate(options) for gate in manager.admission_gates()],
        logging=[setup(options) for setup in manager.logging_setups()],
        progress=[reporter(options) for reporter in manager.progress_reporters()],
        fallback=fallback,
        versionings=[versioning(options) for versioning in manager.versionings()],
        journal=_journal(options, manager),
    )


def _journal(options: Mapping[str, Any], manager: PluginManager) -> Journal | None:
    """Return the journal of a resumable environment; that there is one was checked before."""
    if not options["resumable"]:
        return None
    return manager.journals()[0](options)
