"""Sharing a trajectory's storage service among processes that one starts oneself."""

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

if TYPE_CHECKING:
    from pypet.interfaces import WrapMode


class MultiprocContext:
    """Makes storing from several processes safe, from `start` to `finalize`.

    Meanwhile the trajectory has a storage service that any process may use that inherits the
    trajectory or unpickles it. A pickle of an active context gives a handle: it has the trajectory
    with the shared service, and `start` and `finalize` do nothing. Works as a context manager,
    too::

        with MultiprocContext(traj, wrap_mode="QUEUE"):
            with multiprocessing.Pool(4) as pool:
                pool.map(simulate, traj.f_iter_runs(yields="copy"))

    Parameters
    ----------
    wrap_mode
        How the service is shared, see the option of `Environment`.
    full_copy
        If given, the trajectory's ``v_full_copy`` is set to it, for good.
    manager
        Accepted for scripts that have one; nothing here needs it, and it is never shut down.
    use_manager
        False leaves a ``lock`` that was given out of pickles.
    lock, queue
        Used instead of own ones; for PIPE, ``queue`` is a pair of connections.
    queue_maxsize
        How many messages may wait to be stored; 0 for any number.
    port, timeout
        For wrap modes with a server.
    gc_interval
        Collect garbage after every n-th message, where data is stored.
    log_config, log_stdout
        Logging in processes that this starts; by default nothing is configured there.
    graceful_exit
        Accepted for scripts that set it: processes that this starts always go on storing after an
        interruption from the keyboard.
    start_method
        How processes that this starts are started; by default as the program has chosen with
        `multiprocessing.set_start_method`, else forked where that is possible.

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
        """Leave what was started in this process; the trajectory takes its shared service along."""
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
        """Store the trajectory's meta data and wrap its service; does nothing if that is done.

        Raises
        ------
        RuntimeError
            The wrap mode wraps nothing, or nobody knows it.
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
        service = trajectory.v_storage_service
        mode.start(service, multiprocessing.get_context(self._start_method))
        self._mode, self._service, self._pid = mode, service, os.getpid()
        self._wrapper = trajectory.v_storage_service = mode.worker_service()

    def finalize(self) -> None:
        """Wait until everything is stored, and give the trajectory its service back.

        Does nothing if it was done, and in processes other than the one that called `start`.

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
        store = getattr(self._mode, "store_references", None)
        if store is None:
            raise RuntimeError(
                f"wrap_mode={self._wrap_mode!r} collects no references that could be stored, or "
                "the context is not active; call this between `start` and `finalize`."
            )
        store(references)

    # ----- what there is -------------------------------------------------------------------

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
