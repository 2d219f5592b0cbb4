"""Starting processes, and ending them: in time, on request, and never later than the main process.

If the main process is killed, its processes have to end by themselves. Linux
sends a signal when the parent dies; elsewhere, and where a fork server is the parent, a thread
waits for the main process.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from multiprocessing import util
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from time import monotonic, sleep
from typing import Any

from pypet.support.filesystem import working_folder
from pypet.support.processes import deferred_interrupts

GRACE_SECONDS = 5.0
"""How long a process may take to end when asked to; then it is killed."""
POLL_SECONDS = 1.0
"""Time between two looks at a process that cannot be waited for."""

_PR_SET_PDEATHSIG = 1  # prctl(2)
# Looked up at import: after a fork every page of memory that is touched has to be copied, so a
# process that was just forked should do as little as possible.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


# The fork server of multiprocessing writes to the pipe of a process when that ends.
_ServedProcess: tuple[type[BaseProcess], ...] = (
    (multiprocessing.context.ForkServerProcess,) if hasattr(os, "fork") else ()
)


# ----- in the main process ------------------------------------------------------------------


def start_process(process: BaseProcess) -> None:
    """Start a process without Python's warning that other threads are not forked, too.

    The libraries behind pypet reset the locks that such threads may hold at that moment.
    """
    quiet = sys.version_info >= (3, 12)
    with warnings.catch_warnings() if quiet else contextlib.nullcontext():
        if quiet:
            warnings.filterwarnings("ignore", "This process .* is multi-threaded")
        with deferred_interrupts():
            try:
                process.start()
            except FileNotFoundError:
                # Spawned interpreters get the working folder; raise a clear error if that is gone.
                working_folder()
                raise


def end_descriptor(process: BaseProcess) -> int:
    """Return a descriptor that is readable once a process has ended; closed with ``process``.

    That of multiprocessing, a pipe, stays open as long as processes that it has forked live.
    """
    if not isinstance(process, _ServedProcess) and process.pid is not None:
        descriptor = open_pidfd(process.pid)
        if descriptor is not None:
            util.Finalize(process, os.close, (descriptor,))
            return descriptor
    return process.sentinel


def open_pidfd(pid: int) -> int | None:
    """Return a descriptor that is readable once a process has ended; None where there is none."""
    if sys.platform == "linux" and hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):  # an old kernel, a sandbox, or it is gone
            return os.pidfd_open(pid)
    return None


def end_processes(processes: Iterable[BaseProcess], *, terminate: bool) -> None:
    """Wait until processes have ended; kill those that take longer than `GRACE_SECONDS`.

    With ``terminate`` they are asked to end at once, otherwise only if they are late.
    """
    alive = list(processes)
    try:
        if terminate:
            for process in alive:
                process.terminate()
        _join(alive)
        late = [process for process in alive if process.is_alive()]
        for process in late:
            process.terminate()
        _join(late)
    finally:
        # Users who cannot wait press CTRL+C, more than once; no process may survive that.
        try:
            _kill(alive)
        except KeyboardInterrupt:
            _kill(alive)  # if the interrupt came before all were gone
            raise


def _kill(processes: list[BaseProcess]) -> None:
    """Kill and reap processes, and take them from the list; interrupts wait meanwhile."""
    with deferred_interrupts():
        while processes:
            process = processes[-1]
            if process.is_alive():
                process.kill()
                process.join()
            process.close()
            processes.pop()


def _join(processes: Iterable[BaseProcess]) -> None:
    deadline = monotonic() + GRACE_SECONDS
    for process in processes:
        process.join(max(0.0, deadline - monotonic()))


# ----- in processes that pypet starts -------------------------------------------------------


class EndRequested(BaseException):
    """The main process asked this one to end at once; files are closed on the way out."""


_requests: list[int] = []


def unblock_interrupts() -> None:
    """Unblock SIGINT in a new process once its handlers are set up."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))


def end_on_request() -> None:
    """Raise `EndRequested` in this process on SIGTERM."""
    signal.signal(signal.SIGTERM, _request_end)


def _request_end(signum: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _requests.append(signum)
    raise EndRequested


def end_by_signal() -> None:
    """End this process by SIGTERM, so that its parent sees why."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


@contextlib.contextmanager
def ending_on_request() -> Iterator[None]:
    """End the process by the signal if `EndRequested` is raised within a ``with`` block.

    With what multiprocessing does at the end of a process, but without waiting for threads.
    """
    try:
        yield
    except EndRequested:
        util._exit_function()  # type: ignore[attr-defined]  # no public name does the same
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # closed or replaced by the run
                stream.flush()
        end_by_signal()


def end_if_requested() -> None:
    """Raise `EndRequested` if that got lost.

    Python only reports, and then drops, what a signal handler raises during the hooks of
    `os.register_at_fork`, which `logging` and `random` use.
    """
    if _requests:
        raise EndRequested


def die_with_parent() -> None:
    """Have the kernel end this process when its parent dies, where it can do that (Linux)."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with_main_process() -> None:
    """Have this process ended when the main process dies, whoever its parent is."""
    die_with_parent()
    main = multiprocessing.parent_process()
    if main is None or (_prctl is not None and os.getppid() == main.pid):
        return
    # The parent is a fork server, the platform sends no signal, or the main process was gone
    # before the kernel was asked to send one.
    threading.Thread(target=_end_after_main, args=(main.sentinel,), daemon=True).start()


def _end_after_main(sentinel: int) -> None:
    wait([sentinel])
    if hasattr(signal, "pthread_kill"):  # also interrupts a system call of the main thread
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def join_helpers() -> bool:
    """Wait for threads and processes that runs have started, as multiprocessing does at exit.

    Returns False if daemon threads are left, which end with the process wherever they are.
    """
    if threading.active_count() > 1:
        for thread in threading.enumerate():
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    util._exit_function()  # type: ignore[attr-defined]  # no public name does the same
    return threading.active_count() == 1


# ----- in processes of an executor or cluster that pypet does not start ---------------------

_watched: set[tuple[int, int]] = set()


def end_with(main: int) -> None:
    """Make this process end with the process ``main`` (an id), if that is its parent.

    Workers of most executors wait forever for a main process that was killed. Processes that are
    not its children, those of a cluster for instance, are left alone.
    """
    key = (os.getpid(), main)  # a forked process inherits the set, but not the thread
    if key in _watched or not _is_child_of(main):
        return
    _watched.add(key)
    threading.Thread(
        target=_end_after, args=(main, os.getpid()), name="pypet-watch", daemon=True
    ).start()


def terminate_process(pid: int) -> None:
    """Ask a process, which may be this one, to end; kill it if it does not."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        sleep(GRACE_SECONDS)
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _is_child_of(main: int) -> bool:
    parent = multiprocessing.parent_process()  # also where a fork server is in between
    return os.getppid() == main or (parent is not None and parent.pid == main)


def _end_after(main: int, own: int) -> None:
    _wait_for(main)
    terminate_process(own)


def _wait_for(main: int) -> None:
    """Wait until a process is gone."""
    descriptor = open_pidfd(main)
    if descriptor is not None:
        try:
            select.select([descriptor], [], [])
        finally:
            os.close(descriptor)
        return
    parent = multiprocessing.parent_process()
    while os.getppid() == main or (parent is not None and parent.is_alive()):
        sleep(POLL_SECONDS)
