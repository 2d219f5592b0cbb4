"""What is logged about the runs of an experiment that fail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pypet.environment.on_error import describe_run
from pypet.support.tracebacks import FILES_ONLY, ErrorText, log_error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pypet.trajectory import Trajectory

MOST_ALIKE = 5
"""How many failures at the same place the console shows."""

_logger = logging.getLogger("pypet")


class FailureLog:
    """Logs failed runs and remembers which they are; one for each experiment.

    The traceback of runs that fail at the same place is logged once. A thousand of such runs are
    a thousand lines in the log files, but only `MOST_ALIKE` on the console.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory: Any = trajectory
        self._alike: dict[tuple[type[BaseException], str], tuple[str, int]] = {}
        """By type and place of an error: the first run that raised it, and how many did."""
        self.indices: set[int] = set()
        """The runs that failed."""

    def add(self, index: int, error: BaseException, *, is_raised: bool) -> None:
        """Log that a run failed.

        ``is_raised`` says that the user gets the error itself, with the traceback.
        """
        self.indices.add(index)
        where = describe_run(self._trajectory, index)
        text = ErrorText(error)
        if is_raised:
            log_error(_logger, "Failed: %s", where, error=error, text=text, shown=text.message)
            return
        kind = type(error), _place(text.full)
        name = self._trajectory.f_idx_to_run(index)
        first, count = self._alike.get(kind, (name, 0))
        self._alike[kind] = first, count + 1
        if not count:
            log_error(_logger, "Failed: %s", where, error=error, text=text)
            return
        _logger.error(
            "Failed: %s at the same place as %s: %s%s",
            where,
            first,
            text.message,
            ". Further runs that fail there are only in the log files"
            if count == MOST_ALIKE - 1
            else "",
            extra={FILES_ONLY: count >= MOST_ALIKE},
        )

    def add_lost(self, indices: Iterable[int]) -> None:
        """Remember runs whose data was lost; the error about that is logged elsewhere."""
        self.indices.update(indices)


def _place(text: str) -> str:
    """Return the lines of a traceback that say where an error was raised, not what it says."""
    return "\n".join(line for line in text.splitlines() if line.lstrip().startswith('File "'))
