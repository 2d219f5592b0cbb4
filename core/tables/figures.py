"""The kind of figure that suits a table of runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pypet.errors import MissingDependencyError, PlotError
from pypet.interfaces import Plot
from pypet.manager import get_manager

if TYPE_CHECKING:
    from pypet.tables.run_table import RunTable


def suitable_plot(table: RunTable, arguments: Mapping[str, Any]) -> type[Plot]:
    """Return the kind of figure for runs if the user names none.

    Parameters
    ----------
    table
        From `pypet.tables.read_table`.
    arguments
        Of `pypet.interfaces.Plot.save`.

    Raises
    ------
    PlotError
        No kind suits them, or an argument is wrong.
    MissingDependencyError
        No package that draws is installed; the message says how to install one.
    """
    kinds = get_manager().plots()
    if not kinds:
        raise MissingDependencyError(
            'No kind of figure can be drawn: pip install "pypet[plot]". `pypet plugins` lists what '
            "there is."
        )
    given = {name for name in Plot.column_arguments if arguments.get(name) is not None}
    for kind in reversed(kinds):  # those of pypet last
        if given <= set(kind.arguments) and kind.suits(table, arguments):
            return kind
    known = ", ".join(sorted(kind.name for kind in kinds))
    what = f" with {', '.join(sorted(given))}" if given else ""
    raise PlotError(f"No kind of figure suits these runs{what}: name one of {known}.")
