"""The main script of an experiment, in the process that resumes it.

What a script defines is called ``__main__.<name>`` in pickles. A process that executes the same
script finds it there. Any other process, ``pypet resume`` or another script, loads the script as
multiprocessing does in processes that are not forked: it is executed under the name
``__mp_main__``, so that what stands below ``if __name__ == '__main__'`` is left out.
"""

from __future__ import annotations

import functools
import io
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from pypet.errors import ResumeError
from pypet.support.processes import loading_script

MAIN = "__main__"
LOADED = "__mp_main__"
"""``__name__`` while a script is loaded, which scripts know from processes that were spawned."""
MAIN_NAMES = (MAIN, LOADED)
DEFINED = (FunctionType, type, functools._lru_cache_wrapper)
"""What has a name in the module that defines it."""

_INSTALLATION = ("stdlib", "platstdlib", "purelib", "platlib")
"""Names by which `sysconfig` knows the folders of Python and of what is installed."""

_loaded: dict[tuple[str, str, bytes], ModuleType] = {}
"""Scripts that this process has loaded, by path, name for ``python -m`` and source."""


class MainScript(NamedTuple):
    """How a process was started: whatever others need to load its script.

    ``_asdict()`` can be written as JSON and `from_mapping` reads it.
    """

    path: str
    """Full path of the file, without symbolic links."""
    module: str = ""
    """The name that was given to ``python -m``; empty if a file was."""
    arguments: tuple[str, ...] = ()
    """`sys.argv`."""
    search_path: tuple[str, ...] = ()
    """Entries of `sys.path`, as full paths, beside those of Python and what is installed."""

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> MainScript:
        """Return what a JSON header has; fields of later versions are left out."""
        arguments, search_path = fields.get("arguments", ()), fields.get("search_path", ())
        return cls(fields["path"], fields.get("module", ""), tuple(arguments), tuple(search_path))


def current_script() -> MainScript | None:
    """Return the main script of this process, None in interactive sessions and notebooks."""
    main = sys.modules.get(MAIN)
    path = script_path(main)
    if path is None:
        return None
    name = getattr(getattr(main, "__spec__", None), "name", MAIN)
    module = "" if name == MAIN else name  # a folder or an archive has no other name
    return MainScript(path, module, tuple(sys.argv), tuple(_own_entries()))


def is_loaded_script(module: ModuleType) -> bool:
    """Return whether `load_script` has made a module."""
    return any(each is module for each in _loaded.values())


def script_path(module: ModuleType | None) -> str | None:
    """Return the full path of a module's file, None without one that exists."""
    path = getattr(module, "__file__", None)
    return os.path.realpath(path) if path and os.path.isfile(path) else None


def _own_entries() -> Iterator[str]:
    """Yield what the user has put on the search path, the folder of the script included."""
    installed = {os.path.realpath(sysconfig.get_path(name)) for name in _INSTALLATION}
    for entry in sys.path:
        path = os.path.realpath(entry or os.curdir)
        is_installed = any(path == each or path.startswith(each + os.sep) for each in installed)
        if not is_installed and os.path.exists(path):
            yield path


# ----- loading ---------------------------------------------------------------------------------


def load_script(script: MainScript) -> ModuleType:
    """Return the module of a script; execute it only if this process does not have it yet.

    Its functions and classes then belong to ``__main__``, as they did in the experiment; that this
    is where others find them is up to `script_in_place`.

    Raises
    ------
    ResumeError
        The script is gone, or it fails when it is executed, or it would start an experiment.
    """
    main = sys.modules[MAIN]
    if is_script_of(main, script):
        return main
    with search_path_of(script):
        spec, path = _locate(script)
        with io.open_code(path) as file:
            source = file.read()
        key = (script.path, script.module, source)
        module = _loaded.pop(key, None)
        if module is None:
            module = _execute(_compiled(source, path), spec, path, script)
        _loaded[key] = module  # the last one is that which was asked for last
        return module


def is_script_of(module: ModuleType, script: MainScript) -> bool:
    """Return whether ``module`` comes from ``script``, which may have been moved meanwhile."""
    path = script_path(module)
    if path is None:
        return False
    return path == script.path or (
        _short_name(path) == _short_name(script.path) and not os.path.exists(script.path)
    )


def _short_name(path: str) -> tuple[str, ...]:
    parts = Path(path).parts
    return parts[-2:] if parts[-1] == "__main__.py" else parts[-1:]


def loaded_modules() -> Iterable[ModuleType]:
    """Return the modules of all scripts that `load_script` has executed, the latest first."""
    return reversed(_loaded.values())


