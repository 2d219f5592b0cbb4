"""A cluster of Dask on this machine."""

from __future__ import annotations


def make_cluster(distributed, folder, n_workers=2, **options):
    """Return a cluster of worker processes with everything that it stores in ``folder``."""
    import dask.config

    with dask.config.set({"temporary-directory": str(folder)}):
        return distributed.LocalCluster(
            **{
                "n_workers": n_workers,
                "threads_per_worker": 1,
                "processes": True,
                "dashboard_address": "127.0.0.1:0",
                "worker_dashboard_address": "127.0.0.1:0",
                "local_directory": str(folder),
                "silence_logs": 50,
                **options,
            }
        )
