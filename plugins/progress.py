"""Show how far the runs are: lines in the log, and a live bar where there is a terminal.

The bar needs ``pip install "pypet[progress]"`` (tqdm); without it there are only lines.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pypet.interfaces import Option, ProgressReporter
from pypet.interfaces.logging import LEAVES_OUT_SHOWN_LIVE, SHOWN_LIVE
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.support.progressbar import PRINT, ProgressBar

DEFAULT_STEP_PERCENT = 5
DEFAULT_LOGGER = "pypet"
WIDTH, HEIGHT = 80, 24
"""Size of terminals that do not tell theirs."""


class ProgressSettings(NamedTuple):
    """What ``report_progress`` asks for."""

    step_percent: float
    target: str
    """Name of a logger, or ``'print'``."""
    level: int
    """Level of the records; with ``'print'`` and 0 the line is printed over the last one."""


def parse_report_progress(value: Any) -> ProgressSettings | None:
    """Return the settings for any form of ``report_progress``, None if reporting is off.

    Raises
    ------
    ValueError
        The value has none of the accepted forms.
    """
    if not isinstance(value, tuple | list):
        if value is None or value is False or value == 0 or value == "":
            return None
        if value is True:
            value = (DEFAULT_STEP_PERCENT, DEFAULT_LOGGER)
        elif isinstance(value, str):
            value = (DEFAULT_STEP_PERCENT, value)
        else:
            value = (value, DEFAULT_LOGGER)
    if not value:
        return None
    step, target, level = (*value, logging.INFO) if len(value) == 2 else (*value, 0, 0)[:3]
    settings = ProgressSettings(step, target, level)
    if not 2 <= len(value) <= 3 or not _is_sound(settings):
        raise ValueError(
            f"report_progress={value!r} is not understood. Give True or False, a step in percent "
            "(> 0), the name of a logger (or 'print'), or a tuple (step, name) or "
            "(step, name, level), for example (5, 'pypet', logging.INFO)."
        )
    return settings


def _is_sound(settings: ProgressSettings) -> bool:
    step, target, level = settings
    return (
        isinstance(step, int | float)
        and not isinstance(step, bool)
        and step > 0
        and isinstance(target, str)
        and isinstance(level, int)
        and level >= 0
    )


class RunProgress(ProgressReporter):
    """Counts runs; reports when the percentage crosses a step, at the start and at the end."""

    name: ClassVar[str] = "progress"
    options: ClassVar[tuple[Option, ...]] = established("report_progress")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the options.

        Raises
        ------
        ValueError
            ``report_progress`` has none of the accepted forms.
        """
        self._settings = parse_report_progress(options["report_progress"])
        self._total = 0
        self._ended = 0
        self._failed = 0
        self._line = ProgressBar()
        self._live: Any = None
        self._needs_newline = False

    def start(self, total: int, done: int = 0) -> None:
        """Begin, or begin again, with ``done`` of ``total`` runs finished."""
        if self._settings is None:
            return
        self.stop()
        self._total, self._ended, self._failed = total, done, 0
        self._line = ProgressBar()
        if self._may_show_live():
            self._live = _live_bar(total, done)
        self._report()

    def advance(self, finished: int = 1, failed: int = 0) -> None:
        """Count runs that have ended; failed ones count as ended, too."""
        if self._settings is None:
            return
        self._ended += finished + failed
        self._failed += failed
        if self._live is not None:
            if failed:
                self._live.set_postfix_str(f"{self._failed} failed", refresh=False)
            self._live.update(finished + failed)
        self._report()

    def stop(self) -> None:
        """Close the bar; what was shown stays on the terminal."""
        if self._live is not None:
            self._live.close()
            self._live = None
        if self._needs_newline:
            self._needs_newline = False
            sys.stdout.write("\n")

    def _report(self) -> None:
        assert self._settings is not None
        step, target, level = self._settings
        # The bar counts indices of loop iterations: -1 is before the first one.
        bar = self._line.update(self._ended - 1, self._total, step)
        if bar is None:
            return
        width = len(str(self._total))
        line = f"PROGRESS: Finished {self._ended:{width}d}/{self._total} runs {bar}"
        if target != PRINT:
            extra = {SHOWN_LIVE: self._live is not None}
            logging.getLogger(target).log(level, line, extra=extra)
        elif level:
            sys.stdout.write(f"{line}\n")
        else:
            sys.stdout.write(f"\r{line}")
            sys.stdout.flush()
            self._needs_newline = True

    def _may_show_live(self) -> bool:
        """Return whether a bar would be the only thing that shows progress on the terminal."""
        assert self._settings is not None
        target = self._settings.target
        return (
            target != PRINT
            and _is_terminal(sys.stderr)
            and not _reaches_terminal(logging.getLogger(target))
        )


def _is_terminal(stream: Any) -> bool:
    isatty = getattr(stream, "isatty", None)
    try:
        return isatty is not None and bool(isatty())
    except ValueError:  # the stream was closed
        return False


def _reaches_terminal(logger: logging.Logger | None) -> bool:
    """Return whether records of ``logger`` are written to a terminal beside a live bar."""
    while logger is not None:
        for handler in logger.handlers:
            if _is_terminal(getattr(handler, "stream", None)) and not getattr(
                handler, LEAVES_OUT_SHOWN_LIVE, False
            ):
                return True
        logger = logger.parent if logger.propagate else None
    return False


def _live_bar(total: int, done: int) -> Any:
    """Return a new bar on stderr, None if tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None

    class LiveBar(tqdm):  # type: ignore[misc]
        # No thread that redraws bars: processes are forked while the bar is shown.
        monitor_interval = 0

    follows = _knows_its_size(sys.stderr)
    return LiveBar(
        total=total,
        initial=done,
        unit="run",
        file=sys.stderr,
        dynamic_ncols=follows,
        ncols=None if follows else WIDTH,
        nrows=None if follows else HEIGHT,
    )


def _knows_its_size(stream: Any) -> bool:
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError, AttributeError):
        return False


@hookimpl
def pypet_register_progress_reporters() -> list[type[ProgressReporter]]:
    """Register the reporter of ``report_progress``."""
    return [RunProgress]
