"""Keep the faults of plugins apart from the experiment.

What has to work (constructors, snapshots of the code, log files, schedulers, wrap modes, journals)
raises, and a note names the plugin with its distribution and the way to switch it off. What merely
accompanies an experiment, or comes after its data is stored, is logged with the same text, and the
experiment goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pypet.environment.origin import Guard, forwards
from pypet.errors import NotStoredError, ResumeError, StorageFormatError
from pypet.interfaces import (
    AdmissionGate,
    Journal,
    LoggingSetup,
    ProgressReporter,
    Scheduler,
    Versioning,
    WrapMode,
)

if TYPE_CHECKING:
    from pypet.interfaces import Activity, EnvironmentLike, Outcome


@forwards(LoggingSetup)
class GuardedLogging(Guard, LoggingSetup):
    """A logging set-up whose faults name it; those at the end do not end the experiment."""

    @property
    def folders(self) -> Sequence[str]:
        """Folders with log files; none if they cannot be found out."""
        try:
            return self._setup.folders
        except Exception:
            self._origin.log_fault()
            return ()

    def stop(self, *, remove_all_handlers: bool = True) -> None:
        """End logging."""
        with self._origin.isolated():
            self._setup.stop(remove_all_handlers=remove_all_handlers)

    @property
    def _setup(self) -> LoggingSetup:
        setup: LoggingSetup = self._feature
        return setup


@forwards(Versioning)
class GuardedVersioning(Guard, Versioning):
    """A versioning feature whose faults name it; at the end they are logged."""

    def experiment_finished(self, environment: EnvironmentLike) -> None:
        """Record the experiment."""
        # All runs are completed and stored: an error would take the results from the caller.
        with self._origin.isolated():
            self._feature.experiment_finished(environment)


class GuardedReporter(Guard, ProgressReporter):
    """A progress reporter that is not called any more once it has raised."""

    _is_broken = False

    def start(self, total: int, done: int = 0) -> None:
        self._call("start", total, done)

    def advance(self, finished: int = 1, failed: int = 0) -> None:
        self._call("advance", finished, failed)

    def watch(self, activity: Callable[[], Activity | None]) -> None:
        self._call("watch", activity)

    def refresh(self) -> None:
        self._call("refresh")

    def stop(self) -> None:
        # Also after a fault, because `stop` is what leaves the terminal tidy.
        was_broken, self._is_broken = self._is_broken, False
        try:
            self._call("stop", is_logged=not was_broken)
        finally:
            self._is_broken |= was_broken

    def _call(self, method: str, *args: Any, is_logged: bool = True) -> None:
        if self._is_broken:
            return
        try:
            getattr(self._feature, method)(*args)
        except Exception:
            self._is_broken = True
            if is_logged:
                self._origin.log_fault()


@forwards(AdmissionGate)
class GuardedGate(Guard, AdmissionGate):
    """An admission gate whose faults name it. They end the experiment: it may protect a machine."""


@forwards(WrapMode)
class GuardedWrapMode(Guard, WrapMode):
    """A wrap mode whose faults name it, unlike data that could not be stored."""

    documented = (NotStoredError,)

    @property
    def kind(self) -> type[WrapMode]:
        """The class of the wrap mode."""
        return type(self._feature)


@forwards(Journal)
class GuardedJournal(Guard, Journal):
    """A journal whose faults name it, unlike experiments that cannot be resumed."""

    documented = (NotStoredError, ResumeError, StorageFormatError, FileNotFoundError)


@forwards(Scheduler)
class GuardedScheduler(Guard, Scheduler):
    """A scheduler whose faults name it, unlike what `Scheduler.check` raises while it waits."""

    _check: _Check | None = None

    @property
    def check(self) -> Callable[[], None] | None:
        """What the scheduler calls while it waits."""
        return self._check

    @check.setter
    def check(self, check: Callable[[], None] | None) -> None:
        self._check = self._feature.check = None if check is None else _Check(check)

    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes of submitted tasks as they finish."""
        try:
            yield from self._feature.outcomes()
        except Exception as error:
            self._annotate(error)
            raise

    def take_over(self, former: Scheduler) -> None:
        """Take over what another scheduler has started and not ended yet."""
        try:
            self._feature.take_over(former._feature if isinstance(former, Guard) else former)
        except Exception as error:
            self._annotate(error)
            raise

    def _annotate(self, error: Exception) -> None:
        if self._check is None or self._check.raised != id(error):
            super()._annotate(error)


class _Check:
    """Calls a function, and remembers what it raises: that is no fault of who calls this."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self.raised: int | None = None
        """The `id` of the latest exception, which has to be alive; a reference would keep alive
        everything that its traceback leads to."""

    def __call__(self) -> None:
        try:
            self._check()
        except Exception as error:
            self.raised = id(error)
            raise
