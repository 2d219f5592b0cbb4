"""What broken plugins leave behind, so that their tests can remove it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess

_events: list[threading.Event] = []
_files: list[int] = []
_foreign: list[subprocess.Popen[bytes]] = []
_own: list[BaseProcess] = []
_omitted: list[Callable[[], None]] = []


def leak_process() -> None:
    """Start a process that stays, and that `multiprocessing` does not know."""
    command = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
    _foreign.append(subprocess.Popen(command))


def leak_thread() -> None:
    """Start a thread that stays."""
    event = threading.Event()
    _events.append(event)
    threading.Thread(target=event.wait, daemon=True).start()


def leak_file() -> None:
    """Open a file and leave it open."""
    _files.append(os.open(os.devnull, os.O_RDONLY))


def forgotten(process: BaseProcess) -> None:
    """Note a process that a plugin forgets."""
    _own.append(process)


def later(action: Callable[[], None]) -> None:
    """Note what a plugin should have done."""
    _omitted.append(action)


def remove() -> None:
    """End everything that was left."""
    while _omitted:
        _omitted.pop()()
    while _events:
        _events.pop().set()
    while _files:
        os.close(_files.pop())
    while _foreign:
        with _foreign.pop() as process:
            process.kill()
    while _own:
        own = _own.pop()
        own.kill()
        own.join()
