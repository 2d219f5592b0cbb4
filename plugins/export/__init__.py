"""Export runs of a trajectory as a file of other programs: ``pypet export``.

The formats are plugins of their own, in the modules beside this one.
"""

from __future__ import annotations

import argparse

from pypet.cli.arguments import add_file, add_json, add_rows
from pypet.interfaces import Command
from pypet.markers import hookimpl


def _export(arguments: argparse.Namespace) -> int:
    # Deferred, because each start of `pypet` registers this command.
    from pypet.plugins.export.command import export

    return export(arguments)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    parser.add_argument(
        "--to",
        required=True,
        metavar="FILE",
        help="file to write; .csv, .json, .parquet, .nc, .zarr or others of plugins",
    )
    parser.add_argument("--format", metavar="NAME", help="format, if the ending does not say it")
    add_rows(parser)
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    add_json(parser)


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet export``."""
    return [
        Command(
            "export",
            "Write a row for each run to a file for other programs.",
            _export,
            _add_arguments,
        )
    ]
