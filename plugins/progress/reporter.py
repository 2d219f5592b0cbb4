"""The progress reporter: counts runs, logs lines and draws a live bar."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, ClassVar

from pypet.interfaces import Activity, Option, ProgressReporter
from pypet.interfaces.logging import (
    LEAVES_OUT_SHOWN_LIVE,
    SHOWN_LIVE,
)
from pypet.options.established import established
from pypet.plugins.progress.live_bar import Facts, in_notebook, make_live_bar
from pypet.plugins.progress.printed_lines import PrintedLines
from pypet.plugins.progress.settings import parse_report_progress
from pypet.plugins.progress.throughput import ThroughputEstimate
from pypet.support.progressbar import PRINT, ProgressBar
from pypet.support.terminal import is_terminal, live_display


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
        self._throughput = ThroughputEstimate()
        self._live: Any = None
        self._printed: PrintedLines | None = None
        self._needs_newline = False
        self._activity: Callable[[], Activity | None] | None = None
        self._seen: dict[int, float] | None = None
        """Active runs at the last query: index and time at which each was first seen."""
        self._workers = 1

    def start(self, total: int, done: int = 0) -> None:
        """Begin or restart with ``done`` of ``total`` runs finished."""
        if self._settings is None:
            return
        grows = self._live is not None
        self._total, self._ended = total, done
        self._line = ProgressBar()
        if grows:
            self._live.total, self._live.n = total, done
            self._live.refresh()
        else:
            self._failed = 0
            self._throughput = ThroughputEstimate()
            self._end_line()
            if self._may_show_live():
                self._live = make_live_bar(total, done, self._facts)
            if self._live is not None:
                live_display.begin(sys.stderr)
                if is_terminal(sys.stderr) and is_terminal(sys.stdout):
                    self._printed = PrintedLines(self._live)
                    self._printed.start()
        self._report()

    def watch(self, activity: Callable[[], Activity | None]) -> None:
        """Keep the function that returns the activity of the workers."""
        self._activity = activity
        self._seen = None

    def advance(self, finished: int = 1, failed: int = 0) -> None:
        """Count runs that have ended, failed ones included."""
        if self._settings is None:
            return
        ended = finished + failed
        self._ended += ended
        self._failed += failed
        self._throughput.record(ended, self._workers)
        if self._live is not None:
            self._live.update(ended)
        self._report()

    def refresh(self) -> None:
        """Redraw the bar, if there is one."""
        if self._live is not None:
            self._update_activity()
            self._live.refresh()

    def stop(self) -> None:
        """Close the bar; it stays on the terminal."""
        self._activity = self._seen = None
        if self._live is not None:
            self._live.refresh()
            self._live.close()
            self._live = None
            live_display.end()
        if self._printed is not None:
            self._printed.stop()
            self._printed = None
        self._end_line()

    def _end_line(self) -> None:
        if self._needs_newline:
            self._needs_newline = False
            sys.stdout.write("\n")

    def _facts(self) -> Facts:
        """Return the facts that the bar shows."""
        running = longest = None
        if self._seen is not None:
            now = monotonic()
            running = len(self._seen)
            longest = max((now - begun for begun in self._seen.values()), default=None)
        pace = self._throughput.seconds_per_run()
        return Facts(self._ended, self._total, self._failed, pace, running, longest)

    def _update_activity(self) -> None:
        """Query the activity of the workers.

        Only at refreshes: the bar is also drawn when a run has just ended and its worker has not
        received the next one yet.
        """
        activity = self._activity() if self._activity is not None else None
        if activity is not None:
            now, seen = monotonic(), self._seen or {}
            self._workers = activity.workers
            self._seen = {index: seen.get(index, now) for index in activity.running}

    def _remaining(self) -> float | None:
        pace = self._throughput.seconds_per_run()
        return None if pace is None else pace * (self._total - self._ended)

    def _report(self) -> None:
        assert self._settings is not None
        step, target, level = self._settings
        # The bar counts indices of loop iterations: -1 is before the first one.
        bar = self._line.update(self._ended - 1, self._total, step, remaining=self._remaining)
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
            and (in_notebook() or (is_terminal(sys.stderr) and _can_be_live()))
            and not _reaches_terminal(logging.getLogger(target))
        )


def _can_be_live() -> bool:
    """Return whether the terminal supports a live bar and is not that of a CI service."""
    environment = os.environ
    is_dumb = environment.get("TERM", "").lower() in ("dumb", "unknown")
    is_ci = environment.get("CI", "").lower() not in ("", "0", "false", "no")
    return not is_dumb and not is_ci


def _reaches_terminal(logger: logging.Logger | None) -> bool:
    """Return whether records of ``logger`` are written to a terminal beside a live bar."""
    while logger is not None:
        for handler in logger.handlers:
            if is_terminal(getattr(handler, "stream", None)) and not getattr(
                handler, LEAVES_OUT_SHOWN_LIVE, False
            ):
                return True
        logger = logger.parent if logger.propagate else None
    return False
