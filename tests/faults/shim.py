"""Recording what processes do to the files of a folder, and letting it fail.

`shim.c` is compiled and preloaded into a program; see there for what it does. Here are its
variables, the memory that it shares with the processes, and its log.
"""

from __future__ import annotations

import ctypes
import enum
import functools
import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

SOURCE = Path(__file__).with_name("shim.c")
FLAGS = ("-shared", "-fPIC", "-O2", "-Wall", "-Wno-nonnull-compare", "-Wno-format-truncation")

_FIELDS = (
    *("capacity", "used", "sequence", "overflow", "main_pid"),
    *("seen", "given", "quota", "quota_used", "is_ready"),
)
_LOG_START = 4096
_HEADER = struct.Struct("<4I6q")
LOG_BYTES = 1 << 30
"""DiskSpace for the log; the file that it is in has holes where nothing was written."""
HALF = -1
"""In place of an error: a call writes half of the bytes."""


class Kind(enum.IntEnum):
    """What a process did; the numbers are those of shim.c."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    ALLOCATE = 4
    SYNC = 5
    LINK = 6
    RENAME = 7
    UNLINK = 8
    MARK = 9
    FAULT = 10


class Flag(enum.IntFlag):
    """What else is to be said of an operation; the numbers are those of shim.c."""

    NAMELESS = 1
    FOLDER = 2
    FAILED = 4
    EVERYTHING = 8


class Operation(NamedTuple):
    """One change of a file or folder, or something else that the log has."""

    kind: Kind
    flags: Flag
    path: str
    """Of a mark: its text."""
    other: str
    """The new path, if it is renamed."""
    sequence: int
    pid: int
    inode: int
    offset: int
    """In bytes; of a fault: how many calls there were that could fail, with this one."""
    length: int
    """Of what is written, or of the file afterwards; of a fault: the number of the error."""
    data: bytes


class Fault(NamedTuple):
    """Which calls fail, and how."""

    calls: str
    """Names with commas between them: open, write, truncate, allocate, sync, link, rename,
    unlink, mkdir."""
    at: int
    """The first one that does, counted from 1."""
    error: int
    """An `errno`, or `HALF`."""
    times: int = 1
    """How many do; 0 is all that follow."""
    role: int = 0
    """1: only calls of the first process; 2: only of others; 0: of all."""


def why_not() -> str | None:
    """Return why nothing can be preloaded here, None if it can."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        return "preloads a library, which is written for Linux on 64 bits"
    if shutil.which("cc") is None:
        return "compiles a library, and there is no C compiler (cc)"
    return None


def compiled(folder: Path) -> Path:
    """Compile the library into a folder, and return its path."""
    library = folder / "shim.so"
    command = ["cc", *FLAGS, "-o", str(library), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True)
    return library


class Recording:
    """The memory that is shared with the processes of one program, and their log.

    To be used in a ``with`` block. ``state`` is the path of a new file, outside of ``folder``,
    which may not contain links.
    """

    def __init__(
        self,
        library: Path,
        folder: Path,
        state: Path,
        *,
        fault: Fault | None = None,
        quota: int = -1,
    ) -> None:
        self._variables = {
            "LD_PRELOAD": str(library),
            "SHIM_FOLDER": str(folder.resolve()),
            "SHIM_STATE": str(state),
        }
        if fault is not None:
            self._variables |= {
                "SHIM_FAULT_CALLS": fault.calls,
                "SHIM_FAULT_AT": str(fault.at),
                "SHIM_FAULT_ERROR": str(fault.error),
                "SHIM_FAULT_TIMES": str(fault.times),
                "SHIM_FAULT_ROLE": str(fault.role),
            }
        self._path = state
        with state.open("wb+") as file:
            file.truncate(_LOG_START + LOG_BYTES)
            self._memory = mmap.mmap(file.fileno(), _LOG_START + LOG_BYTES)
        self._set("capacity", LOG_BYTES)
        self.quota = quota
        self._set("quota_used", sum(each.stat().st_size for each in files_below(folder)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._memory.close()
        self._path.unlink()

    def environment(self) -> dict[str, str]:
        """Return the variables of a program that is to be recorded."""
        return {**os.environ, **self._variables}

    @property
    def calls(self) -> int:
        """How many calls there were that could fail."""
        return self._get("seen")

    @property
    def faults(self) -> int:
        """How many of them did."""
        return self._get("given")

    @property
    def quota(self) -> int:
        """Bytes that all files of the folder together may have, -1 without a limit."""
        return self._get("quota")

    @quota.setter
    def quota(self, quota: int) -> None:
        self._set("quota", quota)

    def operations(self) -> Iterator[Operation]:
        """Yield what was done, in its order."""
        if self._get("overflow"):
            raise RuntimeError("the log of the shim was full")
        place, end = _LOG_START, _LOG_START + self._get("used")
        memory = self._memory
        while place < end:
            kind, flags, path_size, other_size, *numbers, size = _HEADER.unpack_from(memory, place)
            start = place + _HEADER.size
            path = os.fsdecode(memory[start : start + path_size])
            start += path_size
            other = os.fsdecode(memory[start : start + other_size])
            start += other_size
            data = memory[start : start + size]
            yield Operation(Kind(kind), Flag(flags), path, other, *numbers, data)
            whole = start + size - place
            place += (whole + 7) & ~7

    def _get(self, name: str) -> int:
        return int(struct.unpack_from("<q", self._memory, 8 * _FIELDS.index(name))[0])

    def _set(self, name: str, number: int) -> None:
        struct.pack_into("<q", self._memory, 8 * _FIELDS.index(name), number)


def files_below(folder: Path) -> list[Path]:
    """Return the ordinary files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def mark(text: str) -> None:
    """Note in the log what the program knows, or has told its user; without a shim do nothing."""
    function = _mark_function()
    if function is not None:
        function(text.encode())


@functools.cache
def _mark_function() -> ctypes._NamedFuncPointer | None:
    return getattr(ctypes.CDLL(None), "shim_mark", None)
