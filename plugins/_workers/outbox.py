"""Outcomes that a worker has not reported yet, within reach of the main process.

Workers gather the outcomes of short runs, because a message for each takes as long as a part of the
run. But the next run of the batch may take hours, and during it a worker can do nothing: the run
may keep the interpreter lock in C code, fork, or use signals, so neither a thread nor a timer would
be reliable. So what a worker gathers is also in a pipe, which wakes nobody. The main process reads
it when it has heard nothing from the worker for a while, and when the worker has died.

Each outcome is counted once: it belongs to whoever reads it from the pipe. Before a worker reports
it reads its pipe itself, and leaves out of the report what is not there any more. Systems execute
one read of a pipe after the other, each as a whole.
"""

from __future__ import annotations

import os
import struct
import sys
from bisect import bisect_right
from contextlib import suppress
from multiprocessing import reduction
from typing import Any, NamedTuple

from pypet.support.buffers import enlarge_pipe

IS_AVAILABLE = sys.platform != "win32"
"""Whether there are pipes that can be read without waiting. Otherwise no outcome is gathered."""

_FRAME = struct.Struct("<QI")
"""Begins each outcome: the number of its task, and how many bytes follow."""
_PIPE_BYTES = 1 << 18
_MAX_BYTES = 1 << 15
"""Larger outcomes are reported at once: a message costs little in comparison."""


class HeldOutcome(NamedTuple):
    """One outcome of the outbox."""

    number: int
    """That of its task."""
    data: memoryview
    """The outcome, serialized."""


class Outbox:
    """A pipe whose two ends both the worker and the main process have.

    Can be inherited, and pickled as an argument of a process.
    """

    def __init__(self) -> None:
        self._reading = self._writing = -1
        self._forget()
        if IS_AVAILABLE:
            self._reading, self._writing = os.pipe()
            self._set_up()
            enlarge_pipe(self._writing, _PIPE_BYTES)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # never made, or at the end of the interpreter
            for descriptor in (self._reading, self._writing):
                if descriptor >= 0:
                    os.close(descriptor)

    def __getstate__(self) -> Any:
        if not IS_AVAILABLE:
            return None
        return reduction.DupFd(self._reading), reduction.DupFd(self._writing)

    def __setstate__(self, duplicates: Any) -> None:
        self._reading = self._writing = -1
        self._forget()
        if duplicates is not None:
            self._reading, self._writing = (each.detach() for each in duplicates)
            self._set_up()

    def _set_up(self) -> None:
        for descriptor in (self._reading, self._writing):
            os.set_inheritable(descriptor, False)
            os.set_blocking(descriptor, False)

    def _forget(self) -> None:
        self._written = 0
        self._ends: list[int] = []
        """Where the outcomes end that were put in, in bytes since the outbox was last empty."""
        self._is_torn = False
        """Only the beginning of an outcome was read."""

    # ----- in the worker --------------------------------------------------------------------

    def put(self, number: int, data: bytes) -> bool:
        """Add an outcome; False if there is no space, then everything has to be reported now."""
        if self._writing < 0 or len(data) > _MAX_BYTES:
            return False
        frame = _FRAME.pack(number, len(data)) + data
        try:
            written = os.write(self._writing, frame)
        except BlockingIOError:
            return False
        self._written += written
        if written < len(frame):
            return False
        self._ends.append(self._written)
        return True

    def withdraw(self) -> int:
        """Empty the outbox; return how many outcomes, the first ones, the main process has read."""
        if not self._written:
            return 0
        taken = bisect_right(self._ends, self._written - len(self._read(self._written)))
        self._forget()
        return taken

    # ----- in the main process --------------------------------------------------------------

    def take(self) -> list[HeldOutcome]:
        """Return the outcomes in the outbox, which are not reported then, in order."""
        if self._is_torn or self._reading < 0:
            return []
        data = memoryview(self._read(_PIPE_BYTES))
        taken = []
        while len(data) >= _FRAME.size:
            number, length = _FRAME.unpack_from(data)
            end = _FRAME.size + length
            if end > len(data):
                break
            taken.append(HeldOutcome(number, data[_FRAME.size : end]))
            data = data[end:]
        self._is_torn = bool(data)
        return taken

    def note_report(self) -> None:
        """Expect whole outcomes again: the worker has reported, so it had emptied the outbox."""
        self._is_torn = False

    def reset(self) -> None:
        """Empty the outbox, for another worker."""
        if self._reading >= 0:
            self._read(_PIPE_BYTES)
        self._forget()

    def _read(self, size: int) -> bytes:
        try:
            return os.read(self._reading, size)
        except BlockingIOError:
            return b""
