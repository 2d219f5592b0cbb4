"""Which runs of a table are shown, and in which order: a filter, selections in plots, sorting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pypet.plugins.dashboard.model.axes import Axis, axis_of
from pypet.tables import RunTable
from pypet.tables.filters import Filter, parse_filter

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a user has chosen of the runs of an experiment."""

    condition: Filter | None = None
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    """Column -> the coordinates on its axis between which runs were selected in a plot."""

    def with_condition(self, text: str) -> Choice:
        """Return the choice with another filter, none if the text is empty.

        Raises
        ------
        FilterError
            The text is no condition.
        """
        return replace(self, condition=parse_filter(text) if text.strip() else None)

    def with_intervals(self, intervals: Mapping[str, Interval]) -> Choice:
        """Return the choice narrowed to intervals of some axes, which replace those they had."""
        ordered = {name: (min(pair), max(pair)) for name, pair in intervals.items()}
        return replace(self, intervals={**self.intervals, **ordered})

    def without_intervals(self) -> Choice:
        """Return the choice without any selection in plots."""
        return replace(self, intervals={})


class TableView:
    """A table of runs with the axes of its columns, which are made when they are first needed."""

    def __init__(self, table: RunTable) -> None:
        """Look at a table, which must not change."""
        self.table = table
        self._axes: dict[str, Axis] = {}

    def axis(self, name: str) -> Axis:
        """Return a column as coordinates; KeyError if there is no such column."""
        axis = self._axes.get(name)
        if axis is None:
            axis = self._axes[name] = axis_of(name, self.table.columns[name])
        return axis

    def rows(self, choice: Choice) -> NDArray[np.int64]:
        """Return the positions of the chosen rows, ascending.

        Raises
        ------
        FilterError
            The filter does not fit the columns of the table.
        """
        chosen = np.ones(len(self.table), np.bool_)
        if choice.condition is not None:
            chosen &= choice.condition.mask(self.table)
        for name, (low, high) in choice.intervals.items():
            if name in self.table.columns:
                coordinates = self.axis(name).coordinates
                chosen &= (coordinates >= low) & (coordinates <= high)
        return np.flatnonzero(chosen).astype(np.int64)


def sampled(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most ``most`` of the rows, ascending; always the same ones of the same rows."""
    if len(rows) <= most:
        return rows
    # At random, since every n-th run of a grid would show one plane of it.
    picked = np.random.default_rng(0).choice(len(rows), most, replace=False)
    return rows[np.sort(picked)]
