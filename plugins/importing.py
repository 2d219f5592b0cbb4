"""A trajectory from a CSV file: ``pypet import runs.csv FILE``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pypet.cli.arguments import add_json, names
from pypet.interfaces import Command
from pypet.markers import hookimpl
from pypet.support.readable import counted

TYPES = ("bool", "int", "float", "str")
"""Types of columns; a column without a given one gets the first of these that all cells fit."""
_MOST_DIGITS = 4000
"""Python converts no longer integers from text."""


def import_csv(arguments: argparse.Namespace) -> int:
    """Make a new trajectory with one explored parameter for each column, and store it.

    Raises
    ------
    CommandError
        The file is no such table, or a cell does not fit the type of its column.
    OSError
        A file cannot be read or written.
    """
    # Deferred, because each start of `pypet` registers this command.
    from pypet.cli.output import Column, write_facts, write_json, write_table
    from pypet.support.readable import counted

    columns = read_csv(arguments.source, arguments.delimiter)
    columns = _chosen(columns, arguments.columns)
    types = dict(arguments.type)
    _check_known(types, columns, "--type")
    converted = {
        name: converted_column(name, cells, types.get(name)) for name, cells in columns.items()
    }
    name = arguments.trajectory or _default_name(arguments.source)
    length = _store(converted, arguments.file, name, arguments.comment, arguments.source)
    parameters = [
        {
            "name": f"parameters.{column}",
            "type": type(values[0]).__name__,
            "distinct": len(set(values)),
            "first": values[0],
            "last": values[-1],
        }
        for column, values in converted.items()
    ]
    if arguments.json:
        write_json(path=arguments.file, trajectory=name, runs=length, parameters=parameters)
        return 0
    write_facts([("stored", f"{name} with {counted(length, 'run')} in {arguments.file}")])
    write_table(
        [
            Column("PARAMETER", style="name"),
            Column("TYPE", style="number"),
            Column("DISTINCT", is_right=True),
            Column("FIRST"),
            Column("LAST"),
        ],
        [[str(value) for value in parameter.values()] for parameter in parameters],
    )
    return 0


def _default_name(path: str) -> str:
    return os.path.splitext(os.path.basename(path))[0]


# ----- reading ---------------------------------------------------------------------------------


def read_csv(path: str, delimiter: str = ",") -> dict[str, list[str]]:
    """Return the cells of a CSV file by column; the first line has the names.

    Raises
    ------
    CommandError
        There are no rows, a row has more or fewer cells than there are names, or a name occurs
        twice.
    OSError
        The file cannot be read.
    """
    import csv

    from pypet.errors import CommandError

    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            names = [name.strip() for name in next(reader, [])]
            rows = []
            for row in reader:
                if not row:
                    continue
                if len(row) != len(names):
                    cells, columns = counted(len(row), "cell"), counted(len(names), "name")
                    raise CommandError(
                        f"Line {reader.line_num} of {path} has {cells}, but the first line has "
                        f"{columns}."
                    )
                rows.append(row)
    except (csv.Error, UnicodeDecodeError) as error:
        raise CommandError(f"{path} is not a CSV file in UTF-8: {error}") from error
    repeated = [name for position, name in enumerate(names) if name in names[:position]]
    if repeated:
        raise CommandError(f"{path} has two columns {repeated[0]!r}.")
    if not rows:
        raise CommandError(f"{path} has no rows below a line of names.")
    return {name: list(cells) for name, cells in zip(names, zip(*rows, strict=True), strict=True)}


def _chosen(columns: Mapping[str, list[str]], names: Sequence[str] | None) -> dict[str, list[str]]:
    if names is None:
        return dict(columns)
    _check_known(names, columns, "--columns")
    return {name: columns[name] for name in names}


def _check_known(names: Iterable[str], columns: Mapping[str, Any], option: str) -> None:
    from pypet.errors import CommandError

    for name in names:
        if name not in columns:
            known = ", ".join(columns)
            raise CommandError(f"{option} names {name!r}; the columns are: {known}.")


# ----- types -----------------------------------------------------------------------------------


def converted_column(name: str, cells: Sequence[str], wanted: str | None = None) -> list[Any]:
    """Return the values of a column: of a type, or of the first of `TYPES` that all cells fit.

    Empty cells fit ``float``, as NaN, and ``str`` only.

    Raises
    ------
    CommandError
        A cell does not fit ``wanted``; the message names its row.
    """
    from pypet.errors import CommandError

    if wanted is not None:
        convert = _CONVERSIONS[wanted]
        values = []
        for row, cell in enumerate(cells, 1):
            try:
                values.append(convert(cell))
            except ValueError:
                raise CommandError(
                    f"Cell {cell[:40]!r} in row {row} of column {name!r} is no {wanted}."
                ) from None
        return values
    for kind in TYPES[:-1]:
        if kind == "float" and not any(cell.strip() for cell in cells):
            continue  # a column without any cell is text
        try:
            return [_CONVERSIONS[kind](cell) for cell in cells]
        except ValueError:
            continue
    return list(cells)


def _bool(cell: str) -> bool:
    try:
        return {"true": True, "false": False}[cell.strip().lower()]
    except KeyError:
        raise ValueError(cell) from None


def _int(cell: str) -> int:
    text = cell.strip()
    if "_" in text or len(text) > _MOST_DIGITS:  # `int` takes the first
        raise ValueError(cell)
    value = int(text)
    if not -(2**63) <= value < 2**63:  # no column of a file has larger ones
        raise ValueError(cell)
    return value


def _float(cell: str) -> float:
    text = cell.strip()
    if "_" in text:
        raise ValueError(cell)
    return float(text) if text else float("nan")


_CONVERSIONS: Mapping[str, Callable[[str], Any]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": str,
}


# ----- storing ---------------------------------------------------------------------------------


def _store(
    columns: Mapping[str, list[Any]], filename: str, name: str, comment: str, source: str
) -> int:
    """Store a new trajectory and return how many runs it has."""
    from pypet.catalog import service_for
    from pypet.errors import CommandError
    from pypet.trajectory import Trajectory

    if os.path.exists(filename) and name in service_for(filename).trajectory_names():
        raise CommandError(
            f"{filename} has a trajectory {name!r} already; name another one with --trajectory."
        )
    try:
        trajectory = Trajectory(name, filename=filename, comment=comment, add_time=False)
        for column, values in columns.items():
            trajectory.f_add_parameter(
                column.removeprefix("parameters."),
                values[0],
                comment=f"Column {column!r} of {os.path.basename(source)}.",
            )
        trajectory.f_explore(
            {
                f"parameters.{column.removeprefix('parameters.')}": values
                for column, values in columns.items()
            }
        )
    except (AttributeError, TypeError, ValueError) as error:  # names and endings of files
        raise CommandError(str(error)) from error
    trajectory.f_store()
    return len(trajectory)


# ----- arguments -------------------------------------------------------------------------------


def _type(text: str) -> tuple[str, str]:
    name, sign, kind = text.rpartition("=")
    if not sign or not name or kind not in TYPES:
        raise argparse.ArgumentTypeError(f"{text!r} is not like x=int; types: {', '.join(TYPES)}")
    return name, kind


def _letter(text: str) -> str:
    text = {"\\t": "\t", "tab": "\t"}.get(text, text)
    if len(text) != 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no single character; `tab` is one")
    return text


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", metavar="csv", help="CSV file in UTF-8; its first line has the names"
    )
    parser.add_argument("file", help="file to store in; it may exist")
    parser.add_argument("--trajectory", metavar="NAME", help="default: the name of the CSV file")
    parser.add_argument("--comment", default="", help="comment of the trajectory")
    parser.add_argument(
        "--type",
        type=_type,
        action="append",
        default=[],
        metavar="NAME=TYPE",
        help=f"type of a column: {', '.join(TYPES)}; default: the first one that fits",
    )
    parser.add_argument(
        "--columns", type=names, metavar="NAMES", help="only these, separated by commas"
    )
    parser.add_argument("--delimiter", type=_letter, default=",", help="default: a comma")
    add_json(parser)


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet import``."""
    return [
        Command(
            "import",
            "Make a trajectory of a CSV file, one explored parameter a column.",
            import_csv,
            _add_arguments,
        )
    ]
