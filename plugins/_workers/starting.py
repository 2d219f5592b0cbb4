"""Starting and ending worker processes."""

from __future__ import annotations

import signal
import sys
import time
import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from multiprocessing.process import BaseProcess

from pypet.support.filesystem import working_folder
from pypet.support.processes import deferred_interrupts

GRACE_SECONDS = 5.0
"""How long a process may take to end when asked to; then it is killed."""


def start_process(process: BaseProcess) -> None:
    """Start a process without Python's warning that other threads are not forked, too.

    What those threads may hold at that moment are locks; the libraries behind pypet take care
    of theirs.
    """
    quiet = sys.version_info >= (3, 12)
    with warnings.catch_warnings() if quiet else nullcontext():
        if quiet:
            warnings.filterwarnings("ignore", "This process .* is multi-threaded")
        with deferred_interrupts():
            try:
                process.start()
            except FileNotFoundError:  # new interpreters are told the working folder
                working_folder()
                raise


def let_interrupts_in() -> None:
    """Let a new process have its signals, once it knows what to do about them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))


def end_processes(processes: Iterable[BaseProcess], *, at_once: bool) -> None:
    """Wait until processes have ended; with ``at_once`` ask them to, at last kill them."""
    alive = list(processes)
    try:
        if at_once:
            for process in alive:
                process.terminate()
        _join(alive)
        late = [process for process in alive if process.is_alive()]
        for process in late:
            process.terminate()
        _join(late)
    finally:
        # Also if the user cannot wait any longer and interrupts this, more than once.
        try:
            _kill(alive)
        except KeyboardInterrupt:
            _kill(alive)  # if the interrupt came before all were gone
            raise


def _kill(processes: list[BaseProcess]) -> None:
    """Kill processes that go on, and take them from the list; interrupts wait meanwhile."""
    with deferred_interrupts():
        while processes:
            process = processes[-1]
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
            processes.pop()


def _join(processes: Iterable[BaseProcess]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
