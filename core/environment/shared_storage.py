"""The storage of parallel runs: a wrap mode that is active during one pass."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.context import BaseContext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from pypet.environment.guards import GuardedWrapMode
from pypet.environment.origin import Origin
from pypet.environment.storage_choice import check_service
from pypet.interfaces import (
    LogContext,
    LoggingSetup,
    Outcome,
    StorageService,
    WrapMode,
    without_adapter,
)
from pypet.support.processes import effective_start_method
from pypet.tree.typed_groups import attached_service, storage_service_of

if TYPE_CHECKING:
    from pypet.environment.plugin_set import PluginSet
    from pypet.trajectory import Trajectory

_logger = logging.getLogger("pypet")


class SharedStorage:
    """Shares the storage service of a trajectory with workers, in a ``with`` block.

    Within the block the trajectory has the service that the wrap mode gives to the main process.
    Without a mode the service is not wrapped, as several processes can use it at once.
    """

    def __init__(
        self, trajectory: Trajectory, mode: GuardedWrapMode | None, context: BaseContext
    ) -> None:
        self._trajectory = trajectory
        self._service = storage_service_of(trajectory)
        self._mode = mode
        self._context = context
        self.loss: Exception | None = None
        """Why data of runs that were reported as finished is lost; the attribute ``runs`` has their
        indices. Set at the end of the block if that ends by another error; else this one is
        raised."""

    def __enter__(self) -> Self:
        if self._mode is not None:
            # Again: the trajectory may have another service than when the environment was made.
            check_service(self._service, self._mode.kind)
            try:
                self._mode.start(self._service, self._context)
                self._trajectory.v_storage_service = self._mode.main_service()
            except BaseException:
                self._stop(is_failing=True)
                raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop(is_failing=exc_value is not None)

    @property
    def stores_here(self) -> bool:
        """Whether only the main process stores data of runs."""
        return self._mode is not None and self._mode.stores_in_main_process

    @property
    def url(self) -> str | None:
        """Where a server of the wrap mode listens, in the block; None if there is none."""
        return None if self._mode is None else self._mode.url

    def worker_service(self) -> StorageService:
        """Return the service for workers."""
        return self._service if self._mode is None else self._mode.worker_service()

    def collector(self) -> Callable[[Trajectory], Any]:
        """Return the function that collects in a worker what travels home."""
        return WrapMode.collect if self._mode is None else self._mode.kind.collect

    def accept(self, outcome: Outcome) -> None:
        """Accept the data that came with an outcome; raises if it cannot be stored."""
        if self._mode is not None:
            self._mode.accept(outcome)

    def check(self) -> None:
        """Raise if a helper of the wrap mode has died."""
        if self._mode is not None:
            self._mode.check()

    def store_run_table(self, trajectory: Trajectory) -> bool:
        """Store rows of the run table; see `WrapMode.store_run_table`."""
        return self._mode is not None and self._mode.store_run_table(trajectory)

    @property
    def has_stored_run_table(self) -> bool:
        """Whether all rows of `store_run_table` are known to be stored; valid after the block."""
        return self._mode is None or self._mode.has_stored_run_table

    def wait_closed(self) -> None:
        """Wait until the helpers of the wrap mode are gone; after the block."""
        if self._mode is not None:
            self._mode.wait_closed()

    def _stop(self, *, is_failing: bool) -> None:
        """Restore the service of the trajectory and wait until everything is stored.

        With ``is_failing`` the block ends by an error, which must not be replaced by another.
        """
        self._trajectory.v_storage_service = self._service
        if self._mode is None:
            return
        try:
            self._mode.stop()
        except Exception as error:
            if not is_failing:
                raise
            self.loss = error
            _logger.exception("After the error that follows, data of runs was lost, too.")


def share_storage(
    trajectory: Trajectory, plugins: PluginSet, environment_name: str
) -> SharedStorage | None:
    """Return the shared storage of parallel runs; None if runs are executed here."""
    if plugins.wrap_mode is None:
        return None
    options = plugins.options
    names = LogContext.of(trajectory, environment_name)
    setup = partial(_log_in_helper, plugins.logging, names)
    service = storage_service_of(trajectory)
    mode = None
    if not plugins.shares_directly(service):
        # Again, like `check_service`: it may be another service by now.
        plugins.check_workers_of(service)
        mode = GuardedWrapMode.around(
            Origin.of(plugins.wrap_mode, plugins.manager),
            partial(plugins.wrap_mode, {**plugins.wrap_mode_options, "helper_setup": setup}),
        )
    _note_protection(service, mode, plugins)
    context = multiprocessing.get_context(effective_start_method(options["start_method"]))
    return SharedStorage(trajectory, mode, context)


def _note_protection(service: StorageService, mode: WrapMode | None, plugins: PluginSet) -> None:
    """Log once what the user may not expect of storage service and wrap mode."""
    shown = service.name or type(without_adapter(service)).__name__
    level, text = logging.INFO, ""
    if mode is None:
        text = f"Storage service {shown!r} needs no wrap mode: it is safe for many processes."
        if "wrap_mode" in plugins.options.given and getattr(plugins.wrap_mode, "protects", True):
            text = (
                f"wrap_mode={plugins.options['wrap_mode']!r} is not used: storage service "
                f"{shown!r} is safe for many processes by itself (multiproc_safe). "
                "force_wrap_mode=True uses the wrap mode all the same."
            )
    elif not mode.protects and not service.multiproc_safe and service.keeps_data:
        found = plugins.manager.registered(type(service))
        if found is not None and found.entry.builtin:
            level = logging.WARNING
            text = (
                f"wrap_mode={mode.name!r} lets all workers use storage service {shown!r} at the "
                "same time, although it is not safe for many processes: data may get lost. Choose "
                "another wrap mode, unless something else keeps the workers apart."
            )
    if text and text not in plugins.noted:
        plugins.noted.add(text)
        _logger.log(level, "%s", text)


def kept_open(
    trajectory: Trajectory, storage: SharedStorage | None = None
) -> AbstractContextManager[Any]:
    """Keep the storage open for many messages.

    Not while others than the main process open it, too.
    """
    service = attached_service(trajectory)
    if service is None or (storage is not None and not storage.stores_here):
        return nullcontext()
    return service.kept_open(trajectory.v_name)


def _log_in_helper(setups: Sequence[LoggingSetup], context: LogContext) -> None:
    """Set up logging in a process that a wrap mode started."""
    for setup in setups:
        setup.start_worker(context)
