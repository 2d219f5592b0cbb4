"""End an experiment in an orderly way on CTRL+C and on SIGTERM."""

from __future__ import annotations

import _thread
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from time import sleep
from types import FrameType
from typing import ClassVar

_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None

GRACE_SECONDS = 20.0
"""Time that active runs have to finish after SIGTERM with ``graceful_exit``."""


class SigintHandling:
    """Records the first SIGINT instead of interrupting; the second one interrupts as usual.

    One per process, `sigint_handling`. Only the main thread can install signal handlers;
    elsewhere `start` does nothing.
    """

    SIGINT: ClassVar[str] = "__SIGINT__"
    """Stands for the outcome of a run that was not started any more."""

    def __init__(self) -> None:
        self.original_handler: _Handler = signal.getsignal(signal.SIGINT)
        """The handler that was installed before."""
        self.hit = False
        """Whether the signal came since `start`."""
        self.started = False
        self._notice_pid: int | None = None
        """Id of the process that prints the notice: processes forked from it inherit the handler,
        and CTRL+C reaches all of them."""

    def start(self, *, prints_notice: bool = True) -> None:
        """Install the handler; a second call does nothing.

        Workers pass ``prints_notice=False``: the main process prints the notice at the first
        signal.
        """
        if self.started or threading.current_thread() is not threading.main_thread():
            return
        self._notice_pid = os.getpid() if prints_notice else None
        self.original_handler = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, self._handle_sigint)
        self.started = True

    def finalize(self) -> None:
        """Forget the signal and restore the former handler."""
        self.hit = False
        if self.started:
            self.started = False
            # None: the former handler was not installed from Python and cannot be named.
            former = self.original_handler
            signal.signal(signal.SIGINT, signal.SIG_DFL if former is None else former)

    def _handle_sigint(self, signum: int, frame: FrameType | None) -> None:
        """Record the first signal, raise KeyboardInterrupt at the second."""
        if self.hit:
            raise KeyboardInterrupt("Interrupted twice: ending immediately.")
        self.hit = True
        if self._notice_pid == os.getpid():
            sys.stderr.write(
                "\nInterrupted: active runs are finished and stored, then the experiment ends. "
                "Interrupt again to end immediately.\n"
            )


sigint_handling = SigintHandling()
"""The handling of this process."""


class Terminated(BaseException):
    """The process was asked to end: active runs are abandoned, and what exists is stored."""


class SigtermHandling:
    """Lets an experiment store what it has before SIGTERM ends the process.

    One per process, `sigterm_handling`. It is installed for the duration of an experiment, in the
    main thread only, and only if the signal would have its default effect: a handler of the
    user's own is kept. In processes that are forked meanwhile the signal has its default effect.

    `Terminated` is raised where runs and post-processing are executed (`interruptible`), except
    while something is stored there (`deferred`). Elsewhere the experiment is about to begin or to
    end anyway.
    """

    def __init__(self) -> None:
        self.hit = False
        """Whether the signal came since `start`."""
        self._pid: int | None = None
        self._is_graceful = False
        self.raises = False
        """Whether `Terminated` is raised at once."""
        self._grace_period: object | None = None
        """Identifies the present grace period of active runs; None outside of one."""
        self._mask: set[int | signal.Signals] | None = None
        """Signals that were blocked before a fork."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._block_at_fork,
                after_in_parent=self._unblock_after_fork,
                after_in_child=self._reset_in_child,
            )

    def start(self, *, graceful: bool) -> bool:
        """Install the handler; return whether it was, so that `finalize` has to be called.

        With ``graceful`` active runs may finish after the first signal, for `GRACE_SECONDS` at
        most.
        """
        if self._pid == os.getpid() or threading.current_thread() is not threading.main_thread():
            return False
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return False
        self.hit = self.raises = False
        self._pid, self._is_graceful = os.getpid(), graceful
        signal.signal(signal.SIGTERM, self._handle)
        return True

    def finalize(self) -> None:
        """Remove the handler; if the signal came, let it end the process now."""
        self._pid = self._grace_period = None
        # Bound methods are equal, not identical. A handler that replaced ours is kept.
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if not self.hit:
            return
        self.hit = False
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # closed, or replaced by some object
                stream.flush()
        logging.shutdown()
        _remove_temporary_folder()
        os.kill(os.getpid(), signal.SIGTERM)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raise `Terminated` in the block if the signal comes, or came before."""
        former, self.raises = self.raises, True
        try:
            self._raise_if_due()
            yield
        finally:
            self.raises = former

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Delay `Terminated` until the end of the block."""
        former = self.raises
        self.hold()
        try:
            yield
        finally:
            self.raises = former
        self._raise_if_due()

    def hold(self) -> None:
        """Delay `Terminated` until `release`; cheaper than a block, for each run."""
        self.raises = False

    def release(self, former: bool) -> None:
        """Set `raises` to what it was before `hold`, and raise `Terminated` if that is due."""
        self.raises = former
        if self.hit:
            self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self.hit and self.raises and self._grace_period is None:
            raise Terminated

    # Python loses signals that reach a child before it is ready for them, and its handlers wait
    # until C code returns, which may be never. So SIGTERM stays blocked from before the fork
    # until its effect in the child is the default one.

    def _block_at_fork(self) -> None:
        if self._pid is not None:
            self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def _unblock_after_fork(self) -> None:
        mask, self._mask = self._mask, None
        if mask is None:
            return
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        except KeyboardInterrupt:
            raise
        except BaseException:
            # Raised by the handler of a signal that was blocked, after it has recorded the signal.
            # Python would discard it, too, as for all that these hooks raise, but print a
            # traceback.
            return

    def _reset_in_child(self) -> None:
        if self._pid is not None and signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._unblock_after_fork()

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self._pid != os.getpid():  # inherited by a fork
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if not self.hit:
            self.hit = True
            if self._is_graceful:
                self._begin_grace_period()
                return
            sys.stderr.write("\nTerminated: active runs are given up, what is there is stored.\n")
        else:
            self._grace_period = None
        if self.raises:
            raise Terminated

    def _begin_grace_period(self) -> None:
        sigint_handling.hit = True
        sys.stderr.write(
            f"\nTerminated: active runs have {GRACE_SECONDS:g} s to end and to be stored.\n"
        )
        self._grace_period = period = object()
        # Not `threading.Thread`: the main thread, in which this handler runs, may hold its locks.
        _thread.start_new_thread(self._end_grace_period, (period,))

    def _end_grace_period(self, period: object) -> None:
        sleep(GRACE_SECONDS)
        if self._grace_period is period:
            os.kill(os.getpid(), signal.SIGTERM)


def _remove_temporary_folder() -> None:
    """Remove the folder of multiprocessing, which does that only where interpreters exit."""
    config: dict[str, object] = getattr(multiprocessing.current_process(), "_config", {})
    folder = config.get("tempdir")
    if folder:
        shutil.rmtree(str(folder), ignore_errors=True)


sigterm_handling = SigtermHandling()
"""The handling of this process."""
