"""Reading the text of ini and TOML files, and locating entries in it for messages."""

from __future__ import annotations

import re
from pathlib import Path

from pypet.support.filesystem import working_folder

_SECTION = re.compile(r"\s*\[\[?\s*(?P<name>[^\]]+?)\s*\]")
_NAME = re.compile(r"(?P<indent>\s*)(?P<name>[^\s=:#;\[][^=:]*?)\s*[=:]")


def read_config_text(path: Path, what: str = "config file") -> str:
    """Return the content of a file in UTF-8, with or without a byte order mark.

    ``what`` is the kind of file in messages.

    Raises
    ------
    ValueError
        There is no such file, or it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        place = "" if path.is_absolute() else f" in {working_folder()!r}"
        raise ValueError(f"There is no {what} {str(path)!r}{place}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"The {what} {str(path)!r} is not text in UTF-8: {error}. Save it in that encoding."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise ValueError(f"The {what} {str(path)!r} cannot be read: {error}") from error


class SourceLocations:
    """Finds file and line of sections and options."""

    def __init__(self, name: str, text: str = "", *, continued: bool = True) -> None:
        """``text`` is the content of the file ``name``; without it lines are unknown.

        With ``continued``, a line that is indented more than an option continues its value, as in
        ini files.
        """
        self._name = name
        self._lines: dict[tuple[str, str], int] = {}
        section = ""
        least: int | None = None
        for number, line in enumerate(text.splitlines(), 1):
            option = _NAME.match(line)
            if continued and option and least is not None and len(option["indent"]) > least:
                continue
            found = _SECTION.match(line)
            if found is not None:
                section, least = found["name"], None
                self._lines.setdefault((section, ""), number)
            elif option is not None:
                least = len(option["indent"])
                self._lines.setdefault((section, option["name"].strip("\"' ").lower()), number)

    def locate(self, section: str, option: str = "") -> str:
        """Return file, line and name of a section or an option."""
        line = self._lines.get((section, option.lower()))
        if line is None:  # in TOML it may be a table
            line = self._lines.get((f"{section}.{option}", ""))
        place = f"{self._name}, line {line}" if line is not None else self._name
        return f"{place}, {f'[{section}] ' if section else ''}{option}".rstrip(" ,")
