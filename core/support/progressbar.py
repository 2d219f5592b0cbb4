"""Text progress bars for loops, without set-up or clean-up."""

from __future__ import annotations

import logging
import sys
import time as clock
from collections.abc import Callable
from datetime import timedelta

PRINT = "print"


class ProgressBar:
    """Tracks a loop and formats its progress when an output is due.

    A bar can be reused: it restarts when the index does not increase or the total changes.
    """

    def __init__(self) -> None:
        self._index: int | None = None
        self._total = 0
        self._first_index = 0
        self._first_time = 0.0
        self._interval = -1

    def update(
        self,
        index: int,
        total: int,
        percentage_step: float = 10,
        *,
        time: bool = True,
        length: int = 20,
        reset: bool = False,
        remaining: Callable[[], float | None] | None = None,
    ) -> str | None:
        """Return the bar as text if it is due after step ``index`` of ``total``, else None.

        It is due at the first call, whenever another ``percentage_step`` percent are done, and
        at the last step. ``remaining`` returns the remaining seconds, None if unknown; by
        default they are extrapolated from the pace of the loop. The other arguments are those of
        `progressbar`.

        Raises
        ------
        ValueError
            ``percentage_step`` is not positive.
        """
        if percentage_step <= 0:
            raise ValueError(f"`percentage_step` must be positive, it is {percentage_step!r}.")
        is_first = reset or self._index is None or index <= self._index or total != self._total
        self._index = index
        if is_first:
            self._total, self._first_index, self._first_time = total, index, clock.monotonic()
        if index >= total - 1:
            return f"[{'=' * length}]100.0%"
        interval = int((index + 1) * 100 / (total * percentage_step))
        if interval <= self._interval and not is_first:
            return None
        self._interval = interval
        share = (index + 1) / total
        text = f"[{'=' * int(length * share):<{length}}] {100 * share:4.1f}%"
        if is_first or not time:
            return text
        seconds = remaining() if remaining is not None else None
        left = self._remaining() if seconds is None else timedelta(seconds=int(seconds))
        return f"{text}, remaining: {left}"

    def _remaining(self) -> timedelta:
        """Return the remaining time, extrapolated from the pace of the loop."""
        index = self._index or 0
        elapsed = clock.monotonic() - self._first_time
        seconds = elapsed / (index - self._first_index) * (self._total - index - 1)
        return timedelta(seconds=int(seconds))


_bar = ProgressBar()


def progressbar(
    index: int,
    total: int,
    percentage_step: float = 10,
    logger: str | logging.Logger | None = PRINT,
    log_level: int = logging.INFO,
    reprint: bool = True,
    time: bool = True,
    length: int = 20,
    fmt_string: str | None = None,
    reset: bool = False,
) -> str | None:
    """Show the progress of a loop; call it at the end of each iteration.

    ::

        [========            ] 40.0%, remaining: 0:01:10

    The bar needs no set-up: it restarts when ``index`` does not increase, ``total`` changes, or
    ``reset`` is true. A resumed loop may start at any index. All calls in a process share one bar;
    nested loops need a `ProgressBar` each.

    Parameters
    ----------
    index
        The finished iteration, counted from 0.
    total
        Number of iterations.
    percentage_step
        Percent between two outputs, > 0, also below 1.
    logger
        ``'print'`` for stdout, a logger or its name; None only returns the text.
    log_level
        Level of log records.
    reprint
        When printing, overwrite the line instead of starting a new one.
    time
        Show the estimated remaining time, ``H:MM:SS``.
    length
        Width of the bar in characters.
    fmt_string
        Template with one ``%s`` for the bar.
    reset
        Restart the bar.

    Returns
    -------
    str | None
        The text, None if no output was due.

    Raises
    ------
    ValueError
        ``percentage_step`` is not positive.
    """
    text = _bar.update(index, total, percentage_step, time=time, length=length, reset=reset)
    if text is None:
        return None
    if fmt_string is not None:
        text = fmt_string % text
    if logger == PRINT:
        sys.stdout.write(f"\r{text}" if reprint else f"{text}\n")
        sys.stdout.flush()
    elif logger is not None:
        (logging.getLogger(logger) if isinstance(logger, str) else logger).log(log_level, text)
    return text