def _latest(script: MainScript) -> ModuleType | None:
    wanted = script.path, script.module
    return next((_loaded[key] for key in reversed(_loaded) if key[:2] == wanted), None)


def _locate(script: MainScript) -> tuple[ModuleSpec | None, str]:
    """Return where a script is, with its specification if it was started by ``python -m``."""
    if script.module:
        try:
            spec = find_spec(script.module)
        except (ImportError, ValueError):
            spec = None
        if spec is not None and spec.origin and os.path.isfile(spec.origin):
            return spec, os.path.realpath(spec.origin)
    if not os.path.isfile(script.path):
        started = f" (started by python -m {script.module})" if script.module else ""
        raise ResumeError(
            f"The script of the experiment, {script.path}{started}, is gone, but something that it "
            "defined is needed. Put it back, or call `resume` from the script itself where it is "
            "now."
        )
    return None, script.path


def _compiled(source: bytes, path: str) -> CodeType:
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ResumeError(f"The script {path} cannot be loaded: {error}") from error


def _execute(code: CodeType, spec: ModuleSpec | None, path: str, script: MainScript) -> ModuleType:
    """Execute a script as a module; it finds the command line that it was started with."""
    module = ModuleType(LOADED)
    package = None if spec is None else spec.parent
    vars(module).update(__file__=path, __cached__=None, __spec__=spec, __package__=package)
    arguments = [path, *script.arguments[1:]]
    with _exchanged(sys.modules, {LOADED: module}), _arguments(arguments), loading_script(path):
        try:
            exec(code, vars(module))
        except (Exception, SystemExit) as error:
            raise ResumeError(
                f"The script {path} was loaded for what it defines, and failed: "
                f"{type(error).__name__}: {error}. Put the code that it executes below "
                "if __name__ == '__main__'; or call `resume` from the script itself."
            ) from error
    _rename(module)
    return module


def _rename(module: ModuleType) -> None:
    """Move the definitions of a loaded script to ``__main__``.

    Pickles of the experiment say so, and other packages, such as cloudpickle, know that workers of
    others do not have a ``__main__``. They do not know ``__mp_main__``.
    """
    module.__name__ = MAIN
    pending = list(vars(module).values())
    while pending:
        item = pending.pop()
        if isinstance(item, staticmethod | classmethod):
            pending.append(item.__func__)
        elif isinstance(item, property):
            pending += [item.fget, item.fset, item.fdel]
        elif isinstance(item, DEFINED) and item.__module__ == LOADED:
            try:
                item.__module__ = MAIN
            except (AttributeError, TypeError):  # a metaclass refuses it
                continue
            pending.append(getattr(item, "__wrapped__", None))
            if isinstance(item, type):
                pending += vars(item).values()


# ----- putting a script in its place -----------------------------------------------------------


@contextmanager
def script_in_place(script: MainScript | None) -> Iterator[None]:
    """Let a loaded script be the main script of this process within a ``with`` block.

    Pickles by name find it then, those in files included; and processes that are not forked,
    which import the main script, import this one. They also get `sys.argv`, so that it is that of
    the experiment. A script that was not loaded, since nothing of it was needed, stays out. Modules
    beside the script can be imported in any case.
    """
    if script is None or is_script_of(sys.modules[MAIN], script):
        yield
        return
    module = _latest(script)
    with search_path_of(script):
        if module is None:
            yield
            return
        names = dict.fromkeys(MAIN_NAMES, module)
        with (
            _exchanged(sys.modules, names),
            _arguments([str(module.__file__), *script.arguments[1:]]),
        ):
            yield


@contextmanager
def search_path_of(script: MainScript | None) -> Iterator[None]:
    """Restore the search path of the experiment: the folder of its script first."""
    entries = () if script is None else script.search_path or (os.path.dirname(script.path),)
    known = {os.path.realpath(entry or os.curdir) for entry in sys.path}
    added = [entry for entry in entries if entry not in known and os.path.exists(entry)]
    first = [entry for entry in added if entry == entries[0]]
    sys.path[:0] = first
    sys.path += [entry for entry in added if entry not in first]
    try:
        yield
    finally:
        for entry in added:
            if entry in sys.path:
                sys.path.remove(entry)


@contextmanager
def _arguments(arguments: list[str]) -> Iterator[None]:
    former, sys.argv = sys.argv, arguments
    try:
        yield
    finally:
        sys.argv = former


@contextmanager
def _exchanged(modules: dict[str, ModuleType], others: Mapping[str, ModuleType]) -> Iterator[None]:
    former = {name: modules.get(name) for name in others}
    modules.update(others)
    try:
        yield
    finally:
        for name, module in former.items():
            if module is None:
                modules.pop(name, None)
            else:
                modules[name] = module
