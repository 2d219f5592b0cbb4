"""A bar of tqdm that shows the progress of the runs and the workers in one line."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from pypet.plugins.progress.notebook_bar import NotebookBar

WIDTH, HEIGHT = 80, 24
"""Assumed size of terminals that do not report theirs."""
MIN_BAR_WIDTH = 4
PERCENTAGE = "{percentage:3.0f}%|{bar}| "
PERCENTAGE_WIDTH = 7


class Facts(NamedTuple):
    """What the bar shows beside its length; None for what is unknown."""

    ended: int
    total: int
    failed: int
    seconds_per_run: float | None
    running: int | None
    longest_seconds: float | None

    def parts(self) -> list[str]:
        """Return the facts as text, the most important one first."""
        parts = [f"{self.ended}/{self.total}"]
        if self.failed:
            parts.append(f"{self.failed} failed")
        pace = self.seconds_per_run
        if pace is not None:
            parts.append(f"{_duration(pace * (self.total - self.ended))} left")
            parts.append(f"{1 / pace:.3g} runs/s" if 0 < pace < 1 else f"{pace:.3g} s/run")
        if self.running is not None:
            parts.append(f"{self.running} running")
        if self.longest_seconds is not None and self.longest_seconds >= 1:
            parts.append(f"longest {_duration(self.longest_seconds)}")
        return parts


def line_format(parts: Sequence[str], width: int) -> str:
    """Return the format of a line of tqdm, with as many parts as fit in ``width``."""
    room = width - PERCENTAGE_WIDTH - max(MIN_BAR_WIDTH, width // 6)
    text = parts[0]
    for part in parts[1:]:
        if len(text) + 2 + len(part) <= room:
            text = f"{text}, {part}"
    return f"{PERCENTAGE}{text}"


def make_live_bar(total: int, done: int, facts: Callable[[], Facts]) -> Any:
    """Return a new bar, on stderr or in the notebook; None if tqdm is not installed.

    In notebooks it is a widget of tqdm, or HTML where tqdm or ipywidgets is not installed.
    """
    widgets = in_notebook()
    try:
        if widgets:
            if importlib.util.find_spec("ipywidgets") is None:
                raise ImportError("tqdm.notebook warns at its import and cannot show anything")
            from tqdm.notebook import tqdm
        else:
            from tqdm import tqdm
    except ImportError:
        return NotebookBar(total, done, lambda: facts().parts()) if widgets else None

    class LiveBar(tqdm):  # type: ignore[misc]
        # No thread that redraws bars: processes are forked while the bar is shown.
        monitor_interval = 0
        end_open_line: Callable[[], None] | None = None
        """Called before the bar is drawn or erased: printed text may be on its line."""

        def clear(self, *args: Any, **kwargs: Any) -> None:
            if self.end_open_line is not None:
                self.end_open_line()
            super().clear(*args, **kwargs)

        def display(self, *args: Any, **kwargs: Any) -> Any:
            if self.end_open_line is not None:
                self.end_open_line()
            return super().display(*args, **kwargs)

        @property
        def format_dict(self) -> dict[str, Any]:
            """The values from which tqdm formats the line."""
            values: dict[str, Any] = super().format_dict
            width = values.get("ncols")
            width = width if isinstance(width, int) and width > 0 else WIDTH
            if not widgets:
                # Some terminals begin a new line as soon as the last column is written.
                values["ncols"] = width - 1
            values["bar_format"] = line_format(facts().parts(), width - 1)
            return values

    if widgets:
        return LiveBar(total=total, initial=done, unit="run")
    follows = _knows_its_size(sys.stderr)
    return LiveBar(
        total=total,
        initial=done,
        unit="run",
        miniters=1,
        file=sys.stderr,
        dynamic_ncols=follows,
        ncols=None if follows else WIDTH,
        nrows=None if follows else HEIGHT,
    )


def in_notebook() -> bool:
    """Return whether a kernel of Jupyter executes this."""
    interactive = sys.modules.get("IPython")
    shell = interactive.get_ipython() if interactive is not None else None
    return shell is not None and "IPKernelApp" in shell.config


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=int(seconds)))


def _knows_its_size(stream: Any) -> bool:
    try:
        return os.get_terminal_size(stream.fileno()).columns > 0
    except (OSError, ValueError, AttributeError):
        return False
