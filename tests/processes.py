"""Tests with several processes: they wait for what happens, never for a time to pass.

`DEADLINE_SECONDS` is no part of what is tested. It is so long that it passes only if something
hangs, however busy the machine is.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

import pytest

DEADLINE_SECONDS = 100
MAIN_PID = "PYPET_TEST_MAIN"
"""Variable of the environment with the id of the process that `in_child` executes a test in."""


def wait_until(condition):
    """Return as soon as ``condition()`` is true; AssertionError if it never is."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            where = f"{condition.__qualname__} in {condition.__module__}"
            raise AssertionError(f"{where} did not become true in {DEADLINE_SECONDS} s.")
        time.sleep(0.005)


def run_python(*arguments, **options):
    """Run Python with some arguments until it ends; return its status and what it wrote."""
    chosen = {"capture_output": True, "text": True, "timeout": DEADLINE_SECONDS, "check": False}
    return subprocess.run([sys.executable, *map(str, arguments)], **{**chosen, **options})


def meet(folder, name, count):
    """Leave a file of this name in ``folder``; wait until ``count`` files are there."""
    Path(folder, str(name)).touch()
    wait_until(lambda: len(os.listdir(folder)) >= count)


def run_until_killed():
    """Never return: whoever waits for this run does not end."""
    while True:
        time.sleep(DEADLINE_SECONDS)


def has_ended(pid):
    """Return whether a process is gone, also if nobody has asked yet how it ended."""
    psutil = pytest.importorskip("psutil")
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


# ----- tests in a process that may be signalled ----------------------------------------------


def in_child(test):
    """Decorate a test: execute it in a child of pytest, the main process of its experiments.

    So it may send itself signals. Fixtures belong to pytest. SIGINT raises KeyboardInterrupt in
    the child, also where a shell started pytest so that it ignores this signal. No process of the
    child may be left at the end.
    """

    @functools.wraps(test)
    def execute(*args, **kwargs):
        if "fork" not in multiprocessing.get_all_start_methods():
            pytest.skip("the platform cannot fork")
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe(duplex=False)
        child = context.Process(target=_execute, args=(there, test, args, kwargs))
        child.start()
        there.close()
        try:
            with here:
                outcome, text = _outcome(here)
            child.join(DEADLINE_SECONDS)
        finally:
            if child.exitcode is None:
                child.kill()
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.join()
        assert outcome == "passed", text
        assert child.exitcode == 0

    return execute


def main_pid():
    """Return the id of the child of `in_child`, in itself and in all its processes."""
    return int(os.environ[MAIN_PID])


def signal_main(number=signal.SIGINT):
    """Send a signal to the child of `in_child`."""
    os.kill(main_pid(), number)


class Announcing:
    """A stream for the errors of a child of `in_child` that calls when a text is written to it."""

    def __init__(self, stream, text, call):
        self._stream = stream
        self._text = text
        self._call = call

    def write(self, text):
        count = self._stream.write(text)
        if self._text in text:
            self._call()
        return count

    def __getattr__(self, name):
        return getattr(self._stream, name)


def _execute(connection, test, args, kwargs):
    os.setsid()  # makes a group of processes that can be killed as a whole
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ[MAIN_PID] = str(os.getpid())
    # Shows where it hangs, if it does.
    faulthandler.dump_traceback_later(0.9 * DEADLINE_SECONDS, file=2)
    try:
        test(*args, **kwargs)
        assert multiprocessing.active_children() == []
        assert _children_left() == []
    except pytest.skip.Exception as skipped:
        connection.send(("skipped", str(skipped)))
    except BaseException:
        connection.send(("failed", traceback.format_exc()))
    else:
        connection.send(("passed", ""))


def _children_left():
    try:
        import psutil
    except ModuleNotFoundError:
        return []
    return psutil.Process().children(recursive=True)


def _outcome(connection):
    """Return what a child tells of its test."""
    if not connection.poll(DEADLINE_SECONDS):
        return "failed", f"The test did not end in {DEADLINE_SECONDS} s."
    try:
        outcome, text = connection.recv()
    except EOFError:
        return "failed", "The process of the test ended without a word."
    if outcome == "skipped":
        pytest.skip(text)
    return outcome, text
