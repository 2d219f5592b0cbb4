"""Keep the faults of plugins apart from the experiment.

What has to work before the first run (constructors, snapshots of the code, log files) raises, and
a note names the plugin with its distribution and the way to switch it off. What merely accompanies
an experiment, or comes after its data is stored, is logged with the same text, and the experiment
goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.errors import PypetError
from pypet.interfaces import AdmissionGate, LoggingSetup, ProgressReporter, Versioning

if TYPE_CHECKING:
    from pypet.interfaces import Activity, EnvironmentLike, Feature, LogContext
    from pypet.manager import PluginManager

_EXPECTED = (PypetError, ValueError, TypeError, OSError)
"""What pypet's own features raise for mistakes of users. A note would only distract from those."""

_logger = logging.getLogger("pypet")


class Origin(NamedTuple):
    """The plugin that provides a feature. Plain data, so that workers can have it."""

    text: str
    """Names the feature, its plugin and its distribution, and how to switch it off."""
    builtin: bool

    @classmethod
    def of(cls, feature: type[Feature], manager: PluginManager) -> Origin:
        """Return the origin of a feature."""
        found = manager.registered(feature)
        if found is None:
            return cls(f"{feature.__module__}.{feature.__qualname__}", False)
        return cls(
            f"{found.family.noun} {found.name!r} ({found.entry.label}). To switch it off, give "
            f"disable_plugins={found.entry.name!r} or set "
            f"PYPET_DISABLE_PLUGINS={found.entry.name}",
            found.entry.builtin,
        )

    @contextmanager
    def named(self) -> Iterator[None]:
        """Add a note with the origin to what is raised in a ``with`` block."""
        try:
            yield
        except Exception as error:
            if not (self.builtin and isinstance(error, _EXPECTED)):
                note = f"Raised by {self.text}."
                if note not in getattr(error, "__notes__", ()):
                    error.add_note(note)
            raise

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Log what is raised in a ``with`` block, and go on after it."""
        try:
            yield
        except Exception:
            self.log_fault()

    def log_fault(self) -> None:
        """Log the exception that is being handled."""
        _logger.exception("The experiment goes on without what failed: %s.", self.text)


class GuardedLogging(LoggingSetup):
    """A logging set-up whose faults name it; those at the end do not end the experiment."""

    def __init__(self, options: Mapping[str, Any], kind: type[LoggingSetup], origin: Origin):
        self._origin = origin
        with origin.named():
            self._setup = kind(options)

    def start(self, context: LogContext) -> None:
        with self._origin.named():
            self._setup.start(context)

    @property
    def concerns_workers(self) -> bool:
        with self._origin.named():
            return self._setup.concerns_workers

    @property
    def configures_workers(self) -> bool:
        with self._origin.named():
            return self._setup.configures_workers

    @property
    def folders(self) -> Sequence[str]:
        try:
            return self._setup.folders
        except Exception:
            self._origin.log_fault()
            return ()

    def start_worker(self, context: LogContext) -> None:
        with self._origin.named():
            self._setup.start_worker(context)

    def stop(self, *, remove_all_handlers: bool = True) -> None:
        with self._origin.isolated():
            self._setup.stop(remove_all_handlers=remove_all_handlers)


class GuardedVersioning(Versioning):
    """A versioning feature whose faults name it; at the end they are logged."""

    def __init__(self, options: Mapping[str, Any], kind: type[Versioning], origin: Origin):
        self._origin = origin
        with origin.named():
            self._versioning = kind(options)

    def snapshot(self, environment: EnvironmentLike) -> str | None:
        with self._origin.named():
            return self._versioning.snapshot(environment)

    def environment_named(self, environment: EnvironmentLike) -> None:
        with self._origin.named():
            self._versioning.environment_named(environment)

    def experiment_started(self, environment: EnvironmentLike) -> None:
        with self._origin.named():
            self._versioning.experiment_started(environment)

    def experiment_finished(self, environment: EnvironmentLike) -> None:
        # All runs are completed and stored: an error would take the results from the caller.
        with self._origin.isolated():
            self._versioning.experiment_finished(environment)


class GuardedReporter(ProgressReporter):
    """A progress reporter that is not called any more once it has raised."""

    def __init__(self, options: Mapping[str, Any], kind: type[ProgressReporter], origin: Origin):
        self._origin = origin
        self._is_broken = False
        with origin.named():
            self._reporter = kind(options)

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
            getattr(self._reporter, method)(*args)
        except Exception:
            self._is_broken = True
            if is_logged:
                self._origin.log_fault()


class GuardedGate(AdmissionGate):
    """An admission gate whose faults name it. They end the experiment: it may protect a machine."""

    def __init__(self, options: Mapping[str, Any], kind: type[AdmissionGate], origin: Origin):
        self._origin = origin
        with origin.named():
            self._gate = kind(options)

    @property
    def admits_all(self) -> bool:
        with self._origin.named():
            return self._gate.admits_all

    def start(self) -> None:
        with self._origin.named():
            self._gate.start()

    def admits(self, active: int) -> bool:
        with self._origin.named():
            return self._gate.admits(active)
