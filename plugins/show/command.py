"""The command ``pypet show``: its arguments, output and status."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import Any

from pypet.cli.arguments import add_json
from pypet.interfaces import Command
from pypet.support.terminal_text import write_lines

_STATUS_SHOWN = 0
_STATUS_INCOMPLETE = 1
"""Something that is there cannot be read."""


def show(arguments: argparse.Namespace) -> int:
    """Write the content of a file, folder or trajectory to stdout.

    The status is 1 if a part cannot be read; the rest is shown.

    Raises
    ------
    OSError, StorageFormatError
        Nothing can be shown: no such file or trajectory, or it cannot be read at all.
    """
    # Deferred, because each start of `pypet` registers this command.
    from pypet.catalog import files

    path: str = arguments.file
    if not os.path.isdir(path) or files.is_storage(path):
        return _show_file(path, arguments)
    if arguments.trajectory is not None:
        raise IsADirectoryError(
            f"{path} is a folder: name the file in it that has the trajectory "
            f"{arguments.trajectory!r}. `pypet show {path}` lists them."
        )
    from pypet.plugins.show.formatting import folder_lines

    folder = files.listed_folder(path, recursive=arguments.recursive)
    _write(arguments, folder_lines(folder), folder=folder)
    is_integer = all(
        not file.problem and not any(summary.problem for summary in file.trajectories)
        for file in folder.files
    )
    return _STATUS_SHOWN if is_integer else _STATUS_INCOMPLETE


def _show_file(path: str, arguments: argparse.Namespace) -> int:
    from pypet.catalog import described_node, described_trajectory, listed_file, size_of
    from pypet.cli.output import write_facts, write_json
    from pypet.plugins.show.formatting import file_lines, node_facts, trajectory_facts

    name: str | None = arguments.trajectory
    if name is None:
        listing = listed_file(path)
        _write(arguments, file_lines(listing), file=listing)
        is_integer = not any(summary.problem for summary in listing.trajectories)
    elif arguments.node is None:
        summary, contents = described_trajectory(path, name)
        size = size_of(path)
        if arguments.json:
            write_json(path=path, size=size, trajectory=summary, contents=contents)
        else:
            write_facts(trajectory_facts(path, size, summary, contents))
        is_integer = not contents.problems
    else:
        node = described_node(path, name, arguments.node)
        if arguments.json:
            write_json(path=path, trajectory=name, node=node)
        else:
            write_facts(node_facts(node))
        is_integer = not node.problem and not any(child.problem for child in node.children)
    return _STATUS_SHOWN if is_integer else _STATUS_INCOMPLETE


def _write(arguments: argparse.Namespace, lines: Iterable[str], **described: Any) -> None:
    if arguments.json:
        from pypet.cli.output import write_json

        write_json(**described)
    else:
        write_lines(sys.stdout, list(lines))


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="file of a storage service, or a folder with such files")
    parser.add_argument("trajectory", nargs="?", help="name of a trajectory; default: list all")
    parser.add_argument("node", nargs="?", help="full name of a node, or its end; default: all")
    add_json(parser)
    parser.add_argument(
        "-r", "--recursive", action="store_true", help="also list files in folders of the folder"
    )


SHOW = Command("show", "Show the content of files with trajectories.", show, _add_arguments)
