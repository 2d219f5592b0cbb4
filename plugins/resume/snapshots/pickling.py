"""Pickles of experiments, in which the main script is a name.

What the main script defines is pickled by its name in ``__main__``, and loaded from the script
that the snapshot names, whatever ``__main__`` is by then. pickle makes the pickles; dill makes
those that pickle refuses, because of lambdas for instance, and takes twenty times longer.
"""

from __future__ import annotations

import io
import pickle
from types import ModuleType
from typing import Any, NamedTuple

from pypet.plugins.resume.snapshots.dill_pickling import dump_with_dill, import_dill
from pypet.plugins.resume.snapshots.functions import find_object
from pypet.plugins.resume.snapshots.module_names import (
    loading_for,
    main_module,
    reduced_module,
)
from pypet.plugins.resume.snapshots.scripts import DEFINED, MAIN_NAMES, MainScript, current_script

PICKLE, DILL = "pickle", "dill"


class Pickled(NamedTuple):
    """A pickle and what made it, ``'pickle'`` or ``'dill'``."""

    data: bytes
    pickler: str


def dumps(thing: Any) -> Pickled:
    """Pickle something that may come from the main script.

    Raises
    ------
    MissingDependencyError
        It takes dill, which is not installed.
    Exception
        Neither pickle nor dill can pickle it.
    """
    script = current_script()
    try:
        return Pickled(_dump_with_pickle(thing, script), PICKLE)
    except Exception as refusal:  # whatever an object raises that is pickled
        try:
            return Pickled(dump_with_dill(thing, script), DILL)
        except ImportError as error:
            raise error from refusal


def loads(data: bytes | memoryview, script: MainScript | None) -> Any:
    """Load what `dumps` made; ``script`` is the main script of the process that did.

    Raises
    ------
    ResumeError
        A module, or something in it or in the script, is not there any more.
    MissingDependencyError
        dill made it, which is not installed.
    Exception
        Whatever loading an object raises.
    """
    with loading_for(script):
        return _Unpickler(io.BytesIO(data), script).load()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, script: MainScript | None) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._has_script = script is not None

    def reducer_override(self, item: Any) -> Any:
        if isinstance(item, ModuleType):
            return reduced_module(item)
        if not self._has_script and isinstance(item, DEFINED) and item.__module__ in MAIN_NAMES:
            raise pickle.PicklingError(f"{item!r} of an interactive session is in no script.")
        return NotImplemented


def _dump_with_pickle(thing: Any, script: MainScript | None) -> bytes:
    file = io.BytesIO()
    _Pickler(file, script).dump(thing)
    return file.getvalue()


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, script: MainScript | None) -> None:
        super().__init__(file)
        self._script_of_snapshot = script

    def find_class(self, module: str, name: str) -> Any:
        if module == "__builtin__":  # names that only dill has given
            return vars(main_module()) if name == "__main__" else type(None)
        if module.partition(".")[0] == "dill":
            import_dill()
        return find_object(module, name, self._script_of_snapshot)
