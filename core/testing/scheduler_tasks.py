"""What the tasks of the conformance suite of schedulers do; importable by all processes."""

from __future__ import annotations

import os
import signal
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.interfaces.scheduling import pickled
from pypet.testing.leftovers import wait_for_file

RAN = "ran-"
"""How the names of files begin that tasks leave, before their index."""


def square(task: Task) -> Outcome:
    """Return the square of the index, and the process that calculated it."""
    now = time.time()
    return Outcome(task.index, (task.index**2, os.getpid()), now, time.time())


def echo(task: Task) -> Outcome:
    """Return the arguments of the task."""
    return Outcome(task.index, (task.args, dict(task.kwargs)), 0.0, 1.0)


def leave_a_file(task: Task) -> Outcome:
    """Leave a file in the folder that is the first argument, another one each time."""
    started = time.time()
    Path(task.args[0], f"{RAN}{task.index}-{uuid.uuid4().hex}").touch()
    time.sleep(0.002)
    return Outcome(task.index, task.index, started, time.time())


def executed_in(folder: Path) -> list[int]:
    """Return the indices of the tasks that left a file, one for each time, in order."""
    return sorted(int(each.name.split("-")[1]) for each in folder.glob(f"{RAN}*"))


def wait_for_permission(task: Task) -> Outcome:
    """Wait for a file; arguments are its path and for how many seconds. Returns if it came."""
    started = time.time()
    Path(f"{task.args[0]}.begun{task.index}").touch()
    return Outcome(task.index, wait_for_file(*task.args), started, time.time())


def return_all_fields(task: Task) -> Outcome:
    """Return an outcome without any default; runs with an odd index fail."""
    fails = bool(task.index % 2)
    value, error = (None, KeyError("refused", task.index)) if fails else ("value", None)
    return Outcome(task.index, value, 12.5, 34.25, error, {"payload": [task.index]}, fails, fails)


def fail_at_odd(task: Task) -> Outcome:
    """Fail in every other run."""
    if task.index % 2:
        return Outcome(task.index, None, 0.0, 1.0, ValueError("odd", task.index))
    return Outcome(task.index, task.index, 0.0, 1.0)


class Awkward(Exception):  # noqa: N818 - a name for messages
    """An exception that can be pickled but not unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")

    def __reduce__(self) -> tuple[type, tuple[str]]:
        # What exceptions do by themselves. Dask has all of them that do not define it pickled
        # otherwise, in the whole process, by `tblib.pickling_support.install`.
        return type(self), (str(self),)


def fail_awkwardly(task: Task) -> Outcome:
    """Fail with an exception that does not travel."""
    return Outcome(task.index, None, 0.0, 1.0, Awkward(1, 2))


def return_a_generator(task: Task) -> Outcome:
    """Return what cannot be pickled, in the run of index 1."""
    value = (i for i in range(3)) if task.index == 1 else task.index
    return Outcome(task.index, value, 0.0, 1.0)


def kill_itself_at_three(task: Task) -> Outcome:
    """Kill the process that executes run 3."""
    if task.index == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(task.index, task.index, 0.0, 1.0)


def exit_at_three(task: Task) -> Outcome:
    """End the process that executes run 3 without any cleaning up."""
    if task.index == 3:
        os._exit(7)
    return Outcome(task.index, task.index, 0.0, 1.0)


def call_sys_exit(task: Task) -> Outcome:
    """Do what `sys.exit` does."""
    raise SystemExit(5)


def print_much(task: Task) -> Outcome:
    """Print and return a megabyte."""
    text = "x" * 1_000_000
    print(text)  # noqa: T201 - that is the point
    return Outcome(task.index, text, 0.0, 1.0)


class Travelling(TaskFunction):
    """Can be pickled only after `serialized`; its values say what was called before."""

    def __init__(self) -> None:
        self.is_serialized = False
        self.starts: list[int] = []
        """Id of the process of each call of `start_worker`."""

    def __getstate__(self) -> dict[str, Any]:
        if not self.is_serialized:
            raise TypeError("A task function that is sent elsewhere has to be `serialized` first.")
        return self.__dict__

    def serialized(self, dumps: Callable[[Any], bytes] = pickled) -> TaskFunction:
        """Return a copy that can be pickled."""
        copy = Travelling()
        copy.is_serialized = True
        return copy

    def start_worker(self, index: int | None = None) -> None:
        """Note it."""
        self.starts.append(os.getpid())

    def __call__(self, task: Task) -> Outcome:
        """Return the calls of `start_worker` in this process, and whether this is a copy."""
        value = (self.starts.count(os.getpid()), self.is_serialized)
        return Outcome(task.index, value, 0.0, 1.0)

    def before_report(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Mark the outcomes."""
        return [each._replace(payload="reported") for each in outcomes]
