"""A real Grid Engine of one node."""

from __future__ import annotations

from tests.clusters.bed import Bed


class GridEngine(Bed):
    """Queue ``all.q`` with 8 slots and parallel environment ``mp``; qsub and its kin work."""

    script = "grid_engine"
    programs = {
        "sge_qmaster": "gridengine-master",
        "sge_execd": "gridengine-exec",
        "qsub": "gridengine-client",
        "ip": "iproute2",
    }
    environment = {"SGE_ROOT": "/var/lib/gridengine", "SGE_CELL": "default"}
