"""Columns as coordinates, so that plots can show and select numbers, text and truth values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pypet.tables import Column

MAX_TICKS = 12
"""Categories with a label on an axis; of more, some are left out."""
MAX_LABEL = 30
_NUMBERS = "biuf"


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """A column as coordinates. Text and objects have the number of their category."""

    name: str
    """Of the column."""
    coordinates: NDArray[np.float64]
    """One a row; NaN where there is no value."""
    categories: tuple[str, ...] | None
    """Texts of the categories 0, 1, ...; None for numbers."""

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest finite coordinate, never equal."""
        finite = self.coordinates[np.isfinite(self.coordinates)]
        if not len(finite):
            return 0.0, 1.0
        low, high = float(finite.min()), float(finite.max())
        if low == high:
            margin = abs(low) / 2 or 0.5
            return low - margin, high + margin
        return low, high

    def ticks(self) -> dict[float, str]:
        """Return some categories with their labels; nothing for numbers."""
        if self.categories is None:
            return {}
        step = -(-len(self.categories) // MAX_TICKS)
        return {
            float(number): shortened(text)
            for number, text in enumerate(self.categories)
            if number % step == 0
        }

    def scaled(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the coordinates of some rows as fractions of the limits, 0 to 1."""
        low, high = self.limits
        return (self.coordinates[rows] - low) / (high - low)

    def scaled_interval(self, interval: tuple[float, float]) -> tuple[float, float]:
        """Return an interval of coordinates as fractions of the limits."""
        low, high = self.limits
        first, last = interval
        return (first - low) / (high - low), (last - low) / (high - low)

    def unscaled(self, fraction: float) -> float:
        """Return the coordinate at a fraction of the limits."""
        low, high = self.limits
        return low + fraction * (high - low)


def axis_of(name: str, column: Column) -> Axis:
    """Return the coordinates of a column."""
    values = np.asarray(column.values)
    missing = np.asarray(column.missing, np.bool_)
    if values.dtype.kind in _NUMBERS:
        coordinates = values.astype(np.float64)
        coordinates[missing] = np.nan
        return Axis(name, coordinates, None)
    known = np.flatnonzero(~missing)
    texts = values[known].astype(str) if values.dtype.kind != "O" else _texts(values[known])
    categories, codes = np.unique(texts, return_inverse=True)
    coordinates = np.full(len(values), np.nan)
    coordinates[known] = codes
    return Axis(name, coordinates, tuple(categories.tolist()))


def _texts(values: NDArray[Any]) -> NDArray[np.str_]:
    """Return texts of objects; only of those whose text is no code of somebody else's."""
    return np.array([cell_text(value) for value in values.tolist()], np.str_)


def cell_text(value: Any) -> str:
    """Return what a cell shows of a value of any type, shortened."""
    if type(value) in (str, int, float, bool, complex, type(None)):
        text = str(value)
    elif isinstance(value, np.ndarray):
        text = f"array {value.shape} of {value.dtype}"
    elif isinstance(value, np.generic) and value.dtype.kind not in "OV":
        text = str(value.item())
    elif type(value) in (list, tuple, bytes):
        text = repr(value) if len(value) <= MAX_LABEL else f"{type(value).__name__} of {len(value)}"
    else:
        text = f"<{type(value).__name__}>"
    return shortened(text, 200)


def shortened(text: str, length: int = MAX_LABEL) -> str:
    """Return a text of limited length."""
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"
