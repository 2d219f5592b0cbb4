"""Waiting for a file that somebody else has open."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from pypet.storage_backends.hdf5.files.guard import GUARD
from pypet.support.processes import deliver_pending_interrupt

WRITING_SECONDS = 300.0
"""How long a writer waits by default until the file is free."""
READING_SECONDS = 10.0
"""How long a reader waits at the most: writers of pypet let it in between two commits."""
_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.001, 0.25, 1.5
_SECONDS_UNTIL_TOLD = 1.0

logger = logging.getLogger(__name__)

_PAUSE = threading.Condition(GUARD)
"""Nobody notifies it: it is for the time only."""
T = TypeVar("T")


def wait_while_blocked(attempt: Callable[[], T], path: str, timeout: float) -> T:
    """Call ``attempt`` until it does not raise BlockingIOError, with growing pauses.

    ``timeout`` is in seconds; with 0 there is one attempt only. Waiting is logged once.

    Raises
    ------
    BlockingIOError
        The time is over.
    """
    began = time.monotonic()
    pause, told = _FIRST_PAUSE, False
    while True:
        try:
            return attempt()
        except BlockingIOError:
            waited = time.monotonic() - began
            if waited >= timeout:
                raise
            if waited > _SECONDS_UNTIL_TOLD and not told:
                told = True
                logger.warning(
                    "Waiting until another process closes %s, for %.0f s at the most.",
                    path,
                    timeout,
                )
        deliver_pending_interrupt()
        with GUARD:  # which others get meanwhile, whoever holds it here
            _PAUSE.wait(min(pause, max(0.0, timeout - waited)))
        pause = min(pause * _GROWTH, _LONGEST_PAUSE)
