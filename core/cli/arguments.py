"""Arguments that several commands take, with the same meaning and the same help."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def add_json(parser: argparse._ActionsContainer) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="write JSON for other programs")


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add a file, and a trajectory in it, which may be left out if it is the only one."""
    parser.add_argument("file", help="file with the trajectory")
    parser.add_argument("trajectory", nargs="?", help="its name; default: the only one")


def add_rows(parser: argparse.ArgumentParser) -> None:
    """Add what chooses rows and columns of the table of runs; see `pypet.cli.tables`."""
    parser.add_argument(
        "--columns",
        type=names,
        metavar="NAMES",
        help="names separated by commas; default: explored parameters and scalar results",
    )
    parser.add_argument(
        "--where", metavar="CONDITION", help="only runs for which it holds: 'x > 3 and z < 1'"
    )
    parser.add_argument("--completed", action="store_true", help="only completed runs")


def names(text: str) -> list[str]:
    """Return the names in a text with commas in between, as a type of arguments.

    Raises
    ------
    argparse.ArgumentTypeError
        One of them is empty.
    """
    found = [name.strip() for name in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names like x,z,runtime")
    return found


def whole_number(what: str, least: int = 0) -> Callable[[str], int]:
    """Return a type of arguments: whole numbers from ``least`` on.

    ``what`` says in messages what they count.
    """

    def convert(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a {what}")
        return int(text)

    return convert
