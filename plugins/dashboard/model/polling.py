"""A thread that repeats something for as long as somebody is interested."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0
"""A poller ends when nobody has asked for so long."""


class Poller:
    """Calls a function again and again in a thread, which starts and ends by itself.

    So a page that was closed, or a cell of a notebook that was executed again, needs no goodbye.
    """

    def __init__(self, name: str, step: Callable[[], float]) -> None:
        """Nothing is called yet; ``step`` returns the seconds until it is to be called again."""
        self._name = name
        self._step = step
        self._stop = threading.Event()
        self._asked = 0.0
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def ask(self) -> None:
        """Call the function for `PATIENCE_SECONDS` more."""
        self._asked = time.monotonic()
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._poll, args=(self._stop,), name=self._name, daemon=True
                )
                self._thread.start()

    def close(self) -> None:
        """End the thread, and wait until it has ended."""
        with self._lock:
            self._stop.set()
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _poll(self, stop: threading.Event) -> None:
        while not stop.is_set() and time.monotonic() - self._asked < PATIENCE_SECONDS:
            stop.wait(self._step())
