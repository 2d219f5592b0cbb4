"""The command ``pypet plot``: a figure of the runs of a stored trajectory, as a file.

It draws nothing itself: the kinds of figures are those that plugins register.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from typing import Any

from pypet.interfaces import Command, Plot
from pypet.manager import get_manager
from pypet.markers import hookimpl
from pypet.support.terminal_text import write_lines


def plot(arguments: argparse.Namespace) -> int:
    """Draw a figure into a file, and write the name of the file to stdout.

    Raises
    ------
    PlotError, UnknownPluginError, MissingDependencyError
        The figure cannot be drawn.
    OSError, StorageFormatError
        A file cannot be read or written.
    SystemExit
        No kind of figure, or not the one that was named, takes the arguments that were given; the
        status is 2.
    """
    # Deferred, because each start of `pypet` registers this command.
    from pypet.cli.output import write_json
    from pypet.tables import read_table
    from pypet.tables.figures import suitable_plot

    chosen = {
        name: value
        for name in (*Plot.column_arguments, "where")
        if (value := getattr(arguments, name)) is not None
    }
    source: Any = (arguments.file, arguments.trajectory)
    if arguments.kind is None:
        _check_combination(chosen, arguments._parser)
        source = read_table(source)
        kind = suitable_plot(source, chosen)
    else:
        kind = get_manager().plot(arguments.kind)
        _check_arguments(kind, chosen, arguments._parser)
    kind.save(source, arguments.to, **chosen)
    path = os.path.abspath(arguments.to)
    if arguments.json:
        write_json(kind=kind.name, path=path, **chosen)
    else:
        write_lines(sys.stdout, path.splitlines())
    return 0


def _check_arguments(
    kind: type[Plot], given: Iterable[str], parser: argparse.ArgumentParser
) -> None:
    wrong = [
        f"--{name}"
        for name in given
        if name in Plot.column_arguments and name not in kind.arguments
    ]
    if wrong:
        taken = ", ".join(f"--{name}" for name in kind.arguments)
        parser.error(f"--kind {kind.name} has no {', '.join(wrong)}; it takes {taken}")


def _check_combination(given: Iterable[str], parser: argparse.ArgumentParser) -> None:
    """Exit unless there is a kind of figure that takes all of the columns that are named."""
    named = [name for name in given if name in Plot.column_arguments]
    kinds = get_manager().plots()
    if kinds and not any(set(named) <= set(kind.arguments) for kind in kinds):
        parser.error(f"no kind of figure takes all of {', '.join(f'--{name}' for name in named)}")


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of names with commas in between")
    return names


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="file of a storage service")
    parser.add_argument("trajectory", nargs="?", help="name of a trajectory; default: the only one")
    parser.add_argument("--to", required=True, metavar="OUT.png", help="file to draw into")
    parser.add_argument(
        "--kind",
        help="kind of figure, see below; default: what suits the number of explored parameters "
        "and the columns that are named",
    )
    for name, text in (
        ("x", "column for the horizontal axis"),
        ("y", "column for the vertical axis"),
        ("color", "column that colours show"),
        ("by", "parameter whose values get a line each"),
    ):
        parser.add_argument(f"--{name}", metavar="COLUMN", help=text)
    parser.add_argument("--columns", type=_names, metavar="A,B,...", help="columns to be shown")
    parser.add_argument("--where", help="only runs for which this holds, as for `pypet table`")
    parser.add_argument("--json", action="store_true", help="write JSON for other programs")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _kinds()


def _kinds() -> str:
    """Return a line about each kind of figure, for the help."""
    kinds = get_manager().plots()
    width = max((len(kind.name) for kind in kinds), default=0)
    lines = [f"  {kind.name:{width}}  {kind.help}" for kind in kinds]
    return "\n".join(["kinds of figures:", *(lines or ['  none: pip install "pypet[plot]"'])])


PLOT = Command("plot", "Draw a figure of the runs of a trajectory.", plot, _add_arguments)


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register the command."""
    return [PLOT]
