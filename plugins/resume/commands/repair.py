"""The command ``pypet repair``: a new file with what is sound, and with what a journal has."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pypet.catalog.files import UNREADABLE, in_a_line
from pypet.cli.output import write_json
from pypet.errors import ResumeError
from pypet.plugins.resume.folders import resume_folder, snapshot_path
from pypet.plugins.resume.reading import folder_of_file, service_of, the_experiment
from pypet.plugins.resume.repairing import (
    Salvaged,
    broken_nodes,
    journals_of,
    salvage,
    uncounted_runs,
)
from pypet.plugins.resume.snapshots.container import read_header
from pypet.plugins.resume.snapshots.facts import FACTS_KEY
from pypet.support.terminal_text import escape_unprintable, write_lines

_logger = logging.getLogger(__name__)

_STATUS_WHOLE = 0
_STATUS_LOST = 1
"""Something is lost."""


def repair(arguments: argparse.Namespace) -> int:
    """Save the intact part of a file to a new one next to it; the file itself does not change.

    The status is 1 if something is lost.

    Raises
    ------
    FileNotFoundError
        There is no such file or experiment.
    FileExistsError
        The new file, or its report, is there already.
    ResumeError
        The experiment is running, or nothing is known of its file.
    """
    path, parent = _what_is_meant(arguments)
    journals = journals_of(path, parent)
    if arguments.resume_folder is None:
        _point_to_other_journals(path, journals)
    try:
        broken = broken_nodes(path)
    except FileNotFoundError:
        if not journals:
            raise
        broken = {}
    except UNREADABLE as error:
        if not journals:
            raise
        if not arguments.json:
            write_lines(sys.stdout, [f"{path} cannot be opened: {in_a_line(error)}"])
        broken = {name: {"": in_a_line(error)} for name in journals}
    if not any(broken.values()) and not uncounted_runs(path, journals):
        if arguments.json:
            write_json(path=path, output=None, report=None, trajectories=[])
        else:
            write_lines(sys.stdout, [f"{path}: nothing is broken, so there is nothing to repair"])
        return _STATUS_WHOLE
    output = arguments.output or _new_name(path)
    report = f"{os.path.splitext(output)[0]}.txt"
    for each in (output, report):
        if os.path.exists(each):
            raise FileExistsError(
                f"{each} is there already; move it away, or give another name with --output."
            )
    saved = salvage(path, output, broken, journals)
    lines = list(_lines(path, output, saved))
    with open(report, "x", encoding="utf8") as file:
        file.writelines(f"{escape_unprintable(line)}\n" for line in [*lines, *_details(saved)])
    if arguments.json:
        write_json(path=path, output=output, report=report, trajectories=list(map(_plain, saved)))
    else:
        write_lines(sys.stdout, [*lines, f"details     {report}"])
    is_lost = any(each.missing or not (each.copied or each.restored) for each in saved)
    return _STATUS_LOST if is_lost else _STATUS_WHOLE


def _point_to_other_journals(path: str, journals: Mapping[str, str]) -> None:
    """Warn of journals where the file says that they are: what a file names is not unpickled."""
    try:
        names = [name for name in service_of(path).trajectory_names() if name not in journals]
    except UNREADABLE:
        return
    for name in names:
        folder = folder_of_file(path, name, None)
        if folder is not None:
            _logger.warning(
                "The journal of %r is in %s. To use it, which unpickles it: --resume-folder %s",
                *(name, folder, shlex.quote(os.path.dirname(folder))),
            )


def _plain(saved: Salvaged) -> dict[str, Any]:
    return {
        "trajectory": saved.trajectory,
        "copied": saved.copied,
        "broken": saved.broken,
        "restored": saved.restored,
        "lost": saved.missing,
        "journal": saved.journal,
    }


def _what_is_meant(arguments: argparse.Namespace) -> tuple[str, str]:
    """Return the path of a data file, and the folder with its experiments."""
    path: str = arguments.path
    if not os.path.isdir(path):
        return path, resume_folder(arguments.resume_folder)
    folder = the_experiment(path, path)
    file = read_header(snapshot_path(folder))[FACTS_KEY].get("file")
    if file is None:
        raise ResumeError(f"The experiment in {folder} has no data file that could be repaired.")
    return str(file), os.path.dirname(os.path.abspath(folder))


def _new_name(path: str) -> str:
    root, extension = os.path.splitext(path)
    return f"{root}.repaired{extension or '.hdf5'}"


def _lines(path: str, output: str, saved: Sequence[Salvaged]) -> Iterator[str]:
    yield f"file        {path}, left as it is"
    yield f"new file    {output}"
    for each in saved:
        parts = [f"{each.copied} nodes copied"]
        if each.journal is not None:
            parts.append(f"{len(each.restored)} restored from {each.journal}")
        parts.append(f"{len(each.missing)} lost")
        yield f"trajectory  {each.trajectory}: {', '.join(parts)}"


def _details(saved: Sequence[Salvaged]) -> Iterator[str]:
    for each in saved:
        restored = set(each.restored)
        for path, problem in sorted(each.broken.items()):
            fate = "lost" if path in each.missing else "restored" if path in restored else "rebuilt"
            place = f"{each.trajectory}.{path}" if path else each.trajectory
            yield f"{fate}  {place}  {' '.join(problem.split())}"
        for path in each.restored:
            if path not in each.broken:
                yield f"added  {each.trajectory}.{path}  it was in the journal only"
