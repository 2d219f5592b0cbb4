"""Share the storage service of a trajectory among processes that the user starts."""

from __future__ import annotations

import functools
import multiprocessing
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants
from pypet.environment.storage_choice import check_service
from pypet.errors import PluginError, UnknownPluginError
from pypet.interfaces import LogContext
from pypet.manager import get_manager
from pypet.options.established import ESTABLISHED
from pypet.support.processes import effective_start_method
from pypet.trajectory import Trajectory
from pypet.tree.typed_groups import storage_service_of

if TYPE_CHECKING:
    from pypet.interfaces import WrapMode


class MultiprocContext:
    """Makes storing from several processes safe, from `start` to `finalize`.

    Meanwhile the trajectory has a storage service that every process may use that inherits or
    unpickles the trajectory. A pickle of an active context gives a handle with the trajectory and
    the shared service, whose `start` and `finalize` do nothing. Can be used in a ``with`` block::

        with MultiprocContext(traj, wrap_mode="QUEUE"):
            with multiprocessing.Pool(4) as pool:
                pool.map(simulate, traj.f_iter_runs(yields="copy"))

    Parameters
    ----------
    wrap_mode
        How the service is shared; see the option of `Environment`.
    full_copy
        If given, the value to which the trajectory's ``v_full_copy`` is set permanently.
    manager
        Accepted for compatibility; not used and never shut down.
    use_manager
        False leaves a given ``lock`` out of pickles.
    lock, queue
        Used instead of new ones; for PIPE, ``queue`` is a pair of connections.
    queue_maxsize
        Maximum number of messages that wait to be stored; 0 for no limit.
    port, timeout
        For wrap modes with a server.
    gc_interval
        Number of messages after which the storing process collects garbage.
    log_config, log_stdout
        Logging in processes that the context starts; by default it is not configured.
    graceful_exit
        Accepted for compatibility: processes that the context starts always go on storing after an
        interruption from the keyboard.
    start_method
        Start method of processes that the context starts; by default that of
        `multiprocessing.set_start_method`, else fork where it is available.

    Raises
    ------
    TypeError, ValueError
        An argument has a wrong type or value, as for the options of `Environment`.
    """

    def __init__(
        self,
        trajectory: Trajectory,
        wrap_mode: str = pypetconstants.WRAP_MODE_LOCK,
        full_copy: bool | None = None,
        manager: Any = None,
        use_manager: bool = True,
        lock: Any = None,
        queue: Any = None,
        queue_maxsize: int = 0,
        port: Any = None,
        timeout: float | None = None,
        gc_interval: int | None = None,
        log_config: Any = None,
        log_stdout: Any = False,
        graceful_exit: bool = False,
        *,
        start_method: str | None = None,
    ) -> None:
        if not isinstance(trajectory, Trajectory):
            raise TypeError(f"A MultiprocContext is for a Trajectory, not {trajectory!r}.")
        given = {
            "wrap_mode": wrap_mode,
            "queue_maxsize": queue_maxsize,
            "port": port,
            "timeout": timeout,
            "gc_interval": gc_interval,
            "start_method": start_method,
        }
        for name, value in given.items():
            ESTABLISHED[name].validate(value)
        self._trajectory = trajectory
        self._wrap_mode = wrap_mode
        self._full_copy = full_copy
        self._start_method = effective_start_method(start_method)
        self._options: dict[str, Any] = {
            "ncores": os.cpu_count() or 1,
            "queue_maxsize": queue_maxsize,
            "gc_interval": gc_interval,
            "port": port,
            "timeout": timeout,
            "lock": lock,
            "pickle_lock": use_manager or lock is None,
            "queue": queue,
        }
        self._log_options = {"log_config": log_config, "log_stdout": log_stdout}
        self._mode: WrapMode | None = None
        self._wrapper: Any = None
        self._service: Any = None
        self._pid = -1
        self._is_handle = False
        """Whether this was unpickled while the context was active in another process."""

    def __getstate__(self) -> dict[str, Any]:
        """Drop what was started; the trajectory is pickled with its shared service."""
        state = vars(self).copy()
        if self._mode is not None:
            state.update(_mode=None, _service=None, _options={}, _log_options={}, _is_handle=True)
        return state

    def __enter__(self) -> MultiprocContext:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.finalize()

    def start(self) -> None:
        """Store the trajectory's meta data and wrap its service; a second call does nothing.

        Raises
        ------
        RuntimeError
            The wrap mode wraps nothing, or is unknown.
        MissingDependencyError
            The wrap mode is not installed, or a package that it needs.
        ValueError
            The service lives in the main process, and the wrap mode stores elsewhere.
        NoSuchServiceError
            The trajectory has no storage service.
        """
        if self._mode is not None or self._is_handle:
            return
        trajectory = self._trajectory
        chosen = self._chosen()
        check_service(trajectory.v_storage_service, chosen)
        mode = chosen({**self._options, "helper_setup": self._helper_setup()})
        if self._full_copy is not None:
            trajectory.v_full_copy = self._full_copy
        trajectory.f_store(only_init=True)
        service = storage_service_of(trajectory)
        mode.start(service, multiprocessing.get_context(self._start_method))
        self._mode, self._service, self._pid = mode, service, os.getpid()
        self._wrapper = trajectory.v_storage_service = mode.worker_service()

    def finalize(self) -> None:
        """Wait until everything is stored, and restore the service of the trajectory.

        A second call does nothing, nor does a call in another process than that of `start`.

        Raises
        ------
        RuntimeError
            Something was not stored; the message names the runs.
        """
        mode = self._mode
        if mode is None or self._pid != os.getpid():
            return
        try:
            mode.stop()
        finally:
            mode.wait_closed()
            if self._trajectory.v_storage_service is self._wrapper:
                self._trajectory.v_storage_service = self._service
            self._mode = self._wrapper = self._service = None

    f_start = start
    f_finalize = finalize

    def store_references(self, references: Mapping[str, Any]) -> None:
        """Store what ``wrapper.references`` of a child process held, with wrap mode LOCAL.

        Raises
        ------
        RuntimeError
            The wrap mode collects nothing, or something could not be stored.
        """
        try:
            if self._mode is not None:
                self._mode.store_references(references)
                return
        except NotImplementedError:
            pass
        raise RuntimeError(
            f"wrap_mode={self._wrap_mode!r} collects no references that could be stored, or "
            "the context is not active; call this between `start` and `finalize`."
        )

    # ----- parts of the shared service -----------------------------------------------------

    @property
    def lock(self) -> Any:
        """The lock; None without one."""
        return self._part("lock")

    @property
    def queue(self) -> Any:
        """The queue; None without one."""
        return self._part("queue")

    @property
    def pipe(self) -> Any:
        """The pipe; None without one."""
        return self._part("pipe")

    @property
    def lock_wrapper(self) -> Any:
        """The service within a lock; None with other wrap modes."""
        return self._wrapper_with("lock")

    @property
    def queue_wrapper(self) -> Any:
        """The service that sends to a queue; None with other wrap modes."""
        return self._wrapper_with("queue")

    @property
    def pipe_wrapper(self) -> Any:
        """The service that sends through a pipe; None with other wrap modes."""
        return self._wrapper_with("pipe")

    @property
    def reference_wrapper(self) -> Any:
        """The service that collects; None with other wrap modes."""
        return self._wrapper_with("references")

    def _part(self, name: str) -> Any:
        return vars(self._wrapper).get(name) if self._wrapper is not None else None

    def _wrapper_with(self, name: str) -> Any:
        return self._wrapper if self._part(name) is not None else None

    # ----- choices -------------------------------------------------------------------------

    def _chosen(self) -> type[WrapMode]:
        name = self._wrap_mode
        if name is not None and name.upper() != pypetconstants.WRAP_MODE_NONE:
            try:
                return get_manager().wrap_mode(name)
            except UnknownPluginError as error:
                raise RuntimeError(str(error)) from error
            except PluginError as error:
                raise RuntimeError(f"wrap_mode={name!r} cannot be used: {error}") from error
        raise RuntimeError(
            f"wrap_mode={name!r} wraps nothing, so there is nothing to start; choose another one, "
            "or leave out the context if the storage service is safe to share."
        )

    def _helper_setup(self) -> Any:
        if self._log_options["log_config"] is None and not self._log_options["log_stdout"]:
            return None
        context = LogContext.of(self._trajectory, "")
        return functools.partial(_configure_logging, self._log_options, context)


def _configure_logging(options: Mapping[str, Any], context: LogContext) -> None:
    """Configure logging in a process that a wrap mode started."""
    defaults = {name: option.default for name, option in ESTABLISHED.items()}
    for setup in get_manager().logging_setups():
        setup({**defaults, **options}).start_worker(context)
