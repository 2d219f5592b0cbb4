"""Optional packages: whether they are installed, and errors with the command that installs them."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib import metadata
from types import ModuleType

from pypet.errors import MissingDependencyError


def is_installed(import_name: str) -> bool:
    """Return whether a top-level package is installed, without importing it.

    A folder with the name of the package but without ``__init__.py`` does not count.
    """
    top = import_name.partition(".")[0]
    if top in sys.modules:
        return sys.modules[top] is not None
    spec = importlib.util.find_spec(top)
    return spec is not None and spec.origin is not None


def install_hint(extra: str | None, *, builtin: bool = True) -> str:
    """Return the command that installs the requirements of a feature, ``''`` without ``extra``.

    For features of pypet (``builtin``) a bare word is an extra of pypet; everything else is a
    complete requirement, like ``my-dist[s3]``.
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
        The package, or one that it needs, is not installed, or it cannot be imported.
    """
    try:
        return importlib.import_module(import_name)
    except ModuleNotFoundError as err:
        missing = err.name or import_name
        if is_installed(missing):
            raise _broken(import_name, plugin, f"it lacks the module {missing!r}") from err
        hint = install_hint(extra)
        raise MissingDependencyError(
            f"{plugin!r} needs {missing}" + (f": {hint}" if hint else ", which is not installed.")
        ) from err
    except Exception as err:  # damaged packages, or ones for another numpy, raise various types
        raise _broken(import_name, plugin, f"{type(err).__name__}: {err}") from err


def _broken(import_name: str, plugin: str, reason: str) -> MissingDependencyError:
    """Return the error for a package that is installed but broken, so that no extra would help."""
    top = import_name.partition(".")[0]
    place = getattr(importlib.util.find_spec(top), "origin", None)
    distributions = metadata.packages_distributions().get(top, ())
    if not distributions:
        return MissingDependencyError(
            f"{plugin!r} needs {import_name}, but {place} is imported instead of an installed "
            f"package, and that fails: {reason}. If it is a file of yours, rename it."
        )
    distribution = distributions[0]
    return MissingDependencyError(
        f"{plugin!r} needs {import_name}, which is installed ({distribution} "
        f"{metadata.version(distribution)}) but cannot be imported from {place}: {reason}. It is "
        "damaged, too old, or made for other versions of what it needs; repair it with "
        f"pip install --upgrade --force-reinstall {distribution}"
    )
