"""A row for each run in the terminal: ``pypet table FILE [TRAJECTORY]``."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pypet.cli.arguments import add_file, add_json, add_rows, whole_number
from pypet.interfaces import Command
from pypet.markers import hookimpl

if TYPE_CHECKING:
    from pypet.tables import Column, RunTable
    from pypet.tables.filters import Filter

_MOST_ROWS = 100
"""Rows that a terminal gets, if nobody asks for more."""
_CELL_WIDTH = 60
_DIGITS = 6
_TIMES = ("timestamp", "finish_timestamp")


def table(arguments: argparse.Namespace) -> int:
    """Write a row for each of the chosen runs to stdout.

    Raises
    ------
    CommandError
        There is no such column, or the condition or the order makes no sense for it.
    OSError, StorageFormatError
        The file cannot be read.
    """
    # Deferred, because each start of `pypet` registers this command.
    from pypet.cli.output import write_json
    from pypet.cli.tables import chosen_rows, read_columns
    from pypet.tables.filters import parse_filter

    condition = None if arguments.where is None else parse_filter(arguments.where)
    whole = read_columns(
        arguments.file,
        arguments.trajectory,
        arguments.columns,
        needed=_needed(condition, arguments.sort),
        completed_only=arguments.completed,
    )
    rows = chosen_rows(whole, condition, arguments.sort, descending=arguments.descending)
    columns = _shown_columns(rows, arguments.columns)
    limit = arguments.limit
    if arguments.json:
        shown = rows if not limit else rows.select(slice(limit))
        write_json(
            path=arguments.file,
            trajectory=rows.trajectory,
            runs=len(whole),
            rows=len(rows),
            columns=[_described(shown.columns[column.name]) for column in columns],
            problems={str(run): text for run, text in rows.problems.items()},
        )
    else:
        _write(rows, columns, limit)
    return 1 if rows.problems else 0


def _needed(condition: Filter | None, sort: str | None) -> list[str]:
    names = [] if condition is None else list(condition.names)
    return names if sort is None else [*names, sort]


def _shown_columns(rows: RunTable, names: list[str] | None) -> list[Column]:
    """Return the columns in their order: those that were named, or what is of interest."""
    if names is not None:
        return [rows[name] for name in names]
    failed = "error" in rows and not bool(rows["error"].missing.all())
    about_runs = ["run", "state", "runtime", *(["error"] if failed else [])]
    first = [rows[name] for name in about_runs if name in rows]
    return [first[0], *rows.parameters, *rows.results, *first[1:]]


# ----- JSON ------------------------------------------------------------------------------------


def _described(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "full_name": column.full_name,
        "kind": column.kind,
        "explored": column.explored,
        "comment": column.comment,
        "dtype": str(column.values.dtype),
        "values": [
            None if missing else _native(value)
            for value, missing in zip(column.values.tolist(), column.missing.tolist(), strict=True)
        ],
    }


def _native(value: Any) -> Any:
    """Return a value as JSON represents it; numbers that are not finite are null."""
    from pypet.catalog.values import value_text

    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if type(value) in (bool, int, float, str) else value_text(value)


# ----- text ------------------------------------------------------------------------------------


def _write(rows: RunTable, columns: list[Column], limit: int | None) -> None:
    from pypet.cli.output import Column as Shown
    from pypet.cli.output import write_facts, write_table
    from pypet.support.terminal import is_terminal

    if limit is None:
        limit = _MOST_ROWS if is_terminal(sys.stdout) else 0
    shown = slice(limit or None)
    cells = [_cells(column, shown) for column in columns]
    styles = {"run": "name", "parameter": "number", "result": "", "error": "warning"}
    write_table(
        [
            Shown(
                column.name,
                is_right=column.values.dtype.kind in "iufc" and column.name not in _TIMES,
                style=styles.get("error" if column.name == "error" else column.kind, ""),
            )
            for column in columns
        ],
        zip(*cells, strict=True),
    )
    if limit and len(rows) > limit:
        write_facts([("", f"{limit} of {len(rows)} rows; --limit 0 shows all")])
    for run, text in rows.problems.items():
        write_facts([("damaged", f"run {run}: {text}")])


def _cells(column: Column, rows: slice) -> list[str]:
    values: Iterable[Any] = column.values[rows].tolist()
    missing: Iterable[bool] = column.missing[rows].tolist()
    is_time = column.kind == "run" and column.name in _TIMES
    return [
        "" if absent else _time(value) if is_time else _text(value)
        for value, absent in zip(values, missing, strict=True)
    ]


def _time(value: float) -> str:
    try:
        return datetime.fromtimestamp(value).isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):  # a damaged row has anything in its place
        return _text(value)


def _text(value: Any) -> str:
    from pypet.catalog.values import value_text
    from pypet.support.readable import one_line

    if type(value) is float:
        return f"{value:.{_DIGITS}g}"
    return one_line(value if type(value) is str else value_text(value), _CELL_WIDTH)


# ----- arguments -------------------------------------------------------------------------------


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_rows(parser)
    parser.add_argument("--sort", metavar="NAME", help="order by this column")
    parser.add_argument("--descending", action="store_true", help="begin with the largest")
    parser.add_argument(
        "--limit",
        type=whole_number("number of rows; 0 means all"),
        metavar="N",
        help=f"at most N rows, 0 for all; default: {_MOST_ROWS} in a terminal, else all",
    )
    add_json(parser)


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet table``."""
    return [Command("table", "Show a row for each run of a trajectory.", table, _add_arguments)]
