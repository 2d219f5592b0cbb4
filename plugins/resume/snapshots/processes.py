"""Which process something comes from, so that another one can find out whether it still runs.

Process ids are used again, so the moment at which a process started belongs to its identity. Linux
gives it in ticks of the clock since the machine was started, which no change of the time moves.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_START_FIELD = 22 - 3
"""Index of ``starttime`` behind the name of the program, which ends with the last bracket."""
_BTIME = "btime"


class ProcessIdentity(NamedTuple):
    """A process of some host. ``_asdict()`` can be written as JSON and `from_mapping` reads it.

    Notes
    -----
    ``man 5 proc``: field 22 of ``/proc/<pid>/stat``, ``/proc/stat``, and
    ``/proc/sys/kernel/random/boot_id``.
    """

    host: str
    pid: int
    start_ticks: int | None
    """When it started, in ticks since the machine did; None where only psutil may know."""
    boot_id: str | None
    """Changes whenever the machine is started; None where that is not known."""
    started: float | None
    """When it started, in seconds since the epoch, exact to about a second; None if unknown."""

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> ProcessIdentity:
        """Return what a JSON header has; fields of later versions are left out."""
        return cls(*(fields[name] for name in cls._fields))


def identify_process(pid: int | None = None) -> ProcessIdentity:
    """Return the identity of a process of this host, by default of this process.

    Raises
    ------
    ProcessLookupError
        There is no such process.
    """
    number = os.getpid() if pid is None else pid
    ticks = _start_ticks(number)
    started = _epoch_of(ticks) if ticks is not None else _started_by_psutil(number)
    return ProcessIdentity(platform.node(), number, ticks, _boot_id(), started)


def is_running(process: ProcessIdentity) -> bool | None:
    """Return whether a process is alive; None if that is not known here, as on another host.

    A process that ended but was not waited for counts as alive.
    """
    if process.host != platform.node():
        return None
    if process.boot_id != _boot_id():
        return False
    try:
        present = identify_process(process.pid)
    except ProcessLookupError:
        return False
    if None not in (process.start_ticks, present.start_ticks):
        return process.start_ticks == present.start_ticks
    if process.started is not None and present.started is not None:
        return abs(process.started - present.started) < 2
    return None


def _start_ticks(pid: int) -> int | None:
    if not os.path.isdir("/proc/self"):
        return None
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError) as error:
        raise ProcessLookupError(f"There is no process {pid} on {platform.node()}.") from error
    return int(stat.rpartition(b")")[2].split()[_START_FIELD])


def _epoch_of(ticks: int) -> float | None:
    """Return a point in time in seconds since the epoch."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, _, seconds = line.partition(" ")
        if name == _BTIME:
            return int(seconds) + ticks / float(os.sysconf("SC_CLK_TCK"))
    return None


def _boot_id() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _started_by_psutil(pid: int) -> float | None:
    try:
        import psutil
    except ImportError:
        return None
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess as error:
        raise ProcessLookupError(f"There is no process {pid} on {platform.node()}.") from error
