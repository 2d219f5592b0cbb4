"""Tables of runs for commands: columns by the names that a user types, and rows by conditions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pypet.errors import CommandError, PypetError
from pypet.tables import Column, RunTable, read_table

if TYPE_CHECKING:
    from pypet.tables.filters import Filter

_MOST_SHOWN = 20
"""Names in a message."""


def read_columns(
    file: str,
    trajectory: str | None,
    names: Sequence[str] | None = None,
    *,
    needed: Sequence[str] = (),
    completed_only: bool = False,
) -> RunTable:
    """Return the table of a trajectory with certain columns, and others that come along.

    ``names`` may be any parameters, results and facts of runs; None stands for the explored
    parameters and all results that are scalars. ``needed`` are further ones, for conditions.

    Raises
    ------
    CommandError
        There is no such column, or trajectory.
    OSError, StorageFormatError
        The file cannot be read.
    """
    source = (file, trajectory)
    with one_line_errors():
        # Without any run it is only a list of all parameters.
        known = read_table(source, results=(), parameters="all", runs=())
        wanted = [*(names or ()), *needed]
        parameters = [name for name in wanted if _has(known.parameters, name)]
        results = [name for name in wanted if not _has(known.columns.values(), name)]
        if names is None:
            found = read_table(source, completed_only=completed_only, objects=True)
            parameters += [column.name for column in found.parameters]
            results = [name for name in results if not _has(found.results, name)]
            if not results and all(_has(found.parameters, name) for name in parameters):
                return found
            results += [column.name for column in found.results]
        try:
            return read_table(
                source,
                results=results,
                parameters=parameters,
                completed_only=completed_only,
                objects=True,
            )
        except AttributeError as error:  # no run has a result that is called so
            others = list(known.columns)
            more = ", ..." if len(others) > _MOST_SHOWN else ""
            raise CommandError(
                f"{error.args[0]} Other columns are: {', '.join(others[:_MOST_SHOWN])}{more}."
            ) from error


def chosen_rows(
    table: RunTable, condition: Filter | None, sort: str | None, *, descending: bool = False
) -> RunTable:
    """Return the rows for which a condition holds, in the order of a column.

    Raises
    ------
    CommandError
        The values of the column have no order, or there is none.
    FilterError
        The condition does not fit the table.
    """
    if condition is not None:
        table = table.select(condition.mask(table))
    if sort is not None:
        try:
            table = table.sorted_by(sort, descending)
        except KeyError as error:
            raise CommandError(str(error.args[0])) from error
        except (TypeError, ValueError) as error:  # arrays and texts have no common order
            raise CommandError(
                f"Rows cannot be sorted by {sort!r}, whose values have no order."
            ) from error
    return table


def _has(columns: Iterable[Column], name: str) -> bool:
    """Return whether some columns have one of this name, as `RunTable` finds it."""
    dotted = f".{name}"
    return any(
        name in (column.name, column.full_name) or column.full_name.endswith(dotted)
        for column in columns
    )


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Raise what is wrong with names, or damaged, as errors that commands show in one line."""
    try:
        yield
    except PypetError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CommandError(str(error.args[0]) if error.args else str(error)) from error
