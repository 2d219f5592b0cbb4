"""The build backend of pypet: setuptools', with editable installs that every tool can follow.

The folders of the repository have other names than the packages that they are. setuptools' own
editable install bridges that by an import hook, which type checkers and editors do not execute.
Here an editable install is a folder of symbolic links, laid out as the package is, that a ``.pth``
file adds to ``sys.path``. The strict mode of setuptools does the same with a link for each file, so
that every new module needs another install; these links are to folders, and only modules directly
in ``core/`` do.

All other hooks of PEP 517 and PEP 660 are setuptools' own.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    build_wheel,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]


def build_editable(
    wheel_directory: str,
    config_settings: dict[str, Any] | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Build a wheel whose ``.pth`` file names a folder of links; ``editable_mode`` may be given."""
    settings = {"editable_mode": "strict", **(config_settings or {})}
    wheel = build_meta.build_editable(wheel_directory, settings, metadata_directory)
    if settings["editable_mode"] == "strict":
        # The folder is named like the wheel, whose tags depend on the version of setuptools.
        for links in Path("build").glob("__editable__.pypet-*"):
            _link_folders(links)
    return wheel


def _link_folders(links: Path) -> None:
    """Replace the links to files, if the system lets us: Windows does for some users only."""
    folders = tomllib.loads(Path("pyproject.toml").read_text("utf8"))["tool"]["setuptools"][
        "package-dir"
    ]
    root = Path.cwd()
    made = links.with_name(f"{links.name}.new")
    shutil.rmtree(made, ignore_errors=True)
    package = made / "pypet"
    package.mkdir(parents=True)
    try:
        for entry in (root / folders["pypet"]).iterdir():
            if entry.name != "__pycache__":
                os.symlink(entry, package / entry.name)
        for name, folder in folders.items():
            if name != "pypet":
                os.symlink(root / folder, package / name.removeprefix("pypet."))
    except OSError:
        shutil.rmtree(made)
        return
    shutil.rmtree(links)
    made.rename(links)
