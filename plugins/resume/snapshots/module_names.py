"""Modules in pickles: by name, never with what is in them.

The names of functions here are part of the format of snapshots.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from pypet.plugins.resume.snapshots.scripts import MAIN, MainScript, load_script, search_path_of

_script: ContextVar[MainScript | None] = ContextVar("_script", default=None)
"""The main script of the snapshot that is being loaded."""


@contextmanager
def loading_for(script: MainScript | None) -> Iterator[None]:
    """Load pickles of a process with this main script within a ``with`` block."""
    token = _script.set(script)
    try:
        with search_path_of(script):
            yield
    finally:
        _script.reset(token)


def reduced_module(module: ModuleType) -> tuple[Any, ...]:
    """Return how a module is pickled, in the form of ``__reduce__``."""
    if module is sys.modules.get(MAIN):
        return main_module, ()
    return importlib.import_module, (module.__name__,)


def main_module() -> ModuleType:
    """Return the main script of the snapshot that is being loaded.

    Raises
    ------
    ResumeError
        It cannot be loaded.
    """
    script = _script.get()
    return sys.modules[MAIN] if script is None else load_script(script)
