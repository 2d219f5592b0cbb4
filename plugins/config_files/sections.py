"""Sections of config files, and reading of their text."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pypet.options.established import CONFIG_SECTIONS
from pypet.support.config_text import read_config_text
from pypet.support.spelling import closest_match

OPTION_SECTIONS = CONFIG_SECTIONS
LEAF_SECTIONS = ("parameters", "config")


def is_toml(source: str | os.PathLike[str]) -> bool:
    """Return whether a path has the suffix of TOML files."""
    return Path(os.fsdecode(source)).suffix.lower() == ".toml"


def text_of(source: Any) -> tuple[Path, str]:
    """Return path and content of a config file.

    Raises
    ------
    ValueError
        There is no such file, or it cannot be read as UTF-8.
    """
    path = Path(os.fsdecode(source)).expanduser()
    return path, read_config_text(path)


def unknown_section(name: str, where: str, known: Iterable[str]) -> ValueError:
    """Return the error for an unknown section."""
    sections = [*OPTION_SECTIONS, *LEAF_SECTIONS, *known]
    near = closest_match(name, sections)
    suggestion = f"did you mean [{near}]?" if near else f"there are {', '.join(sections)}."
    return ValueError(f"{where}: unknown section [{name}]; {suggestion}")


def relative(name: str, branch: str) -> str:
    """Return the name of a parameter relative to its branch."""
    return name.removeprefix(f"{branch}.")
