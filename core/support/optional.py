"""Optional packages: asking for them, and telling what to install if they are missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

from pypet.errors import MissingDependencyError


def is_installed(import_name: str) -> bool:
    """Return whether a top-level package can be imported, without importing it."""
    top = import_name.partition(".")[0]
    if top in sys.modules:
        return sys.modules[top] is not None
    return importlib.util.find_spec(top) is not None


def install_hint(extra: str | None, *, builtin: bool = True) -> str:
    """Return the command that installs what a feature needs, ``''`` if nobody said.

    A bare word is an extra of pypet itself if the feature is one of pypet's (``builtin``);
    everything else is a requirement in full, like ``my-dist[s3]``.
    """
    if not extra:
        return ""
    requirement = f"pypet[{extra}]" if builtin and extra.isidentifier() else extra
    return f'pip install "{requirement}"'


def require(import_name: str, *, plugin: str, extra: str | None) -> ModuleType:
    """Import a package that a feature needs and return it.

    ``plugin`` is the name of the feature that needs it, ``extra`` its
    `pypet.interfaces.Feature.extra`.

    Raises
    ------
    MissingDependencyError
        The package, or one that it needs, is not installed.
    """
    try:
        return importlib.import_module(import_name)
    except ModuleNotFoundError as err:
        missing = err.name or import_name
        hint = install_hint(extra)
        raise MissingDependencyError(
            f"{plugin!r} needs {missing}" + (f": {hint}" if hint else ", which is not installed.")
        ) from err
