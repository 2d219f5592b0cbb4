"""Where things stand in a config file, and opening one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pypet.manager.nearest import nearest

OPTION_SECTIONS = ("storage_service", "trajectory", "environment")
"""Their options are keywords of the environment; a later section wins."""
LEAF_SECTIONS = ("parameters", "config")

_SECTION = re.compile(r"\[\[?\s*(?P<name>[^\]]+?)\s*\]")
_NAME = re.compile(r"(?P<name>[^\s=:#;\[][^=:]*?)\s*[=:]")


def is_toml(source: str | os.PathLike[str]) -> bool:
    """Return whether a path has the ending of TOML files."""
    return Path(os.fsdecode(source)).suffix.lower() == ".toml"


def text_of(source: Any) -> tuple[Path, str]:
    """Return path and content of a config file.

    Raises
    ------
    ValueError
        There is no such file, or it cannot be read as UTF-8.
    """
    path = Path(os.fsdecode(source)).expanduser()
    try:
        return path, path.read_text(encoding="utf8")
    except FileNotFoundError as error:
        raise ValueError(f"There is no config file {str(path)!r}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The config file {str(path)!r} is no text in UTF-8: {error}") from error
    except OSError as error:
        raise ValueError(f"The config file {str(path)!r} cannot be read: {error}") from error


class Places:
    """Says file and line of options, for messages."""

    def __init__(self, name: str, text: str = "") -> None:
        """``text`` is the content of the file ``name``; without it no lines are known."""
        self._name = name
        self._lines: dict[tuple[str, str], int] = {}
        section = ""
        for number, line in enumerate(text.splitlines(), 1):
            found = _SECTION.match(line)
            if found is not None:
                section = found["name"]
                self._lines.setdefault((section, ""), number)
                continue
            option = _NAME.match(line)
            if option is not None:
                self._lines.setdefault((section, option["name"].strip("\"' ").lower()), number)

    def of(self, section: str, option: str = "") -> str:
        """Return where a section or an option in it stands."""
        line = self._lines.get((section, option.lower()))
        place = f"{self._name}, line {line}" if line is not None else self._name
        return f"{place}, [{section}] {option}".rstrip()


def unknown_section(name: str, where: str, known: Iterable[str]) -> ValueError:
    """Return the error about a section that nobody reads."""
    sections = [*OPTION_SECTIONS, *LEAF_SECTIONS, *known]
    near = nearest(name, sections)
    suggestion = f"did you mean [{near}]?" if near else f"there are {', '.join(sections)}."
    return ValueError(f"{where}: nobody reads a section [{name}]; {suggestion}")


def relative(name: str, branch: str) -> str:
    """Return the name of a parameter without that of its branch."""
    return name.removeprefix(f"{branch}.")
