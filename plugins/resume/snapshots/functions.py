"""Functions by reference: where a function is found again, and what it looked like."""

from __future__ import annotations

import builtins
import dis
import hashlib
import importlib
import inspect
import logging
import os
import sys
import textwrap
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from pypet.errors import ResumeError
from pypet.plugins.resume.snapshots.scripts import (
    MAIN,
    MAIN_NAMES,
    MainScript,
    is_loaded_script,
    load_script,
    loaded_modules,
    script_path,
)

MAX_SOURCE_LENGTH = 20_000
"""Characters of a source text that are kept to show a difference; all of them are hashed."""

_logger = logging.getLogger("pypet")


class FunctionReference(NamedTuple):
    """Where a function is, and its source text when it was referred to.

    ``_asdict()`` can be written as JSON and `from_mapping` reads it.
    """

    module: str
    """Name to import; for the main script ``'__main__'``, or the name given to ``python -m``."""
    qualname: str
    """Name within the module, ``'Class.method'`` for what is not at the top."""
    path: str | None
    """Full path of the source file, None for what has none."""
    sha256: str | None
    """Of the whole source text, without common indentation, in UTF-8."""
    source: str | None
    """The first `MAX_SOURCE_LENGTH` characters of the source text, without indentation."""
    is_main: bool
    """Whether the function is defined in the main script."""

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> FunctionReference:
        """Return what a JSON header has; fields of later versions are left out."""
        return cls(*(fields[name] for name in cls._fields))


def refer(function: Callable[..., Any]) -> FunctionReference | None:
    """Return a reference to a function, None if it is not found by its name.

    That is so for lambdas, functions within functions, partial and bound functions and callable
    objects. These travel by value.
    """
    name = getattr(function, "__module__", None)
    qualname = getattr(function, "__qualname__", None)
    if not isinstance(name, str) or not isinstance(qualname, str):
        return None
    module = home_of(function)
    if module is None:
        return None
    path = _source_path(function, module)
    source = source_of(function)
    digest = None if source is None else hashlib.sha256(source.encode("utf-8", "replace"))
    return FunctionReference(
        _importable_name(module, name),
        qualname,
        path,
        None if digest is None else digest.hexdigest(),
        None if source is None else source[:MAX_SOURCE_LENGTH],
        name in MAIN_NAMES,
    )


def home_of(item: Any) -> ModuleType | None:
    """Return the module where a function or class is found by its own name, None if nowhere."""
    name = getattr(item, "__module__", None)
    qualname = getattr(item, "__qualname__", None)
    if not isinstance(name, str) or not isinstance(qualname, str) or "<locals>" in qualname:
        return None
    candidates = [sys.modules.get(name), *(loaded_modules() if name in MAIN_NAMES else ())]
    for module in candidates:
        if module is not None and _attribute(module, qualname, None) is item:
            return module
    return None


def source_of(function: Any) -> str | None:
    """Return the source text of a function without common indentation, None if there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError, SyntaxError, IndexError):
        return None  # written in C, made by `exec`, or its file is gone or shorter now


def _source_path(function: Any, module: ModuleType) -> str | None:
    try:
        path = inspect.getsourcefile(inspect.unwrap(function))
    except (TypeError, ValueError):
        path = None
    if path and os.path.isfile(path):
        return os.path.realpath(path)
    return script_path(module)


def _importable_name(module: ModuleType, name: str) -> str:
    """Return the name by which another process imports a module; of a script only its own does."""
    if name not in MAIN_NAMES:
        return name
    return getattr(module.__spec__, "name", MAIN)


def _attribute(module: Any, qualname: str, *default: Any) -> Any:
    found = module
    for part in qualname.split("."):
        found = getattr(found, part, *default)
    return found


# ----- finding them again ----------------------------------------------------------------------


def resolve(reference: FunctionReference, script: MainScript | None = None) -> Callable[..., Any]:
    """Return the function that a reference means.

    One of the main script is taken from the main script of this process if that is the same;
    otherwise the script is loaded, and `script_in_place` lets pickles and workers find it.
    ``script`` is what the snapshot says about it; without that its path is all that is known.

    Raises
    ------
    ResumeError
        The module or script cannot be loaded, or has no such function any more.
    """
    if not reference.is_main:
        function = find_object(reference.module, reference.qualname, None, reference.path)
    else:
        if script is None and reference.path is not None:
            module = "" if reference.module == MAIN else reference.module
            script = MainScript(reference.path, module)
        function = find_object(MAIN, reference.qualname, script)
    if not callable(function):
        raise ResumeError(
            f"`{reference.qualname}` of {reference.path or reference.module} was a function when "
            f"the experiment started, and is a {type(function).__name__} now. Bring the function "
            "back under this name."
        )
    found: Callable[..., Any] = function
    return found


def find_object(
    name: str, qualname: str, script: MainScript | None, path: str | None = None
) -> Any:
    """Return what a module, or the main script, has under a name.

    ``path`` is where the module was found when the experiment started.

    Raises
    ------
    ResumeError
        There is no such module or script, or nothing of this name in it.
    """
    module = _main_module(script) if name in MAIN_NAMES else _import(name, qualname, path)
    try:
        found = _attribute(module, qualname)
    except AttributeError as error:
        where = script_path(module) or f"the module {name}"
        session = "" if script_path(module) or name not in MAIN_NAMES else " of this session"
        raise ResumeError(
            f"`{qualname}` is needed to resume the experiment, but {where}{session} does not "
            f"define it (any more). {_advice(name, module)}"
        ) from error
    if isinstance(found, FunctionType) and is_loaded_script(module):
        _warn_of_missing_globals(found, module)
    return found


def _advice(name: str, module: ModuleType) -> str:
    if name in MAIN_NAMES:
        return (
            "It has to be there under this name, at the top level and not below "
            "if __name__ == '__main__'; or call `resume` from the script itself, below its "
            "definition."
        )
    return "Bring it back under this name, or let Python import the version that has it."


def _warn_of_missing_globals(function: FunctionType, module: ModuleType) -> None:
    """Log which globals a function uses that a loaded script does not have."""
    known = vars(module).keys() | vars(builtins).keys()
    missing = sorted(_globals_used(function.__code__) - known)
    if missing:
        _logger.warning(
            "`%s` of %s uses %s, which the script does not define, or only below "
            "if __name__ == '__main__': runs that need it will fail. Call `resume` from the script "
            "itself.",
            function.__qualname__,
            script_path(module),
            ", ".join(f"`{name}`" for name in missing),
        )


def _globals_used(code: CodeType) -> set[str]:
    used = {each.argval for each in dis.get_instructions(code) if each.opname == "LOAD_GLOBAL"}
    nested = (each for each in code.co_consts if isinstance(each, CodeType))
    return used.union(*map(_globals_used, nested))


def _main_module(script: MainScript | None) -> ModuleType:
    # In a session there is no script to load: whoever resumes has to define things again.
    return sys.modules[MAIN] if script is None else load_script(script)


def _import(name: str, qualname: str, path: str | None) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:
        place = f" It was imported from {path}." if path else ""
        raise ResumeError(
            f"The module {name!r}, which has `{qualname}`, is needed to resume the experiment but "
            f"cannot be imported: {type(error).__name__}: {error}.{place} Resume with the same "
            "Python environment, and with the folder of your modules in PYTHONPATH."
        ) from error
