"""The command ``pypet resume``: executes the runs that are missing without the user's script."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext, redirect_stdout
from typing import Any

from pypet.cli.output import write_json
from pypet.environment import Environment
from pypet.plugins.resume.folders import resume_folder, snapshot_path
from pypet.plugins.resume.reading import the_experiment
from pypet.plugins.resume.snapshots.container import read_header
from pypet.plugins.resume.snapshots.facts import FACTS_KEY, PARALLEL_OPTIONS
from pypet.runs import run_table_of
from pypet.support.terminal_text import write_lines

_STATUS_COMPLETED = 0
_STATUS_INCOMPLETE = 1
"""Some runs are not completed: they failed, or the experiment was interrupted."""
_CHOOSING = ("multiproc", "use_pool", "scheduler")
"""Options that choose a scheduler."""


def resume(arguments: argparse.Namespace) -> int:
    """Go on with an experiment in this process, in the folder in which it was started.

    The status is 1 if runs are still missing at the end.

    Raises
    ------
    FileNotFoundError
        There is no such experiment, or it has no snapshot.
    ResumeError
        There are several, or it is running, or something of it has changed.
    StorageFormatError
        Its snapshot is damaged.
    Exception
        Whatever runs raise, unless the others go on.
    """
    folder = the_experiment(arguments.path, resume_folder(arguments.resume_folder))
    parent, name = os.path.split(os.path.abspath(folder))
    facts = read_header(snapshot_path(folder))[FACTS_KEY]
    options = execution_options(facts.get("options", {}), arguments)
    _enter(facts.get("working_folder"))
    # With --json only JSON goes to stdout, whatever runs print.
    redirection = redirect_stdout(sys.stderr) if arguments.json else nullcontext()
    # Of this trajectory nothing is stored: that of the snapshot takes its place.
    with redirection:
        environment = Environment(
            trajectory=name, add_time=False, resumable=True, resume_folder=parent, **options
        )
        with environment:
            environment.resume(name, force=arguments.force)
    runs: Any = run_table_of(environment.trajectory)
    total, completed = len(runs), len(runs.completed_indices())
    stored = facts.get("file")
    status = _STATUS_COMPLETED if completed == total else _STATUS_INCOMPLETE
    if arguments.json:
        write_json(trajectory=name, file=stored, runs=total, completed=completed)
        return status
    where = "" if stored is None else f", data is in {stored}"
    write_lines(sys.stdout, [f"{name}: {completed} of {total} runs are committed{where}"])
    return status


def execution_options(former: Mapping[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options by which runs are executed: as before, but for what was asked for."""
    options = {
        name: tuple(value) if isinstance(value, list) else value for name, value in former.items()
    }
    ncores, scheduler = arguments.ncores, arguments.scheduler
    if scheduler is None and ncores == 1:
        return {name: value for name, value in options.items() if name not in PARALLEL_OPTIONS}
    if scheduler is not None:
        options = {name: value for name, value in options.items() if name not in _CHOOSING}
        options["scheduler"] = scheduler
    elif ncores is not None and not options.get("multiproc"):
        options["multiproc"] = True
    if ncores is not None:
        options["ncores"] = ncores
    if arguments.wrap_mode is not None:
        options["wrap_mode"] = arguments.wrap_mode
    return options


def _enter(folder: str | None) -> None:
    """Make the folder of the experiment the working folder, where its relative paths lead."""
    if folder is not None and os.path.isdir(folder):
        os.chdir(folder)
