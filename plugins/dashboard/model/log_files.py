"""What log files say about one run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TAIL_BYTES = 1 << 16
"""Of longer logs the end is shown."""
_MOST_FILES = 8
_MOST_SCANNED_BYTES = 1 << 24
"""Of a log with all runs the last part is searched."""
_FOLDER = "logs"


@dataclass(frozen=True, slots=True)
class LogText:
    """What a log file has about a run."""

    path: str
    text: str
    is_cut: bool
    """Whether there is more before it."""


def log_folders(path: str, given: str | None = None) -> list[str]:
    """Return the folders where logs may be: the one given, or those of the default configuration.

    That is ``logs`` in the working folder of an experiment, so it is looked for beside its file,
    one folder above and in the present working folder.
    """
    if given is not None:
        return [given]
    folder = os.path.dirname(os.path.abspath(path))
    places = (os.getcwd(), folder, os.path.dirname(folder))
    found = dict.fromkeys(os.path.join(place, _FOLDER) for place in places)
    return [each for each in found if os.path.isdir(each)]


def logs_of_run(
    folders: Iterable[str], trajectory: str, run_name: str, index: int
) -> list[LogText]:
    """Return what logs say about a run.

    A log file of its own, as worker processes write them, has its name in the name of the file.
    Of the log of a main process it is the part between its first and its last line.

    Raises
    ------
    OSError
        A log cannot be read.
    """
    found: list[LogText] = []
    shared: list[str] = []
    for file in _files(folders, trajectory):
        name = os.path.basename(file)
        if run_name in name:
            found.append(_tail(file))
        elif name.endswith("LOG.txt") and not re.match(r"run_\d", name):
            shared.append(file)
    if not found:
        found = [each for file in shared if (each := _part(file, index)) is not None]
    return found[-_MOST_FILES:]


def _files(folders: Iterable[str], trajectory: str) -> Iterator[str]:
    """Yield the log files of a trajectory, those that were changed last at the end."""
    found: list[tuple[float, str]] = []
    for folder in folders:
        top = os.path.join(folder, trajectory)
        # The name may be anybody's; it leads nowhere but into the folder.
        if os.path.dirname(os.path.abspath(top)) != os.path.abspath(folder):
            continue
        for place, _, names in os.walk(top):
            for name in names:
                file = os.path.join(place, name)
                if os.path.isfile(file) and os.path.getsize(file):
                    found.append((os.path.getmtime(file), file))
    yield from (file for _, file in sorted(found))


def _tail(path: str) -> LogText:
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        stream.seek(max(0, size - TAIL_BYTES))
        text = stream.read(TAIL_BYTES).decode("utf8", "replace")
    return LogText(path, text, size > TAIL_BYTES)


def _part(path: str, index: int) -> LogText | None:
    """Return what a log with all runs has between the first and the last line of one."""
    size = os.path.getsize(path)
    with open(path, "rb") as stream:
        stream.seek(max(0, size - _MOST_SCANNED_BYTES))
        text = stream.read(_MOST_SCANNED_BYTES).decode("utf8", "replace")
    begin = text.rfind(f"Starting single run #{index} of ")
    if begin < 0:
        return None
    begin = text.rfind("\n", 0, begin) + 1
    end = text.find(f"Finished single run #{index} of ", begin)
    if end >= 0:
        end = text.find("\n", end)
    else:  # it failed or goes on: up to the next run
        end = text.find("Starting single run #", text.find("\n", begin))
        end = text.rfind("\n", 0, end) if end >= 0 else end
    part = text[begin:] if end < 0 else text[begin:end]
    return LogText(path, part[-TAIL_BYTES:], len(part) > TAIL_BYTES)
