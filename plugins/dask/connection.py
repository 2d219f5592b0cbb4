"""The client of a Dask cluster, and the cluster itself where it is ours."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import tempfile
from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pypet.errors import WorkerDiedError
from pypet.support.optional import require
from pypet.support.processes import MAIN_GUARD_ADVICE

if TYPE_CHECKING:
    from concurrent.futures import Future

NAME = "dask"
EXTRA = "dask"
OPTION = "dask_address"
CLOSE_SECONDS = 5.0
"""How long workers of a local cluster may take to end before they are killed."""


class Connection:
    """A client of a Dask scheduler.

    ``address`` is what the option says: an address, a client or a cluster of the user, which is
    left alone, or None for a local cluster of ``ncores`` workers, which `close` ends.

    Raises
    ------
    ConnectionError
        There is no answer from the address.
    WorkerDiedError
        The local cluster does not come up.
    """

    def __init__(self, address: Any, ncores: int) -> None:
        self._ours = contextlib.ExitStack()
        try:
            self.client: Any = self._connect(address, ncores)
        except BaseException:
            self._ours.close()
            raise

    @property
    def is_own_cluster(self) -> bool:
        """Whether the cluster was started here."""
        return self._cluster is not None

    @property
    def address(self) -> str:
        """Where the Dask scheduler is."""
        scheduler = getattr(self.client, "scheduler", None)
        return str(getattr(scheduler, "address", "") or "an unknown address")

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Schedule a coroutine in the event loop of the client; returns immediately."""
        import asyncio  # 60 modules, which every forked process would inherit

        return asyncio.run_coroutine_threadsafe(coroutine, self.client.loop.asyncio_loop)

    def close(self) -> None:
        """End what was started here; safe to call twice."""
        self._ours.close()

    def _connect(self, address: Any, ncores: int) -> Any:
        distributed = require("distributed", plugin=NAME, extra=EXTRA)
        self._cluster: Any = None
        if isinstance(address, distributed.Client):
            return address
        if address is None:
            address = self._cluster = self._start_cluster(distributed, ncores)
        try:
            client = distributed.Client(address, set_as_default=False)
        except OSError as error:
            raise ConnectionError(
                f"{OPTION}={address!r}: no Dask scheduler answers there ({error}). Start one by "
                "`dask scheduler`, or leave the option out for a local cluster."
            ) from error
        self._ours.callback(client.close, timeout=CLOSE_SECONDS)
        return client

    def _start_cluster(self, distributed: Any, ncores: int) -> Any:
        folder = self._ours.enter_context(
            tempfile.TemporaryDirectory(prefix="pypet-dask-", ignore_cleanup_errors=True)
        )
        config = require("dask.config", plugin=NAME, extra=EXTRA)
        try:
            with config.set({"temporary-directory": folder}):  # of the scheduler
                cluster = distributed.LocalCluster(
                    n_workers=ncores,
                    threads_per_worker=1,  # a trajectory is in one run at a time
                    processes=True,
                    host="127.0.0.1",
                    security=True,  # others on this machine must not be able to send it code
                    memory_limit=0,
                    dashboard_address="127.0.0.1:0",
                    worker_dashboard_address="127.0.0.1:0",
                    local_directory=folder,
                    silence_logs=logging.ERROR,
                    preload=["pypet.plugins.dask.remote"],
                )
        except RuntimeError as error:
            raise WorkerDiedError(
                f"A local Dask cluster of {ncores} workers did not come up: {error}. "
                f"{MAIN_GUARD_ADVICE}"
            ) from error
        self._ours.callback(cluster.close, timeout=CLOSE_SECONDS)
        return cluster


def check_address(address: Any) -> None:
    """Raise unless a value can be the option.

    Raises
    ------
    ValueError
        It is none of an address, a client and a cluster, or one that cannot be used.
    """
    if address is None:
        return
    if isinstance(address, str):
        if not urlsplit(address if "://" in address else f"tcp://{address}").hostname:
            raise ValueError(f"{OPTION}={address!r} is not an address like 'tcp://10.0.0.1:8786'.")
        return
    distributed = require("distributed", plugin=NAME, extra=EXTRA)
    if not isinstance(address, distributed.Client) and not hasattr(address, "scheduler_address"):
        raise ValueError(
            f"{OPTION}={address!r}: give the address of a Dask scheduler, a distributed.Client, a "
            "cluster such as dask_jobqueue.SLURMCluster, or None for a local cluster."
        )
    if getattr(address, "asynchronous", False):
        raise ValueError(
            f"{OPTION}={address!r} is asynchronous, for use in a coroutine; make it without "
            "asynchronous=True."
        )
    status = getattr(address, "status", None)
    if getattr(status, "name", status) in ("closed", "closing", "failed"):
        raise ValueError(f"{OPTION}={address!r} is closed: make a new one.")


def is_on_this_host(address: Any) -> bool:
    """Return whether all workers are surely on this host: those of a local cluster are."""
    if address is None:
        return True
    if isinstance(address, str):
        return False
    distributed = require("distributed", plugin=NAME, extra=EXTRA)
    cluster = address.cluster if isinstance(address, distributed.Client) else address
    if not isinstance(cluster, distributed.LocalCluster):
        return False
    host = urlsplit(cluster.scheduler_address).hostname or ""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False  # in this process, where runs cannot be executed anyway


def is_encrypted(address: Any) -> bool:
    """Return whether all connections of the cluster are surely encrypted, as in a local one."""
    if address is None:
        return True
    if not isinstance(address, str):
        place = getattr(address, "scheduler_address", None)  # of a cluster
        if place is None:
            place = getattr(getattr(address, "scheduler", None), "address", "")  # of a client
        address = str(place)
    return bool(address.startswith("tls://"))


def count_workers(options: Mapping[str, Any]) -> int:
    """Return how many workers the cluster of the user has now.

    Raises
    ------
    ConnectionError
        There is no answer from the address.
    """
    connection = Connection(options[OPTION], 0)
    try:
        return len(connection.client.nthreads())
    finally:
        connection.close()


def describe(address: Any) -> str:
    """Return what the config of the trajectory says about the option."""
    if address is None:
        return f"{NAME} (local cluster)"
    if isinstance(address, str):
        return f"{NAME} ({address})"
    kind = type(getattr(address, "cluster", None) or address)
    return f"{NAME} ({kind.__module__}.{kind.__qualname__})"
