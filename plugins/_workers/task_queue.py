"""What schedulers that leave the main process share: the queue of tasks, and its loop."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, Generic, TypeVar

from pypet.interfaces import Outcome, Scheduler, Task, TaskFunction
from pypet.interfaces.scheduling import pickled

WAIT_SECONDS = 0.5
"""The longest wait before `Scheduler.check` is called again."""
BATCH_SECONDS = 0.02
"""How long a batch of short runs should take, which hides the cost of a message."""
MAX_BATCH_SIZE = 512
PATIENCE_SECONDS = 0.2
"""A worker gives back the rest of a batch that takes longer: its runs were expected to be short."""

Queued = TypeVar("Queued")
"""What a queue consists of: tasks, with or without the function that executes them."""


class BatchSizing:
    """Estimates how many runs make a batch, from the time that earlier runs took.

    Batches are single runs until something is known. A batch should take ``seconds``.
    """

    def __init__(self, seconds: float = BATCH_SECONDS) -> None:
        self._batch_seconds = seconds
        self._seconds_per_run: float | None = None

    @property
    def batch_size(self) -> int:
        """Number of runs that take about as long as a batch should, from 1 to `MAX_BATCH_SIZE`."""
        if self._seconds_per_run is None:
            return 1
        size = int(self._batch_seconds / max(self._seconds_per_run, 1e-9))
        return max(1, min(MAX_BATCH_SIZE, size))

    def is_faster_than(self, seconds: float) -> bool:
        """Return whether a run is known to take less time."""
        return self._seconds_per_run is not None and self._seconds_per_run < seconds

    def learn(self, outcomes: Sequence[Outcome]) -> None:
        """Update the estimate from the outcomes of one batch, in order."""
        mean = (outcomes[-1].finished - outcomes[0].started) / len(outcomes)
        if mean < 0:
            return  # the system clock was set back meanwhile
        former = self._seconds_per_run
        # A moving average that follows quickly: run times change along a trajectory.
        self._seconds_per_run = mean if former is None else (former + mean) / 2


class TaskQueue(Scheduler, Generic[Queued]):
    """Queues tasks and yields outcomes; derived classes hand tasks out and collect outcomes."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._queue: deque[Queued] = deque()
        """Tasks that were not handed out yet."""
        self._arrived: deque[Outcome] = deque()
        """Outcomes that were not yielded yet."""
        self._next_check = 0.0

    @property
    @abstractmethod
    def _is_started(self) -> bool:
        """Whether `start` was called, and `stop` was not called since."""

    @abstractmethod
    def _is_busy(self) -> bool:
        """Return whether there will be further outcomes."""

    @abstractmethod
    def _dispatch(self) -> None:
        """Hand out as many tasks as workers can take now."""

    @abstractmethod
    def _wait(self) -> None:
        """Collect outcomes; wait for them at most `WAIT_SECONDS`."""

    @abstractmethod
    def _enqueue(self, tasks: Sequence[Task]) -> None:
        """Append tasks to the queue."""

    def submit(self, tasks: Sequence[Task]) -> None:
        """Accept tasks and hand out as many of them as possible.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        self._require_start()
        self._enqueue(tasks)
        self._dispatch()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield outcomes as they arrive, until no task is pending.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        WorkerDiedError
            Workers cannot be started, or die without executing anything.
        """
        self._require_start()
        while True:
            while self._arrived:
                yield self._arrived.popleft()
            if not self._is_busy():
                return
            self._dispatch()
            self._wait()

    def cancel(self) -> int:
        """Give up the tasks that were not handed out; return their number."""
        count = len(self._queue)
        self._queue.clear()
        return count

    def _require_start(self) -> None:
        if not self._is_started:
            raise RuntimeError(f"The scheduler {self.name!r} was not started; call `start` first.")

    def _check_if_due(self) -> None:
        """Call `Scheduler.check` every `WAIT_SECONDS`; best when workers have their tasks."""
        now = monotonic()
        if self.check is not None and now >= self._next_check:
            self._next_check = now + WAIT_SECONDS
            self.check()


class PlainFunction(TaskFunction):
    """A function of tasks that needs no set-up in workers."""

    def __init__(self, function: Callable[[Task], Outcome]) -> None:
        self._function = function

    def serialized(self, dumps: Callable[[Any], bytes] = pickled) -> TaskFunction:
        """Return itself."""
        return self

    def start_worker(self, index: int | None = None) -> None:
        """Do nothing."""

    def __call__(self, task: Task) -> Outcome:
        """Call the function."""
        return self._function(task)


def as_task_function(execute: Callable[[Task], Outcome]) -> TaskFunction:
    """Return ``execute``, wrapped unless it is a task function."""
    return execute if isinstance(execute, TaskFunction) else PlainFunction(execute)


class StartedFunction:
    """The task function of one call of `start`, to be compared by identity.

    The run loop starts the same function again after the trajectory has grown: what was forked
    before knows nothing of that.
    """

    __slots__ = ("function",)

    def __init__(self, function: TaskFunction) -> None:
        self.function = function
