"""List the experiments below a folder: ``pypet ls [FOLDER]``."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from pypet.cli.arguments import add_json
from pypet.interfaces import Command
from pypet.markers import hookimpl

if TYPE_CHECKING:
    from pypet.catalog.listing import Entry

_STATUS_SHOWN = 0
_STATUS_INCOMPLETE = 1
"""A file or trajectory that is there cannot be read."""
_COMMENT_WIDTH = 60


def ls(arguments: argparse.Namespace) -> int:
    """Write a line about each trajectory of the files below a folder to stdout.

    The status is 1 if something that is there cannot be read; the rest is listed.

    Raises
    ------
    OSError, StorageFormatError
        There is no such folder, or nothing can be read.
    """
    # Deferred, because each start of `pypet` registers this command.
    from pypet.catalog.listing import listed_trajectories
    from pypet.cli.output import Column, write_json, write_table

    entries = list(listed_trajectories(arguments.path, recursive=not arguments.flat))
    if arguments.json:
        write_json(path=arguments.path, trajectories=tuple(entries))
    elif entries:
        columns = (
            Column("NAME", style="name"),
            Column("RUNS", is_right=True, style="number"),
            Column("COMPLETED", is_right=True, style="number"),
            Column("SIZE", is_right=True),
            Column("DATE"),
            Column("FILE"),
            Column("COMMENT"),
        )
        write_table(columns, map(_cells, entries))
    else:
        from pypet.cli.output import write_facts

        write_facts([("", f"no trajectories below {arguments.path}")])
    return _STATUS_INCOMPLETE if any(entry.problem for entry in entries) else _STATUS_SHOWN


def _cells(entry: Entry) -> tuple[str, ...]:
    from pypet.support.readable import one_line, size_text

    about = f"cannot be read: {entry.problem}" if entry.problem else entry.comment
    completed = "" if entry.completed is None else str(entry.completed)
    if entry.failed:
        completed += f" ({entry.failed} failed)"
    return (
        entry.trajectory or "-",
        "" if entry.runs is None else str(entry.runs),
        completed,
        size_text(entry.size),
        _date(entry),
        entry.path,
        one_line(about, _COMMENT_WIDTH),
    )


def _date(entry: Entry) -> str:
    if not entry.timestamp:
        return entry.time
    try:
        return datetime.fromtimestamp(entry.timestamp).strftime("%Y-%m-%d %H:%M")
    except (OverflowError, ValueError, OSError):  # a damaged row has anything in its place
        return entry.time


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", nargs="?", default=".", metavar="FOLDER", help="a folder or file; default: this one"
    )
    add_json(parser)
    parser.add_argument("--flat", action="store_true", help="leave out folders within the folder")


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet ls``."""
    return [Command("ls", "List the experiments in files below a folder.", ls, _add_arguments)]
