"""The logging set-up of an experiment: when it is in force, and how it is taken down."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pypet.interfaces import LogContext, LoggingSetup, Option
from pypet.options.established import established
from pypet.plugins.logging.attachment import Attachment
from pypet.plugins.logging.configurations import configurations
from pypet.plugins.logging.placing import LogFilePlaces
from pypet.plugins.logging.simple import SIMPLE_KEYWORDS
from pypet.plugins.logging.stdout import StdoutToLogger, parse_log_stdout

_in_force: list[weakref.ref[ExperimentLogging]] = []
"""Python's logging is global to the process, so one set-up replaces the other: the last one
counts, those before come back when it ends."""
_holder: ExperimentLogging | None = None
"""Keeps the last one alive: an environment may be forgotten, its log files go on."""


class ExperimentLogging(LoggingSetup):
    """Configures loggers as ``log_config`` says, with wildcards in the names of log files.

    Handlers of others are never detached or closed. The set-up of a later environment replaces
    that of an earlier one, unless it configures nothing (``log_config=None``). Can be pickled
    for worker processes; then it brings the configuration, not the handlers.
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
        self._remove_empty: weakref.finalize[..., ExperimentLogging] | None = None
        """Removes files without content when the set-up ends, or Python."""

    def start(self, context: LogContext) -> None:
        """Create folders, files and handlers in the main process; capture stdout if so wanted.

        Raises
        ------
        ValueError
            A handler cannot be made from the configuration, or it is clear that one of workers
            could not be.
        """
        places = LogFilePlaces(context)
        if self._worker is not None:
            places.check(self._worker.file_names())
        if self._main is not None:
            attachment = Attachment(self._main.build(places))
            self._replace_former()
            self._put_in_force(attachment)
            self._remove_empty = weakref.finalize(self, places.take_back)
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
        """Whether there is a configuration for workers, or somebody logs what is printed."""
        prints = self._printed is not None or isinstance(sys.stdout, StdoutToLogger)
        return prints or self._worker is not None

    def start_worker(self, context: LogContext) -> None:
        """Replace what the process inherited by the configuration for workers, if there is one."""
        if self._worker is not None:
            attachment = Attachment(self._worker.build(LogFilePlaces(context), for_worker=True))
            for former in _living():
                former._let_go()
            _in_force.clear()
            self._let_go()
            self._put_in_force(attachment)
        if isinstance(sys.stdout, StdoutToLogger):
            sys.stdout.adopt()
        self._capture()

    def stop(self, *, remove_all_handlers: bool = True) -> None:
        """Detach and close the handlers, restore levels of loggers and stdout.

        A set-up that this one replaced, and that did not end meanwhile, is in force again. With
        ``remove_all_handlers=False`` only stdout is restored.
        """
        global _holder
        if self._stdout is not None:
            self._stdout.finalize()
            self._stdout = None
            print("Printed lines are not logged any more.")  # noqa: T201 - as users know it
        if not remove_all_handlers or self._attachment is None:
            return
        before = _living()
        self._let_go()
        if self._remove_empty is not None:
            self._remove_empty()
        after = [each for each in before if each is not self]
        _in_force[:] = [weakref.ref(each) for each in after]
        if before and before[-1] is self:
            _holder = after[-1] if after else None
            if after and after[-1]._attachment is not None:
                after[-1]._attachment.attach()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the handlers in this process."""
        return {**self.__dict__, "_attachment": None, "_stdout": None, "_remove_empty": None}

    def _replace_former(self) -> None:
        """Suspend what is in force; files are closed meanwhile, nothing is lost."""
        self._let_go()
        former = [each for each in _living() if each is not self]
        if former and former[-1]._attachment is not None:
            former[-1]._attachment.suspend()

    def _put_in_force(self, attachment: Attachment) -> None:
        global _holder
        attachment.attach()
        self._attachment = attachment
        others = [each for each in _living() if each is not self]
        _in_force[:] = [weakref.ref(each) for each in (*others, self)]
        _holder = self

    def _let_go(self) -> None:
        if self._attachment is not None:
            self._attachment.detach()
            self._attachment = None

    def _capture(self) -> None:
        if self._printed is not None and self._stdout is None:
            self._stdout = StdoutToLogger(*self._printed)
            self._stdout.start()


def _living() -> list[ExperimentLogging]:
    """Return the set-ups that are in force or suspended, the last one last."""
    return [each for ref in _in_force if (each := ref()) is not None]
