"""Executing each task in a process of its own, forked from a worker that does nothing else."""

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
from pypet.plugins._workers.ending import (
    Ended,
    die_with_parent,
    end_if_asked,
    wait_for_helpers,
)
from pypet.plugins._workers.outcomes import killed, pack
from pypet.plugins._workers.performing import Execute, Perform, perform_alone
from pypet.support.buffers import enlarge_pipe

GRACE_SECONDS = 3.0
"""How long a process may take to end when asked to; less than what the launcher itself may."""
LOOK_SECONDS = 0.02
"""Time between two looks at a process that cannot be waited for otherwise."""

_LENGTH = struct.Struct("<Q")
_ROOM = 1 << 20
_PIPE_BYTES = 1 << 16


class Launching(Perform):
    """Forks a process for each task and waits for it.

    The processes are not objects of multiprocessing, whose book-keeping costs as much again as
    the fork, but behave like its processes: they have a name, may start processes themselves,
    and wait for those and for their threads in the end.
    """

    def start(self) -> None:
        """Set up signals; collections of garbage in the processes leave alone what is here."""
        if isinstance(self._execute, TaskFunction):
            self._execute.start_launcher()
        gc.freeze()

    def __call__(self, task: Task) -> bytes:
        """Execute a task in a new process; return its packed outcome.

        Interrupts need not wait during the fork: what they do is set up for both processes. What
        is called here is little, because after a fork each page of memory that is touched has to
        be copied.
        """
        started = time()
        launcher = os.getpid()
        reading, writing = os.pipe()
        child = _Child()
        try:
            child.pid = os.fork()
            if not child.pid:
                os.close(reading)
                _be_process(self._execute, task, writing, launcher)
            os.close(writing)
            end_if_asked()
            data = _receive(reading, child)
            exit_code = child.wait()
            if exit_code and isinstance(self._execute, TaskFunction):
                self._execute.renew_launcher()
        except KeyboardInterrupt as interrupt:
            child.end()
            outcome = Outcome(task.index, None, started, time(), interrupt, interrupted=True)
            return pack([outcome])
        except BaseException:
            child.end()
            raise
        finally:
            os.close(reading)
        return pack([killed(task.index, child.pid, exit_code, started)]) if data is None else data

    def pack(self, done: Sequence[bytes]) -> Sequence[bytes]:
        """Return packed outcomes as they are."""
        return done


# ----- the launcher's side ------------------------------------------------------------------


class _Child:
    """A process that was forked from here, or none yet."""

    __slots__ = ("_status", "pid")

    def __init__(self) -> None:
        self.pid = 0
        self._status: int | None = None

    def has_ended(self) -> bool:
        """Return whether it has ended."""
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
                sleep(LOOK_SECONDS)


def _receive(reading: int, child: _Child) -> bytes | None:
    """Return what a process sends; None if it ends before it has sent everything."""
    poller = select.poll()
    poller.register(reading, select.POLLIN)
    ending = _descriptor(child.pid)
    if ending is None:
        return _assemble(reading, lambda: _poll(poller, child))
    poller.register(ending, select.POLLIN)
    try:
        return _assemble(reading, lambda: any(fd == reading for fd, _ in poller.poll()))
    finally:
        os.close(ending)


def _assemble(reading: int, is_readable: Callable[[], bool]) -> bytes | None:
    received = bytearray()
    while is_readable():
        part = os.read(reading, _ROOM)
        received += part
        if not part:
            return None
        if len(received) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(received)
            if len(received) - _LENGTH.size == length:
                return bytes(memoryview(received)[_LENGTH.size :])
    return None  # it has ended, and somebody else still holds the other end


def _poll(poller: select.poll, child: _Child) -> bool:
    """Wait until there is something to read or the process has ended; return whether there is."""
    while not poller.poll(1000 * LOOK_SECONDS):
        if child.has_ended():
            return bool(poller.poll(0))
    return True


def _descriptor(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends, where there are such."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # an old kernel, or a sandbox
            return os.pidfd_open(pid)
    return None


# ----- the side of the process of a run -----------------------------------------------------


def _be_process(execute: Execute, task: Task, writing: int, launcher: int) -> NoReturn:
    """Execute a task, send its outcome, and end."""
    exit_code = 1
    # A collection of garbage would write to each inherited object, and so copy some 150 pages.
    gc.freeze()
    try:
        die_with_parent()
        end_if_asked()
        if os.getppid() != launcher:
            raise Ended  # it was killed before it could be noticed
        multiprocessing.current_process().name = f"Process-{task.index + 1}"
        _send(writing, pack([perform_alone(execute, task)]))
        exit_code = 0 if wait_for_helpers() else 1
    except Ended:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    except BrokenPipeError:
        exit_code = 0  # nobody wants to know
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # closed or replaced by the run
                stream.flush()
        os._exit(exit_code)


def _send(writing: int, data: bytes) -> None:
    if len(data) > _PIPE_BYTES:
        enlarge_pipe(writing, _ROOM)
    data = _LENGTH.pack(len(data)) + data
    sent = os.write(writing, data)
    while sent < len(data):
        sent += os.write(writing, memoryview(data)[sent:])
    os.close(writing)
