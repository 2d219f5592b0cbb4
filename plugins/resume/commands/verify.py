"""The command ``pypet verify``: whether files and journals are intact."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from pypet.catalog.files import UNREADABLE, check_has, in_a_line, service_for
from pypet.encoding.unpickling import NEVER
from pypet.errors import DataNotInStorageError
from pypet.plugins.resume.journal_check import check_journal
from pypet.plugins.resume.reading import experiments_in
from pypet.records import Finding
from pypet.records.nodes import ERROR, NOTE, WARNING
from pypet.support.terminal_text import write_lines

FORMAT = 1
"""Of ``--json``: changes when a key changes its meaning or is removed."""
_STATUS_SOUND = 0
_STATUS_BROKEN = 1
_LEVEL_WIDTH = 9
_BACKUP = "restore the file from a backup, or see what `pypet repair` can save"


class Located(NamedTuple):
    """A finding, and what it is about."""

    file: str
    trajectory: str | None
    finding: Finding


def verify(arguments: argparse.Namespace) -> int:
    """Write the problems of a file, or of the folder of an experiment, to stdout.

    The status is 1 if something is damaged.

    Raises
    ------
    FileNotFoundError
        There is no such file, or no experiment in the folder.
    DataNotInStorageError
        There is no such trajectory.
    """
    path, trajectory = arguments.path, arguments.trajectory
    found: list[Located] = []
    checked: list[str] = []
    lines = findings_of(path, trajectory, checked)
    for each in lines:
        found.append(each)
        if not arguments.json:
            write_lines(sys.stdout, [_line(each)])
    counts = {
        level: sum(each.finding.level == level for each in found)
        for level in (ERROR, WARNING, NOTE)
    }
    if arguments.json:
        content = {
            "format": FORMAT,
            "checked": checked,
            **{f"{level}s": count for level, count in counts.items()},
            "findings": [_described(each) for each in found],
        }
        write_lines(sys.stdout, json.dumps(content, indent=2).splitlines())
    else:
        text = ", ".join(_number(count, level) for level, count in counts.items())
        write_lines(sys.stdout, [f"{', '.join(checked)}: {text}"])
    return _STATUS_BROKEN if counts[ERROR] else _STATUS_SOUND


def findings_of(path: str, trajectory: str | None, checked: list[str]) -> Iterator[Located]:
    """Yield what is found in a file or folder; what was checked is appended to ``checked``."""
    if not os.path.isdir(path):
        yield from _of_file(path, trajectory, checked)
        return
    folders = experiments_in(path)
    if not folders:
        raise FileNotFoundError(
            f"There is no resumable experiment in {path}; `pypet verify FILE` checks a data file."
        )
    for folder in folders:
        checked.append(folder)
        result = check_journal(folder)
        for file, finding in result.findings:
            yield Located(file, None, finding)
        if result.data_file is not None and os.path.exists(result.data_file):
            try:
                yield from _of_file(result.data_file, result.trajectory, checked)
            except DataNotInStorageError as error:
                advice = "nothing, if the experiment died as it began: resuming stores it"
                finding = Finding(WARNING, "", in_a_line(error), advice)
                yield Located(result.data_file, None, finding)


def _of_file(path: str, trajectory: str | None, checked: list[str]) -> Iterator[Located]:
    service = service_for(path)
    service.unpickle = NEVER
    checked.append(path)
    if service.has_pending_commit():
        text = "a process was killed while it wrote a commit, which is complete in the redo log"
        note = Finding(NOTE, "", text, "nothing: whoever opens the file with pypet finishes it")
        yield Located(path, None, note)
    try:
        names = service.trajectory_names()
    except UNREADABLE as error:
        yield Located(path, None, Finding(ERROR, "", in_a_line(error), _BACKUP))
        return
    if trajectory is not None:
        check_has(service, path, trajectory)
    elif not names:
        advice = "check that this is the file of an experiment"
        yield Located(path, None, Finding(WARNING, "", "the file has no trajectories", advice))
    for name in names if trajectory is None else [trajectory]:
        try:
            for finding in service.verify(name):
                yield Located(path, name, finding)
        except UNREADABLE as error:
            yield Located(path, name, Finding(ERROR, "", in_a_line(error), _BACKUP))


def _line(each: Located) -> str:
    level, node, text, advice = each.finding
    place = each.trajectory or ""
    if node:
        place = f"{place}.{node}" if place else node
    where = f"{each.file}  {place}" if place else each.file
    end = f"; {advice}" if advice else ""
    return f"{level:<{_LEVEL_WIDTH}}{where}: {' '.join(text.split())}{end}"


def _described(each: Located) -> dict[str, Any]:
    level, node, text, advice = each.finding
    return {
        "level": level,
        "file": each.file,
        "trajectory": each.trajectory,
        "node": node,
        "text": text,
        "advice": advice,
    }


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
