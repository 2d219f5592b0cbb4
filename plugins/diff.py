"""Compare two experiments or runs: ``pypet diff A B``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pypet.cli.arguments import add_json
from pypet.interfaces import Command
from pypet.markers import hookimpl

if TYPE_CHECKING:
    from pypet.catalog.comparison import Comparison, Place
    from pypet.catalog.differences import Difference

_STATUS_DONE = 0
_STATUS_DIFFERENT = 1
_WIDTH = 60
_PLACE = "FILE, FILE:TRAJECTORY or FILE:TRAJECTORY:RUN, the run by index or name"


def diff(arguments: argparse.Namespace) -> int:
    """Write what differs between two experiments, or two runs, to stdout.

    The status is 0, with ``--exit-code`` 1 if something differs.

    Raises
    ------
    CommandError
        There is no such run, or an experiment is compared with a run.
    OSError, StorageFormatError
        A file cannot be read.
    """
    # Deferred, because each start of `pypet` registers this command.
    from pypet.catalog.comparison import compare, find_place
    from pypet.catalog.differences import SECTIONS
    from pypet.cli.output import write_facts, write_json
    from pypet.cli.tables import one_line_errors

    with one_line_errors():  # damage that tables of runs meet
        found = compare(find_place(arguments.a), find_place(arguments.b))
    if arguments.json:
        sections = {section: getattr(found, section) for section in SECTIONS}
        write_json(a=found.a, b=found.b, equal=found.is_equal, differences=sections)
    else:
        write_facts(_facts(found))
    return _STATUS_DIFFERENT if arguments.exit_code and not found.is_equal else _STATUS_DONE


def _facts(found: Comparison) -> Iterator[tuple[str, str]]:
    from pypet.catalog.differences import SECTIONS

    yield "a", _place(found.a)
    yield "b", _place(found.b)
    for section in SECTIONS:
        for difference in getattr(found, section):
            yield section, _described(difference)
    if found.is_equal:
        yield "equal", "nothing differs"


def _place(place: Place) -> str:
    run = "" if place.run is None else f" run {place.run}"
    return f"{place.path} trajectory {place.trajectory}{run}"


def _described(difference: Difference) -> str:
    from pypet.support.readable import one_line

    name = difference.name
    a, b = (
        "-" if text is None else one_line(text, _WIDTH) for text in (difference.a, difference.b)
    )
    about = f" ({difference.about})" if difference.about else ""
    if difference.kind != "changed":
        return f"{name} = {b if difference.a is None else a}, {difference.kind}{about}"
    return f"{name}: {a} -> {b}{about}"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("a", help=_PLACE)
    parser.add_argument("b", help="the same")
    add_json(parser)
    parser.add_argument(
        "--exit-code", action="store_true", help="end with status 1 if something differs"
    )


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet diff``."""
    return [
        Command("diff", "Show what differs between two experiments or runs.", diff, _add_arguments)
    ]
