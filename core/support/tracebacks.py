"""Tracebacks of users' code, without the frames of pypet in between."""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Callable, Iterator
from opcode import opmap
from types import FrameType, TracebackType

FULL_TRACEBACK = "pypet_full_traceback"
"""Attribute of log records with the text of the complete traceback, which handlers that write to
files use instead of the short one."""
FILES_ONLY = "pypet_files_only"
"""Attribute that is true for log records that are not shown on the console."""
RAISED_IN = "pypet: raised in "
"""Start of the note of an error raised by a run."""

_LIBRARY = os.path.dirname(os.__file__)
_RAISE = opmap["RAISE_VARARGS"]

_logger = logging.getLogger("pypet")


class RemoteTraceback(Exception):  # noqa: N818 - not raised, only shown as a cause
    """The traceback of an exception in the process where it was raised, as text."""

    def __init__(self, text: str, full: str = "") -> None:
        """``full`` is the text with all frames, if ``text`` lacks some."""
        super().__init__(text)
        self.text = text
        self.full = full or text

    def __str__(self) -> str:
        return f'\n"""\n{self.text.rstrip()}\n"""'


class ErrorText:
    """Message and tracebacks of an error; removes the frames of pypet from the error itself.

    At level DEBUG of the logger ``pypet`` all frames are kept.
    """

    def __init__(self, error: BaseException) -> None:
        self.message = "".join(traceback.format_exception_only(error)).rstrip()
        """Its type, message and notes."""
        cause = error.__cause__
        if isinstance(cause, RemoteTraceback):
            self.full, self.short = cause.full.rstrip(), cause.text.rstrip()
            if keeps_all_frames():
                self.short = self.full
            return
        self.full = format_exception(error)
        """All frames."""
        hide_own_frames(error)
        self.short = format_exception(error)
        """Frames of the user's code, if there are any."""

    @classmethod
    def of_raised_again(cls, error: BaseException) -> ErrorText:
        """Return the text of an error that the caller raises again, and leave its frames alone.

        ``short`` is the message alone, because the traceback is shown where the error ends up.
        """
        text = cls.__new__(cls)
        text.message = "".join(traceback.format_exception_only(error)).rstrip()
        text.full = format_exception(error)
        text.short = text.full if keeps_all_frames() else text.message
        return text


def format_exception(error: BaseException) -> str:
    """Return the traceback of an error as Python prints it, without trailing newline."""
    return "".join(traceback.format_exception(error)).rstrip()


def keeps_all_frames() -> bool:
    """Return whether frames of pypet are shown, too."""
    return _logger.isEnabledFor(logging.DEBUG)


def hide_own_frames(error: BaseException, *, unless_alone: bool = False) -> None:
    """Remove the frames of pypet from the tracebacks of an error, its causes and contexts.

    With ``unless_alone`` an error that has no other frames keeps them.
    """
    if keeps_all_frames():
        return
    # An interrupt may arrive anywhere; frames of the standard library are meaningless for it.
    hides = _is_own if isinstance(error, Exception) else _is_not_user_code
    for each in _chain(error):
        kept = _without(hides, each.__traceback__)
        if kept is not None or each is not error or not unless_alone:
            each.__traceback__ = kept


class user_tracebacks:  # noqa: N801 - a context manager
    """Restrict tracebacks of errors that leave a ``with`` block to the user's frames.

    A class, because a generator would add frames. Use it in the function that users call: frames
    that the error passes later are not hidden.
    """

    def __enter__(self) -> None:
        return

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        passed: TracebackType | None,
    ) -> None:
        if error is not None:
            hide_own_frames(error, unless_alone=not _explains_itself(error))


def log_error(
    logger: logging.Logger,
    message: str,
    *args: object,
    error: BaseException,
    text: ErrorText | None = None,
    shown: str | None = None,
) -> None:
    """Log an error with the user's frames, and in files with all frames.

    ``text`` is the `ErrorText` of the error, if it exists already. ``shown`` replaces the user's
    frames.
    """
    if not logger.isEnabledFor(logging.ERROR):
        return
    info = (type(error), error, error.__traceback__)
    text = text or ErrorText(error)
    record = logger.makeRecord(
        logger.name,
        logging.ERROR,
        __file__,
        0,
        message,
        args,
        info,
        "log_error",
        {FULL_TRACEBACK: text.full},
    )
    # Formatters use `exc_text` unchanged; `exc_info` is for handlers that inspect the error.
    record.exc_text = text.short if shown is None else shown
    logger.handle(record)


def _explains_itself(error: BaseException) -> bool:
    """Return whether an error is understood without frames of pypet.

    It is an error of pypet, was raised by a ``raise`` statement of pypet, which has a message for
    the user, or was raised by a run, whose frames are in the log.
    """
    if type(error).__module__ == "pypet.errors" or not isinstance(error, Exception):
        return True
    if any(str(note).startswith(RAISED_IN) for note in getattr(error, "__notes__", ())):
        return True
    return _is_raised_here(error.__traceback__)


def _is_raised_here(passed: TracebackType | None) -> bool:
    """Return whether the innermost frame is one of pypet, in a ``raise`` statement."""
    if passed is None:
        return False
    while passed.tb_next is not None:
        passed = passed.tb_next
    code = passed.tb_frame.f_code.co_code
    return _is_own(passed.tb_frame) and code[passed.tb_lasti] == _RAISE


def _without(
    hides: Callable[[FrameType], bool], passed: TracebackType | None
) -> TracebackType | None:
    kept = []
    while passed is not None:
        if not hides(passed.tb_frame):
            kept.append(passed)
        passed = passed.tb_next
    rest: TracebackType | None = None
    for each in reversed(kept):
        rest = TracebackType(rest, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return rest


def _is_own(frame: FrameType) -> bool:
    name = frame.f_globals.get("__name__")
    return isinstance(name, str) and (name == "pypet" or name.startswith("pypet."))


def _is_not_user_code(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return _is_own(frame) or (file.startswith(_LIBRARY) and "site-packages" not in file)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error with all its causes and contexts, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
