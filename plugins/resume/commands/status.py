"""The command ``pypet status``: what ran, what is missing, what runs now, and how long it takes."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from pypet.catalog.experiments import RUNNING
from pypet.catalog.files import check_has, service_for
from pypet.cli.output import write_facts
from pypet.plugins.resume.commands.status_json import as_json
from pypet.plugins.resume.commands.status_text import experiment_facts, list_lines
from pypet.plugins.resume.reading import (
    ExperimentReader,
    ExperimentReport,
    experiments_in,
    folder_of_file,
    report_of_file,
)
from pypet.support.terminal_text import write_lines

_STATUS_SHOWN = 0
_STATUS_INCOMPLETE = 1
"""Something that is there cannot be read."""
_CLEAR = "\x1b[H\x1b[J"
"""Moves the cursor of a terminal to its upper left corner, and erases all from there on."""

Read = Callable[[], ExperimentReport]


def status(arguments: argparse.Namespace) -> int:
    """Write what is known of the experiments of a folder or file to stdout.

    The status is 1 if something that is there cannot be read; the rest is shown.

    Raises
    ------
    OSError, StorageFormatError
        Nothing can be shown.
    DataNotInStorageError
        There is no such trajectory.
    """
    readers = _readers(arguments)
    reports = [read() for read in readers]
    _show(arguments, reports, is_first=True)
    if arguments.watch is not None:
        for latest in _watched(readers, reports, arguments.watch):
            reports = latest
            _show(arguments, reports, is_first=False)
    is_integer = not any(report.problems for report in reports)
    return _STATUS_SHOWN if is_integer else _STATUS_INCOMPLETE


def _readers(arguments: argparse.Namespace) -> list[Read]:
    """Return what reads each of the experiments that are meant."""
    path, name = arguments.path, arguments.trajectory
    if os.path.isdir(path):
        folders = experiments_in(path)
        if name is not None:
            folders = [each for each in folders if os.path.basename(each) == name]
        if not folders:
            what = "no resumable experiment" if name is None else f"no experiment {name!r}"
            raise FileNotFoundError(
                f"There is {what} in {path}: its folder is gone once it is completed. `pypet "
                "status FILE` says what is in a data file."
            )
        return [ExperimentReader(folder).read for folder in folders]
    service = service_for(path)
    if name is not None:
        check_has(service, path, name)
    chosen = service.trajectory_names() if name is None else [name]
    return [_reader_of_trajectory(path, each, arguments.resume_folder) for each in chosen]


def _reader_of_trajectory(path: str, trajectory: str, parent: str | None) -> Read:
    """Return what reads the journal of a trajectory, if there is one, or else its run table."""
    folder = folder_of_file(path, trajectory, parent)
    if folder is not None:
        return ExperimentReader(folder).read
    return lambda: report_of_file(path, trajectory)


def _watched(
    readers: Sequence[Read], reports: list[ExperimentReport], seconds: float
) -> Iterator[list[ExperimentReport]]:
    """Yield reports until none of the experiments runs any more."""
    last = list(reports)
    while any(report.state == RUNNING for report in last):
        time.sleep(seconds)
        for index, read in enumerate(readers):
            if last[index].state == RUNNING:
                last[index] = _read_again(read, last[index])
        yield list(last)


def _read_again(read: Read, former: ExperimentReport) -> ExperimentReport:
    try:
        return read()
    except FileNotFoundError:  # it is completed, and its folder was removed
        assert former.file is not None
        return report_of_file(former.file, former.trajectory)


def _show(
    arguments: argparse.Namespace, reports: Sequence[ExperimentReport], *, is_first: bool
) -> None:
    if arguments.json:
        indent = None if arguments.watch is not None else 2
        text = json.dumps(as_json(reports), indent=indent, allow_nan=False)
        write_lines(sys.stdout, text.splitlines())
    else:
        if not is_first:
            sys.stdout.write(_CLEAR if sys.stdout.isatty() else "\n")
        if len(reports) == 1:
            write_facts(experiment_facts(reports[0]))
        else:
            write_lines(sys.stdout, list(list_lines(reports)))
    sys.stdout.flush()
