"""The logging set-up of an experiment: activating, suspending and ending it."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pypet.interfaces import LogContext, LoggingSetup, Option
from pypet.options.established import established
from pypet.plugins.logging.attachment import Attachment
from pypet.plugins.logging.configurations import configurations
from pypet.plugins.logging.log_files import LogFilePlaces
from pypet.plugins.logging.simple import SIMPLE_KEYWORDS
from pypet.plugins.logging.stdout import StdoutToLogger, parse_log_stdout

_stack: list[weakref.ref[ExperimentLogging]] = []
"""Python's logging is global to the process, so the set-ups form a stack: the last one is active,
and the one before is activated again when it ends."""
_keep_alive: ExperimentLogging | None = None
"""References the last one: its log files stay open although the environment was discarded."""


class ExperimentLogging(LoggingSetup):
    """Configures loggers as ``log_config`` says, with wildcards in the names of log files.

    Never detaches or closes other handlers. The set-up of a later environment replaces that of an
    earlier one, unless it configures nothing (``log_config=None``). Pickles for worker processes
    contain the configuration, not the handlers.
    """

    name: ClassVar[str] = "logging"
    options: ClassVar[tuple[Option, ...]] = established(
        "log_config", *SIMPLE_KEYWORDS, "log_stdout"
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._main, self._worker = configurations(options)
        self._printed = parse_log_stdout(options.get("log_stdout", False))
        self._attachment: Attachment | None = None
        self._stdout: StdoutToLogger | None = None
        self._empty_file_remover: weakref.finalize[..., ExperimentLogging] | None = None
        """Removes empty files when the set-up or Python ends."""

    def start(self, context: LogContext) -> None:
        """Create folders, files and handlers in the main process; capture stdout if asked.

        Raises
        ------
        ValueError
            A handler cannot be made, or is known to fail in workers.
        """
        places = LogFilePlaces(context)
        if self._worker is not None:
            places.check(self._worker.file_names())
        if self._main is not None:
            attachment = Attachment(self._main.build(places))
            self._suspend_former()
            self._activate(attachment)
            self._empty_file_remover = weakref.finalize(self, places.remove_empty)
        self._capture()

    @property
    def folders(self) -> Sequence[str]:
        """The folders of the log files of the main process."""
        return () if self._attachment is None else self._attachment.folders()

    @property
    def configures_workers(self) -> bool:
        """Whether there is a configuration for workers."""
        return self._worker is not None

    @property
    def concerns_workers(self) -> bool:
        """Whether there is a configuration for workers, or stdout is logged."""
        prints = self._printed is not None or isinstance(sys.stdout, StdoutToLogger)
        return prints or self._worker is not None

    def start_worker(self, context: LogContext) -> None:
        """Replace the inherited configuration by the one for workers, if there is one."""
        if self._worker is not None:
            attachment = Attachment(self._worker.build(LogFilePlaces(context), for_worker=True))
            for former in _active_set_ups():
                former._detach()
            _stack.clear()
            self._detach()
            self._activate(attachment)
        if isinstance(sys.stdout, StdoutToLogger):
            sys.stdout.reset_after_fork()
        self._capture()

    def stop(self, *, remove_all_handlers: bool = True) -> None:
        """Detach and close the handlers, restore levels of loggers and stdout.

        The set-up that this one replaced becomes active again, unless it has ended. With
        ``remove_all_handlers=False`` only stdout is restored.
        """
        global _keep_alive
        if self._stdout is not None:
            self._stdout.finalize()
            self._stdout = None
            print("Printed lines are not logged any more.")  # noqa: T201 - established output
        if not remove_all_handlers or self._attachment is None:
            return
        before = _active_set_ups()
        self._detach()
        if self._empty_file_remover is not None:
            self._empty_file_remover()
        after = [each for each in before if each is not self]
        _stack[:] = [weakref.ref(each) for each in after]
        if before and before[-1] is self:
            _keep_alive = after[-1] if after else None
            if after and after[-1]._attachment is not None:
                after[-1]._attachment.attach()

    def __getstate__(self) -> dict[str, Any]:
        """Pickle everything but the handlers."""
        return {**self.__dict__, "_attachment": None, "_stdout": None, "_empty_file_remover": None}

    def _suspend_former(self) -> None:
        """Suspend the active set-up; its files are closed meanwhile."""
        self._detach()
        former = [each for each in _active_set_ups() if each is not self]
        if former and former[-1]._attachment is not None:
            former[-1]._attachment.suspend()

    def _activate(self, attachment: Attachment) -> None:
        global _keep_alive
        attachment.attach()
        self._attachment = attachment
        others = [each for each in _active_set_ups() if each is not self]
        _stack[:] = [weakref.ref(each) for each in (*others, self)]
        _keep_alive = self

    def _detach(self) -> None:
        if self._attachment is not None:
            self._attachment.detach()
            self._attachment = None

    def _capture(self) -> None:
        if self._printed is not None and self._stdout is None:
            self._stdout = StdoutToLogger(*self._printed)
            self._stdout.start()


def _active_set_ups() -> list[ExperimentLogging]:
    """Return the set-ups that are active or suspended, the active one last."""
    return [each for ref in _stack if (each := ref()) is not None]
