"""Execute runs in the workers of SCOOP 0.7.2, on this host or on others.

Needs ``pip install "pypet[scoop]"``. The script is started by ``python -m scoop script.py``.
"""

from __future__ import annotations

from pypet.interfaces import Scheduler
from pypet.markers import hookimpl
from pypet.plugins.scoop.scheduler import ScoopScheduler


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the scheduler that runs on SCOOP."""
    return [ScoopScheduler]
