"""How a worker learns that it shall end: it is asked to, or the main process is gone."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import util
from multiprocessing.connection import wait
from typing import Any

_PR_SET_PDEATHSIG = 1  # prctl(2)
# Looked up once and for all: a process that was just forked should do as little as possible.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


class Ended(BaseException):
    """The main process asked this one to end at once; files are closed on the way out."""


_asked_to_end: list[int] = []


def end_on_request() -> None:
    """Raise `Ended` in this process when it is asked to end by SIGTERM."""
    signal.signal(signal.SIGTERM, _end)


def _end(signum: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _asked_to_end.append(signum)
    raise Ended


def end_if_asked() -> None:
    """Raise `Ended` also if that got lost: what hooks around a fork raise is only reported."""
    if _asked_to_end:
        raise Ended


def die_with_parent() -> None:
    """Let this process be ended if the one that started it is killed: nobody else would do it."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_main_process() -> None:
    """Let this process be ended if the main process is killed, whoever the parent process is."""
    die_with_parent()
    main = multiprocessing.parent_process()
    if main is None or (_prctl is not None and os.getppid() == main.pid):
        return
    # The parent is the fork server, the platform tells nobody, or it was too late to be told.
    threading.Thread(target=_outlive, args=(main.sentinel,), daemon=True).start()


def _outlive(sentinel: int) -> None:
    wait([sentinel])
    if hasattr(signal, "pthread_kill"):  # which also ends what the main thread waits for
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def wait_for_helpers() -> bool:
    """Wait for threads and processes that runs have started, as multiprocessing does.

    Return False if threads are left that will be cut off in whatever they do.
    """
    if threading.active_count() > 1:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    util._exit_function()  # type: ignore[attr-defined]  # no public name does the same
    return threading.active_count() == 1
