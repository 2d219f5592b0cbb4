"""Ending an experiment gracefully on CTRL+C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import ClassVar

_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None


class SigintHandling:
    """Notes the first SIGINT instead of interrupting; the second one interrupts as usual.

    One per process, `sigint_handling`. Only the main thread can install signal handlers;
    elsewhere `start` does nothing.
    """

    SIGINT: ClassVar[str] = "__SIGINT__"
    """Stands for the outcome of a run that was not started any more."""

    def __init__(self) -> None:
        self.original_handler: _Handler = signal.getsignal(signal.SIGINT)
        """What handled the signal before."""
        self.hit = False
        """Whether the signal came since `start`."""
        self.started = False
        self._teller: int | None = None
        """Id of the process that prints the notice: processes forked from it inherit the handler,
        and CTRL+C reaches all of them."""

    def start(self, *, tells: bool = True) -> None:
        """Install the handler; a second call does nothing.

        With ``tells=False`` nothing is printed at the first signal, because the main process of
        the experiment does that.
        """
        if self.started or threading.current_thread() is not threading.main_thread():
            return
        self._teller = os.getpid() if tells else None
        self.original_handler = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, self._handle_sigint)
        self.started = True

    def finalize(self) -> None:
        """Forget the signal and bring the former handler back."""
        self.hit = False
        if self.started:
            self.started = False
            # None: the former handler was not installed from Python and cannot be named.
            former = self.original_handler
            signal.signal(signal.SIGINT, signal.SIG_DFL if former is None else former)

    def _handle_sigint(self, signum: int, frame: FrameType | None) -> None:
        """Note the first signal, raise KeyboardInterrupt at the second."""
        if self.hit:
            raise KeyboardInterrupt("Interrupted twice: giving up at once.")
        self.hit = True
        if self._teller == os.getpid():
            sys.stderr.write(
                "\nInterrupted: active runs are finished and stored, then the experiment ends. "
                "Interrupt again to give up at once.\n"
            )


sigint_handling = SigintHandling()
"""The handling of this process."""
