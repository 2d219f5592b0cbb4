"""Pickling with dill, for what pickle refuses.

dill looks for its own name in that of the module that defines a pickler, so this one has to have
``dill`` in its name (`dill._dill.is_dill`).
"""

from __future__ import annotations

import io
import pickle
from functools import lru_cache
from types import ModuleType
from typing import Any

from pypet.plugins.resume.snapshots.functions import home_of
from pypet.plugins.resume.snapshots.module_names import reduced_module
from pypet.plugins.resume.snapshots.scripts import DEFINED, MAIN_NAMES, MainScript
from pypet.support.optional import require

_OPEN_FILES = (io.FileIO, io.TextIOWrapper, io.BufferedReader, io.BufferedWriter, io.BufferedRandom)


def import_dill() -> Any:
    """Import dill and return it.

    Raises
    ------
    MissingDependencyError
        It is not installed.
    """
    return require("dill", plugin="resume", extra="resume")


def dump_with_dill(thing: Any, script: MainScript | None) -> bytes:
    """Pickle something with dill; what ``script`` defines is pickled by name where it can be.

    Functions without a name take along the globals that they use: what stands below
    ``if __name__ == '__main__'`` is not there when another process loads the script.

    Raises
    ------
    MissingDependencyError
        dill is not installed.
    Exception
        Something cannot be pickled.
    """
    file = io.BytesIO()
    pickler = _pickler_class()(file, pickle.HIGHEST_PROTOCOL, recurse=True)
    pickler.has_script = script is not None
    pickler.dump(thing)
    return file.getvalue()


@lru_cache(maxsize=1)
def _pickler_class() -> Any:
    stock: Any = import_dill().Pickler

    class SnapshotPickler(stock):  # type: ignore[misc]
        has_script = False

        def reducer_override(self, item: Any) -> Any:
            if isinstance(item, ModuleType):
                return reduced_module(item)
            if isinstance(item, _OPEN_FILES):
                # dill opens the file again when it is loaded, which empties it in mode "w".
                raise TypeError(f"the open file {getattr(item, 'name', item)!r} would be reopened")
            if not isinstance(item, DEFINED) or home_of(item) is None:
                return NotImplemented
            if item.__module__ in MAIN_NAMES and not self.has_script:
                return NotImplemented
            return item.__qualname__  # pickle takes a text as a name in the item's module

    return SnapshotPickler
