"""`Points`: values of parameters, one for each run, with a record of how they were made."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any


class Points(dict[str, list[Any]]):
    """A dictionary for `f_explore` and `f_expand`: a list of values for each parameter.

    All lists have the same length; entry ``i`` of each is the value in run ``i``.

    Parameters
    ----------
    columns
        Name of each parameter -> its values.
    record
        How the points were made, with the seed if they are random. Whatever explores the points
        stores it with the trajectory, as JSON below ``config.explorations``.
    """

    def __init__(
        self,
        columns: Mapping[str, Iterable[Any]] | Iterable[tuple[str, Iterable[Any]]] = (),
        record: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__((name, list(values)) for name, values in dict(columns).items())
        self.record: dict[str, Any] = dict(record or {"method": "given"})

    @property
    def n_points(self) -> int:
        """Number of points, and so of runs."""
        return len(next(iter(self.values()), ()))

    def rows(self) -> list[dict[str, Any]]:
        """Return each point as a dictionary from names to values."""
        names = list(self)
        return [dict(zip(names, row, strict=True)) for row in zip(*self.values(), strict=True)]

    def record_as_json(self) -> str:
        """Return the record as text; values that JSON does not support become their ``repr``."""
        return json.dumps(self.record, default=repr)

    def __reduce__(self) -> tuple[Any, ...]:
        return Points, (dict(self), self.record)

    def __repr__(self) -> str:
        return f"<{self.n_points} points of {', '.join(self) or 'no parameters'}>"


def is_dataframe(thing: Any) -> bool:
    """Return whether something is a pandas DataFrame, without importing pandas."""
    kind = getattr(sys.modules.get("pandas"), "DataFrame", None)
    return kind is not None and isinstance(thing, kind)


def columns_of_dataframe(dataframe: Any) -> dict[str, list[Any]]:
    """Return the values of each column as plain Python objects.

    Raises
    ------
    TypeError
        A column is not named by a text.
    ValueError
        There are no rows or columns, two columns of one name, or missing values.
    """
    names = list(dataframe.columns)
    wrong = [name for name in names if not isinstance(name, str)]
    if wrong:
        raise TypeError(
            f"The column {wrong[0]!r} of the table is not the name of a parameter; rename it."
        )
    if len(set(names)) < len(names):
        raise ValueError(f"The table has two columns of one name: {', '.join(names)}.")
    if not names or not len(dataframe):
        raise ValueError("The table has no points: it needs rows, and a column for each parameter.")
    missing = [name for name in names if dataframe[name].isna().any()]
    if missing:
        raise ValueError(
            f"Column {missing[0]!r} of the table has missing values; each run needs a value of "
            "each parameter, so drop these rows or fill them."
        )
    return {name: dataframe[name].tolist() for name in names}
