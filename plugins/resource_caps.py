"""Start no process for a run while the usage of CPU, memory or swap exceeds its cap.

Needs ``pip install "pypet[monitor]"``. With all caps at 100 percent nothing is measured.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from time import monotonic
from typing import Any, ClassVar, NamedTuple

from pypet.interfaces import AdmissionGate, Option
from pypet.markers import hookimpl
from pypet.options.established import established
from pypet.support.optional import require

_logger = logging.getLogger("pypet")

UNLIMITED = 100.0
CPU_SECONDS = 0.5
"""Maximum age of a measurement of the CPU usage; psutil averages since the previous one."""
MAX_WARNINGS = 10
BYTES_PER_MB = 1024 * 1024


class _Excess(NamedTuple):
    """A measured value above its cap, in percent."""

    what: str
    value: float
    cap: float


class ResourceCaps(AdmissionGate):
    """Measures the usage of the machine before each start of a process."""

    name: ClassVar[str] = "resource_caps"
    requires: ClassVar[tuple[str, ...]] = ("psutil",)
    extra: ClassVar[str | None] = "monitor"
    options: ClassVar[tuple[Option, ...]] = established("cpu_cap", "memory_cap", "swap_cap")

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        memory = options["memory_cap"]
        percent, megabytes = memory if isinstance(memory, tuple) else (memory, 0.0)
        self._cpu_cap = float(options["cpu_cap"])
        self._memory_cap = float(percent)
        self._swap_cap = float(options["swap_cap"])
        self._estimate = float(megabytes) * BYTES_PER_MB
        caps = (self._cpu_cap, self._memory_cap, self._swap_cap)
        self._is_needed = any(cap < UNLIMITED for cap in caps)
        self._cpu = 0.0
        self._cpu_due = 0.0
        self._warns = True
        self._warnings = 0

    def start(self) -> None:
        """Log the caps, if there are any."""
        if self._is_needed:
            _logger.info(
                "Processes start while usage is at most: CPU %.1f %%, memory %.1f %%, swap %.1f %%",
                self._cpu_cap,
                self._memory_cap,
                self._swap_cap,
            )
            self._psutil.cpu_percent()  # later calls measure since this one

    @property
    def admits_all(self) -> bool:
        """Whether there are no caps."""
        return not self._is_needed

    def admits(self, active: int) -> bool:
        """Return whether no cap is exceeded; the first excess is logged."""
        if not self._is_needed:
            return True
        excess = next(self._excesses(active), None)
        if excess is None:
            self._warns = True
            return True
        if self._warns:
            self._warns = False
            self._warn(excess)
        return False

    @property
    def _psutil(self) -> Any:
        return require("psutil", plugin=self.name, extra=self.extra)

    def _excesses(self, active: int) -> Iterator[_Excess]:
        cpu = self._cpu_percent()
        if cpu > self._cpu_cap:
            yield _Excess("CPU", cpu, self._cpu_cap)
        if self._memory_cap < UNLIMITED:
            memory = self._memory_percent(active)
            if memory > self._memory_cap:
                yield _Excess("memory", memory, self._memory_cap)
        if self._swap_cap < UNLIMITED:
            swap = float(self._psutil.swap_memory().percent)
            if swap > self._swap_cap:
                yield _Excess("swap", swap, self._swap_cap)

    def _cpu_percent(self) -> float:
        """Return the usage of all cores, measured at most `CPU_SECONDS` ago."""
        if self._cpu_cap >= UNLIMITED:
            return 0.0
        now = monotonic()
        if now >= self._cpu_due:
            self._cpu = float(self._psutil.cpu_percent())
            self._cpu_due = now + CPU_SECONDS
        return self._cpu

    def _memory_percent(self, active: int) -> float:
        """Return the usage to expect once another process has allocated its memory.

        Active processes may still grow to the estimate, too.
        """
        memory = self._psutil.virtual_memory()
        percent = float(memory.percent)
        if not self._estimate:
            return percent
        share = 100.0 / float(memory.total)
        growth = max(0.0, active * self._estimate - self._used_by_children())
        return percent + (growth + self._estimate) * share

    def _used_by_children(self) -> int:
        """Return the resident memory of the processes that this one started, in bytes."""
        psutil = self._psutil
        used = 0
        for child in psutil.Process(os.getpid()).children():
            try:
                # A fork server shares its memory with the processes of runs.
                used += sum(each.memory_info().rss for each in child.children() or [child])
            except psutil.Error:
                continue  # it has just ended
        return used

    def _warn(self, excess: _Excess) -> None:
        if self._warnings >= MAX_WARNINGS:
            return
        self._warnings += 1
        _logger.warning(
            "No process is started for now: %s usage is %.2f %%, its cap is %.2f %%.", *excess
        )
        if self._warnings == MAX_WARNINGS:
            _logger.warning("Caps stay in force, but this is not logged any more.")


@hookimpl
def pypet_register_admission_gates() -> list[type[AdmissionGate]]:
    """Register the caps of CPU, memory and swap."""
    return [ResourceCaps]
