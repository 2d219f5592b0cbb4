"""Export runs of a trajectory as a file of other programs: ``pypet export``.

The formats are plugins of their own, in the modules beside this one.
"""

from __future__ import annotations

import argparse

from pypet.interfaces import Command
from pypet.markers import hookimpl


def _export(arguments: argparse.Namespace) -> int:
    # Deferred, because each start of `pypet` registers this command.
    from pypet.plugins.export.command import export

    return export(arguments)


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names like x,z,runtime")
    return names


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="file with the trajectory")
    parser.add_argument("trajectory", nargs="?", help="its name; default: the only one")
    parser.add_argument(
        "--to",
        required=True,
        metavar="FILE",
        help="file to write; .csv, .json, .parquet, .nc, .zarr or others of plugins",
    )
    parser.add_argument("--format", metavar="NAME", help="format, if the ending does not say it")
    parser.add_argument(
        "--columns",
        type=_names,
        metavar="NAMES",
        help="names separated by commas; default: explored parameters and scalar results",
    )
    parser.add_argument(
        "--where", metavar="CONDITION", help="only runs for which it holds: 'x > 3 and z < 1'"
    )
    parser.add_argument("--completed", action="store_true", help="only completed runs")
    parser.add_argument("--force", action="store_true", help="replace the file if it exists")
    parser.add_argument("--json", action="store_true", help="write JSON for other programs")


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
