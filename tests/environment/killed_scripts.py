"""Scripts that tests start, wait for and kill."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time

import pytest

SECONDS = 60


@contextlib.contextmanager
def started_scripts(path, text):
    """Write a script and return what starts it with some arguments; none is left in the end."""
    path.write_text(text)
    started = []

    def start(*arguments, **options):
        process = subprocess.Popen(
            [sys.executable, path, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=SECONDS)


def wait_for(condition, process):
    """Wait until a condition is true, and return its value; the script has to go on."""
    deadline = time.monotonic() + SECONDS
    while not (value := condition()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def kill(process):
    """Kill the script; what it has started ends by itself."""
    end(process, process.kill)


def end(process, kill):
    """End the script with ``kill()``; what it has started ends by itself."""
    psutil = pytest.importorskip("psutil")
    others = psutil.Process(process.pid).children(recursive=True)
    kill()
    process.wait(SECONDS)
    _, alive = psutil.wait_procs(others, SECONDS)
    for other in alive:
        other.kill()
    assert alive == []


def finish(process):
    """Wait until the script has succeeded."""
    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, errors
