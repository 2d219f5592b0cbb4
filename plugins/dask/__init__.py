"""Execute runs by Dask: on this machine, or on a cluster that Dask has workers on.

`connection` finds or starts the cluster, `scheduler` submits batches of runs to it, `remote` is
what happens in Dask's own processes.
"""

from __future__ import annotations

from pypet.interfaces import Scheduler
from pypet.markers import hookimpl
from pypet.plugins.dask.scheduler import DaskScheduler


@hookimpl
def pypet_register_schedulers() -> list[type[Scheduler]]:
    """Register the scheduler that uses Dask."""
    return [DaskScheduler]
