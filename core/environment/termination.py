"""Ending an experiment in an orderly way on SIGTERM."""

from __future__ import annotations

import _thread
import logging
import multiprocessing
import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import sleep
from types import FrameType

from pypet.environment.interruption import sigint_handling

GRACE_SECONDS = 20.0
"""How long active runs may take to end with ``graceful_exit``."""


class Terminated(BaseException):
    """The process was asked to end: active runs are given up, what is there is stored."""


class SigtermHandling:
    """Lets an experiment store what is there before SIGTERM ends the process.

    One per process, `sigterm_handling`. It is installed for the duration of an experiment, in the
    main thread only, and only if the signal would have its default effect: a handler of the
    user's own is kept. Processes that are forked meanwhile end by the signal as if there were no
    handler.

    `Terminated` is raised where runs and post-processing are executed (`interruptible`), except
    while something is stored there (`deferred`). Elsewhere the experiment is about to begin or to
    end anyhow.
    """

    def __init__(self) -> None:
        self.hit = False
        """Whether the signal came since `start`."""
        self._pid: int | None = None
        self._is_graceful = False
        self.raises = False
        """Whether `Terminated` is raised at once."""
        self._waiting: object | None = None
        """Stands for the time that active runs have to end."""
        self._mask: set[int | signal.Signals] | None = None
        """Signals that were blocked before a fork."""
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._block_at_fork,
                after_in_parent=self._unblock_after_fork,
                after_in_child=self._reset_in_child,
            )

    def start(self, *, graceful: bool) -> bool:
        """Install the handler; return whether that was done, so that `finalize` is to be called.

        With ``graceful`` the first signal lets active runs end, for `GRACE_SECONDS` at most.
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
        self._pid = self._waiting = None
        # Bound methods are equal, not the same. Somebody else's handler is left alone.
        if signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if not self.hit:
            return
        self.hit = False
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # closed, or replaced by something
                stream.flush()
        logging.shutdown()
        _remove_temporary_folder()
        os.kill(os.getpid(), signal.SIGTERM)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raise `Terminated` in the block if the signal comes, or came already."""
        former, self.raises = self.raises, True
        try:
            self._raise_if_due()
            yield
        finally:
            self.raises = former

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Let `Terminated` wait for the end of the block."""
        former = self.raises
        self.hold()
        try:
            yield
        finally:
            self.raises = former
        self._raise_if_due()

    def hold(self) -> None:
        """Let `Terminated` wait until `release`; quicker than a block, for every run."""
        self.raises = False

    def release(self, former: bool) -> None:
        """Let `raises` be what it was before `hold`, and raise `Terminated` if that is due."""
        self.raises = former
        if self.hit:
            self._raise_if_due()

    def _raise_if_due(self) -> None:
        if self.hit and self.raises and self._waiting is None:
            raise Terminated

    # Python forgets signals that reach a child before it is ready for them, and its handlers wait
    # for what is done in C, perhaps for ever. So the signal waits until its effect is the default.

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
            # What the handler of a signal that has waited raises. It has taken note of the signal;
            # Python drops what hooks raise, but not without printing a traceback.
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
                self._begin_to_wait()
                return
            sys.stderr.write("\nTerminated: active runs are given up, what is there is stored.\n")
        else:
            self._waiting = None
        if self.raises:
            raise Terminated

    def _begin_to_wait(self) -> None:
        sigint_handling.hit = True
        sys.stderr.write(
            f"\nTerminated: active runs have {GRACE_SECONDS:g} s to end and to be stored.\n"
        )
        self._waiting = waiting = object()
        # The main thread may hold any lock of `threading` right now.
        _thread.start_new_thread(self._end_wait, (waiting,))

    def _end_wait(self, waiting: object) -> None:
        sleep(GRACE_SECONDS)
        if self._waiting is waiting:
            os.kill(os.getpid(), signal.SIGTERM)


def _remove_temporary_folder() -> None:
    """Remove the folder of multiprocessing, which does that only where interpreters exit."""
    config: dict[str, object] = getattr(multiprocessing.current_process(), "_config", {})
    folder = config.get("tempdir")
    if folder:
        shutil.rmtree(str(folder), ignore_errors=True)


sigterm_handling = SigtermHandling()
"""The handling of this process."""
