"""Records the environment of an experiment: Python, packages, machine, command line.

A few leaves below ``config.environment.<name of the environment>.record``, once per environment.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from pypet.interfaces import EnvironmentLike, Option, Versioning
from pypet.markers import hookimpl
from pypet.options.established import established

GROUP = "record"
NOTEBOOK = "JPY_SESSION_NAME"
"""Variable with the notebook, set by Jupyter Server: the command line of kernels lacks it."""
_METADATA = re.compile(r"(?P<name>.+?)(-(?P<version>[^-]+))?(-py[\d.]+)?\.(dist|egg)-info")
"""Names of folders with the metadata of a distribution (PEP 376, PEP 427)."""


class EnvironmentRecord(Versioning):
    """Adds the record when an experiment starts."""

    name: ClassVar[str] = "environment_record"
    options: ClassVar[tuple[Option, ...]] = established("record_environment")

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read the option."""
        self._is_enabled = bool(options["record_environment"])

    def experiment_started(self, environment: EnvironmentLike) -> None:
        """Add the record, unless an earlier experiment of this environment did."""
        if not self._is_enabled:
            return
        trajectory = environment.trajectory
        group = f"environment.{environment.name}.{GROUP}"
        if trajectory.f_contains(f"config.{group}", shortcuts=False):
            return
        for name, value, comment in _entries():
            text = value.encode("utf-8", "backslashreplace").decode()  # arguments may be any bytes
            trajectory.f_add_config(f"{group}.{name}", text, comment=comment).f_lock()


def _entries() -> Iterator[tuple[str, str, str]]:
    """Yield name, value and comment of each leaf of the record."""
    yield "python", f"{platform.python_implementation()} {sys.version}", "The interpreter."
    yield "executable", sys.executable or "", "Path of the interpreter."
    yield "platform", platform.platform(), "Operating system and processor."
    yield "host", platform.node(), "Name of the machine."
    yield "command_line", shlex.join(sys.orig_argv), "How the main process was started."
    yield "working_directory", _working_directory(), "Current folder of the main process."
    if NOTEBOOK in os.environ:
        yield "notebook", os.environ[NOTEBOOK], "Notebook or session of Jupyter."
    yield (
        "distributions",
        "\n".join(f"{name}=={version}" for name, version in distributions(tuple(sys.path))),
        "Installed distributions that can be imported, one a line.",
    )


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed
        return ""


@lru_cache(maxsize=1)
def distributions(path: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return name and version of the distributions on a search path, in alphabetical order.

    Both are taken from the names of the metadata folders: reading the metadata itself, as
    `importlib.metadata` does, takes twenty times longer. The first one on the path counts.
    """
    found: dict[str, tuple[str, str]] = {}
    for folder in path:
        for entry in _names(folder or os.curdir):
            match = _METADATA.fullmatch(entry)
            if match is not None:
                name = match["name"]
                found.setdefault(name.lower().replace("_", "-"), (name, match["version"] or ""))
    return tuple(found[key] for key in sorted(found))


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:  # an archive, or nothing at all
        return []


@hookimpl
def pypet_register_versioning() -> list[type[Versioning]]:
    """Register the record."""
    return [EnvironmentRecord]
