"""Everything that depends on the inner structure of SCOOP 0.7.2, its last release.

Three things: whether SCOOP has started this process; patches of faults of SCOOP; and the `Link` of
the main process to the workers. Processes of SCOOP are running when pypet is first imported there,
so patches replace nothing that they have begun to use: only settings that they read again, and
names in modules.

The broker of SCOOP is used to find workers, and for nothing else: it does not notice workers that
are gone, and ends as soon as it has something for one. Batches go straight to a worker, over the
connection on which workers return results anyway, so that the main process knows who has what.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shlex
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from pypet.errors import WorkerDiedError
from pypet.support.optional import require
from pypet.support.processes import MAIN_GUARD_ADVICE, main_script

EXTRA = "scoop"
MAIN = "__main__"
WORKER_MAIN = "SCOOP_WORKER"
"""Name under which workers import the main script."""
TASK = b"T"
"""Type of messages with a future to execute."""
REPLY = b"RP"
"""Type of messages with a future that has ended."""
STATUS_ANSWER, STATUS_GIVEN = b"SA", b"G"
"""Type and value of the answer that a worker has a future; other workers ignore it."""

_STATUS_REPORT_SECONDS = 10**8
_WORKERS_IN_EXAMPLE = 4


# ----- how this process was started ---------------------------------------------------------


def require_scoop() -> None:
    """Raise unless SCOOP is installed.

    Raises
    ------
    MissingDependencyError
        It is not.
    """
    require("scoop", plugin="scoop", extra=EXTRA)


def reason_against_scoop() -> str | None:
    """Return why this process cannot give runs to SCOOP; None if it can.

    Raises
    ------
    ValueError
        This is a worker that imports a main script without guard.
    """
    import scoop

    if not getattr(scoop, "IS_RUNNING", False) or multiprocessing.parent_process() is not None:
        return "this process was not started by SCOOP"
    if not getattr(scoop, "IS_ORIGIN", False):
        if _is_importing():
            raise ValueError(
                "A worker of SCOOP that imports the main script has reached an environment, "
                f"which it must not make again. {MAIN_GUARD_ADVICE}"
            )
        return "this process is a worker of SCOOP, and only its main process hands out runs"
    if scoop.CONFIGURATION.get("backend", "ZMQ") != "ZMQ":
        return "SCOOP was started with --backend TCP, and only its default backend ZMQ is supported"
    return None


def number_of_workers() -> int:
    """Return how many workers SCOOP was asked for."""
    import scoop

    return int(getattr(scoop, "SIZE", 1))


def launch_command() -> str:
    """Return the command that starts the present script by SCOOP."""
    script = main_script() or "script.py"
    arguments = shlex.join([os.path.relpath(script), *sys.argv[1:]])
    return f"python -m scoop -n {_WORKERS_IN_EXAMPLE} {arguments}"


def _is_importing() -> bool:
    """Return whether this worker has no connection yet: it imports the main script before."""
    control = sys.modules.get("scoop._control")
    return control is None or control.execQueue is None


# ----- patches ------------------------------------------------------------------------------


def stop_status_reports() -> None:
    """Stop the thread that reports to the broker which futures are under way.

    It uses a socket that the main thread uses as well, which ZeroMQ forbids: the process aborts if
    both do at the same moment. It also iterates over a set that the main thread changes, and
    leaves out the future that is being executed, which the broker then counts as lost. Lost runs
    are found in another way, see `pypet.plugins.scoop.worker_registry.WorkerRegistry`.
    """
    import scoop

    scoop.TIME_BETWEEN_STATUS_REPORTS = _STATUS_REPORT_SECONDS


class _SparingRequests:
    """Requests a future from the broker, but not after one that did not come from there."""

    def __init__(self, request: Callable[[], None]) -> None:
        self._request = request
        self.is_due = True

    def __call__(self) -> None:
        if self.is_due:
            self._request()
        self.is_due = True


def limit_requests() -> None:
    """Keep one request of this worker at the broker, instead of one more after each batch.

    The broker keeps all requests, and serves them with what the main script itself submits.
    """
    from scoop import _control

    queue: Any = _control.execQueue
    if not isinstance(queue.requestFuture, _SparingRequests):
        queue.requestFuture = _SparingRequests(queue.requestFuture)


def note_direct_future() -> None:
    """Take note that the present future did not come from the broker.

    It used up no request, so none has to follow it. And if it waits for futures of its own, SCOOP
    must not ask the broker for it, which would count it as lost.
    """
    import scoop

    control: Any = getattr(scoop, "_control", None)
    queue = None if control is None else control.execQueue
    if queue is None:
        return
    queue.inprogress.add(control.current)
    if isinstance(queue.requestFuture, _SparingRequests):
        queue.requestFuture.is_due = False


def end_silent_connections(port: int, seconds: float) -> None:
    """Close connections to a port of this process when the other side is silent for ``seconds``.

    A host that vanishes does not close its connections, and SCOOP does not configure ZeroMQ to
    notice. They would end after the timeout of the system, a quarter of an hour on Linux; outside
    Linux they still do. Later connections inherit the setting from the listening socket.
    """
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for each in _own_sockets():
        if each.type == socket.SOCK_STREAM and each.getsockname()[1:2] == (port,):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(1000 * seconds))


def _own_sockets() -> Iterator[socket.socket]:
    """Yield the internet sockets of this process, whoever opened them."""
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            copy = os.dup(int(name))
        except OSError:  # closed meanwhile
            continue
        with socket.socket(fileno=copy) as own:
            if own.family in (socket.AF_INET, socket.AF_INET6):
                yield own


def name_main_script() -> None:
    """Give what the main script defines the same full name in workers as in the main process.

    Otherwise classes of parameters and results would be stored under another name there, and what
    runs return would be pickled by a name that the main process does not know.
    """
    module = sys.modules.get(WORKER_MAIN)
    if isinstance(module, ModuleType):
        adopt(module)


def adopt(module: ModuleType) -> None:
    """Move what a module defines to the module of the main script, so that pickles find it."""
    main = sys.modules[MAIN]
    for name, thing in list(vars(module).items()):
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        try:
            thing.__module__ = MAIN
        except (AttributeError, TypeError):  # an object without attributes of its own
            continue
        if not hasattr(main, name):
            setattr(main, name, thing)


def know_worker_names() -> None:
    """Make the main process unpickle names of the main script as workers import it."""
    sys.modules.setdefault(WORKER_MAIN, sys.modules[MAIN])


# ----- the link to workers ------------------------------------------------------------------


class Answer(NamedTuple):
    """The result of a call: its ``number``, and what it returned or raised."""

    number: int
    value: Any
    error: BaseException | None


_ended: deque[Any] = deque()
"""Futures that have ended. A global, because SCOOP pickles futures with their callbacks."""


def note_end(future: Any) -> None:
    """Take note of a future that has ended; called by SCOOP."""
    _ended.append(future)


class Link:
    """Calls functions in workers; one in a process, for SCOOP has one connection.

    May be used by the thread that executes the main script. Connections to hosts that are silent
    for ``silence_seconds`` are closed.
    """

    def __init__(self, silence_seconds: float) -> None:
        from scoop import _control, _types, futures

        self._futures = futures
        self._control: Any = _control
        self._make_future: Callable[..., Any] = _types.Future
        self._numbers: dict[Any, int] = {}
        self._last = 0
        stop_status_reports()
        know_worker_names()
        end_silent_connections(self.address[1], silence_seconds)

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where workers reach this process."""
        import scoop

        host, _, port = scoop.worker.decode().rpartition(":")
        return host, int(port)

    def call_any(self, function: Callable[[], Any]) -> int:
        """Have the broker call ``function`` in some worker; return the number of the call."""
        future = self._futures.submit(function)
        future.add_done_callback(note_end)
        self._queue.flush()
        return self._note(future)

    def prepare(self, function: Callable[..., Any], *arguments: Any) -> tuple[int, bytes]:
        """Return number and message of a call, for `send`."""
        future = self._make_future(self._control.current.id, function, *arguments)
        message = pickle.dumps(future, pickle.HIGHEST_PROTOCOL)
        future.add_done_callback(note_end)
        future.args = ()  # SCOOP keeps the future, and arguments may be large
        return self._note(future), message

    def send(self, worker: bytes, message: bytes) -> bool:
        """Send a message to a worker; return False if there is no connection to it now."""
        import zmq

        try:
            self._queue.socket.direct_socket.send_multipart([worker, TASK, message], zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def reaches(self, worker: bytes) -> bool:
        """Return whether there is a connection to a worker, by a message that it ignores."""
        import zmq

        message = [worker, STATUS_ANSWER, pickle.dumps(None), STATUS_GIVEN]
        try:
            self._queue.socket.direct_socket.send_multipart(message, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True

    def receive(self, seconds: float) -> list[Answer]:
        """Return results of calls, after waiting for them up to ``seconds``.

        Raises
        ------
        WorkerDiedError
            SCOOP has shut down.
        """
        from scoop._comm import Shutdown

        queue = self._queue
        try:
            queue.socket._poll(int(1000 * seconds))
            queue.updateQueue()
            queue.flush()  # unfinished futures that came back, and those that the script submitted
        except Shutdown as error:
            raise WorkerDiedError(
                "SCOOP has shut down all workers because one of them ended by an error of its own. "
                "Its message is above; most often the worker could not import the main script or "
                "something that a run needs. Completed runs are stored; run the others again."
            ) from error
        answers = []
        while _ended:
            future = _ended.popleft()
            number = self._numbers.pop(future.id, None)
            future._delete()
            if number is not None:
                answers.append(Answer(number, future.resultValue, future.exceptionValue))
        return answers

    def forget(self, number: int) -> None:
        """Drop a call whose result most likely will never come."""
        future = self._control.futureDict.get(self.ignore(number))
        if future is not None:
            future._delete()

    def ignore(self, number: int) -> Any:
        """Ignore the result of a call; return the id of its future, None if it has come already."""
        found = next((key for key, each in self._numbers.items() if each == number), None)
        if found is not None:
            del self._numbers[found]
        return found

    @property
    def _queue(self) -> Any:
        return self._control.execQueue

    def _note(self, future: Any) -> int:
        self._last += 1
        self._numbers[future.id] = self._last
        return self._last
