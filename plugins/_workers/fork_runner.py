"""A fork server: a worker that forks a process for each task and executes nothing itself.

To fork a large process is expensive for the forking process, too: the page tables are copied, and
afterwards every page that it touches. So the main process forks ``ncores`` of these workers once,
and they fork the processes of runs while the main process stores. They keep their own memory
small and untouched for the same reason.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import select
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from time import monotonic, sleep, time
from typing import NoReturn

from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.interfaces._worker_setup import ForkAware
from pypet.plugins._workers.lifetime import (
    EndRequested,
    die_with_parent,
    end_by_signal,
    end_if_requested,
    join_helpers,
    open_pidfd,
)
from pypet.plugins._workers.outcomes import killed_outcome, serialize
from pypet.plugins._workers.worker_process import TaskRunner, execute_alone
from pypet.support.buffers import enlarge_pipe

GRACE_SECONDS = 3.0
"""How long the process of a run may take to end when asked to. Less than what the fork server
itself may (`lifetime.GRACE_SECONDS`), which is killed otherwise and leaves its child behind."""
POLL_SECONDS = 0.02
"""Time between two looks at a process that cannot be waited for otherwise."""

_LENGTH = struct.Struct("<Q")
_READ_BYTES = 1 << 20
_PIPE_BYTES = 1 << 16
"""What a pipe of Linux holds unless it is enlarged."""


class ForkRunner(TaskRunner):
    """Forks a process for each task and waits for it.

    The processes are not objects of multiprocessing, whose book-keeping costs as much again as
    the fork, but behave like its processes: they have a name, may start processes themselves,
    and wait for those and for their threads in the end.
    """

    def start(self) -> None:
        """Set up what the processes inherit."""
        if isinstance(self._function, ForkAware):
            self._function.prepare_fork()
        # The garbage collector writes into the header of each object that it visits, so a page that
        # it visits in one process has to be copied. It does not visit frozen objects. To collect
        # before, right after this process was forked itself, would copy some 4,000 pages.
        gc.freeze()

    def __call__(self, task: Task) -> bytes:
        """Execute a task in a new process; return its serialized outcome."""
        started = time()
        server = os.getpid()
        reading, writing = os.pipe()
        child = _Child()
        try:
            # Interrupts need not wait during the fork: both processes have their handlers already.
            child.pid = os.fork()
            if not child.pid:
                os.close(reading)
                _be_process(self._function, task, writing, server)
            os.close(writing)  # or reading would never end when the child dies
            end_if_requested()
            data = _receive(reading, child)
            exit_code = child.wait()
            if exit_code and isinstance(self._function, ForkAware):
                self._function.reset_after_crash()
        except KeyboardInterrupt as interrupt:
            child.end()
            outcome = Outcome(task.index, None, started, time(), interrupt, interrupted=True)
            return serialize([outcome])
        except BaseException:
            child.end()
            raise
        finally:
            os.close(reading)
        if data is None:
            return serialize([killed_outcome(task.index, child.pid, exit_code, started)])
        return data

    def serialize(self, done: Sequence[bytes]) -> Sequence[bytes]:
        """Return the outcomes as they are: the processes have serialized them."""
        return done

    def detach(self, done: bytes) -> bytes:
        """Return the outcome as it is: the process of the run has stored everything."""
        return done


# ----- in the fork server -------------------------------------------------------------------


class _Child:
    """A process that was forked from here, or none yet."""

    __slots__ = ("_status", "pid")

    def __init__(self) -> None:
        self.pid = 0
        self._status: int | None = None

    def has_ended(self) -> bool:
        """Return whether it has ended, and reap it then."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = status
        return self._status is not None

    def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        if self._status is None:
            self._status = os.waitpid(self.pid, 0)[1]
        return os.waitstatus_to_exitcode(self._status)

    def end(self) -> None:
        """Ask it to end, and kill it if it does not."""
        if not self.pid or self._status is not None:
            return
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGTERM)
            deadline = monotonic() + GRACE_SECONDS
            while not self.has_ended():
                if monotonic() > deadline:
                    os.kill(self.pid, signal.SIGKILL)
                    self.wait()
                sleep(POLL_SECONDS)


# The end of a pipe does not signal that a process is gone: processes that it started may have
# inherited its end and live on. So the process itself is watched as well, on Linux by a descriptor
# that becomes readable when it ends, elsewhere by looking now and then.


def _receive(reading: int, child: _Child) -> bytes | None:
    """Return what a process sends; None if it ends before it has sent everything."""
    poller = select.poll()
    poller.register(reading, select.POLLIN)
    ending = open_pidfd(child.pid)
    if ending is None:
        return _read_message(reading, lambda: _poll(poller, child))
    poller.register(ending, select.POLLIN)
    try:
        # Data first: a process that has ended may have sent everything before.
        return _read_message(reading, lambda: any(fd == reading for fd, _ in poller.poll()))
    finally:
        os.close(ending)


def _read_message(reading: int, is_readable: Callable[[], bool]) -> bytes | None:
    received = bytearray()
    while is_readable():
        part = os.read(reading, _READ_BYTES)
        received += part
        if not part:
            return None
        if len(received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(received)
            if len(received) - _LENGTH.size == length:
                return bytes(memoryview(received)[_LENGTH.size :])
    return None  # it has ended, and another process still has the pipe open


def _poll(poller: select.poll, child: _Child) -> bool:
    """Wait until there is something to read or the process has ended; return whether there is."""
    while not poller.poll(1000 * POLL_SECONDS):
        if child.has_ended():
            return bool(poller.poll(0))
    return True


# ----- in the process of a run --------------------------------------------------------------


def _be_process(function: TaskFunction, task: Task, writing: int, server: int) -> NoReturn:
    """Execute a task, send its outcome, and end."""
    exit_code = 1
    gc.freeze()  # or a collection would copy some 150 pages, see `ForkRunner.start`
    try:
        die_with_parent()
        end_if_requested()
        if os.getppid() != server:
            raise EndRequested  # the fork server died before its death was to be signalled
        multiprocessing.current_process().name = f"Process-{task.index + 1}"
        _send(writing, serialize([execute_alone(function, task)]))
        exit_code = 0 if join_helpers() else 1
    except EndRequested:
        end_by_signal()
    except BrokenPipeError:
        exit_code = 0  # the fork server has ended, so the outcome is not needed
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # closed or replaced by the run
                stream.flush()
        # Not `sys.exit`: the stack below belongs to the fork server, with its handlers and
        # `finally` blocks.
        os._exit(exit_code)


def _send(writing: int, data: bytes) -> None:
    if len(data) > _PIPE_BYTES:
        enlarge_pipe(writing, _READ_BYTES)  # fewer switches between the two processes
    data = _LENGTH.pack(len(data)) + data
    sent = os.write(writing, data)
    while sent < len(data):
        sent += os.write(writing, memoryview(data)[sent:])
    os.close(writing)
