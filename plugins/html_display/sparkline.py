"""Small arrays of numbers as inline pictures (SVG)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

WIDTH, HEIGHT = 120, 24
MOST_NUMBERS = 1_000_000
"""Larger arrays are not read to be shown."""
_MOST_POINTS = 120
_MOST_ROWS = 6
"""Rows of a matrix that are drawn as lines."""
_MOST_CELLS = 256
_MARGIN = 2.0


def sparkline(value: Any) -> str:
    """Return the picture of an array, list or tuple of numbers; ``''`` if there is none."""
    array = _numbers(value)
    if array is None:
        return ""
    finite = array[np.isfinite(array)]
    if not finite.size:
        return ""
    low, high = float(finite.min()), float(finite.max())
    if array.ndim == 1 or len(array) <= _MOST_ROWS:
        shapes = "".join(_lines(np.atleast_2d(array), low, high))
    else:
        shapes = "".join(_cells(array, low, high))
    title = f"{array.size} numbers from {low:.4g} to {high:.4g}"
    return (
        f'<svg class="pypet-spark" role="img" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><title>{title}</title>{shapes}</svg>'
    )


def _numbers(value: Any) -> Numbers | None:
    """Return what can be drawn as float64 with one or two dimensions, None for everything else."""
    if isinstance(value, list | tuple):
        if not 2 <= len(value) <= MOST_NUMBERS or not all(
            type(each) in (bool, int, float) or isinstance(each, np.number) for each in value
        ):
            return None
        try:
            value = np.asarray(value)
        except (OverflowError, ValueError):
            return None
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
        return None
    if value.ndim not in (1, 2) or not 2 <= value.size <= MOST_NUMBERS or 0 in value.shape:
        return None
    if value.ndim == 2 and len(value) > _MOST_ROWS and value.size > _MOST_CELLS:
        return None
    if value.ndim == 2 and value.shape[1] < 2:
        value = value.reshape(-1)
    return np.asarray(value).astype(np.float64)


def _lines(rows: Numbers, low: float, high: float) -> Iterator[str]:
    for row in rows:
        places, values = _thinned(row)
        across = _MARGIN + places / max(len(row) - 1, 1) * (WIDTH - 2 * _MARGIN)
        up = HEIGHT - _MARGIN - _scaled(values, low, high) * (HEIGHT - 2 * _MARGIN)
        for part in _without_gaps(values):
            points = [f"{x:.1f},{y:.1f}" for x, y in zip(across[part], up[part], strict=True)]
            if len(points) == 1:
                x, y = points[0].split(",")
                yield f'<circle cx="{x}" cy="{y}" r="1" fill="currentColor"/>'
            else:
                yield (
                    f'<polyline points="{" ".join(points)}" fill="none" stroke="currentColor" '
                    'stroke-width="1"/>'
                )


def _thinned(values: Numbers) -> tuple[Numbers, Numbers]:
    """Return places and values of points; of long rows the least and the largest of each part."""
    if len(values) <= _MOST_POINTS:
        return np.arange(len(values), dtype=np.float64), values
    places: list[float] = []
    chosen: list[float] = []
    for part in np.array_split(np.arange(len(values)), _MOST_POINTS // 2):
        there = part[np.isfinite(values[part])]
        if not len(there):
            places.append(float(part[0]))
            chosen.append(np.nan)
            continue
        ends = {int(there[values[there].argmin()]), int(there[values[there].argmax()])}
        for place in sorted(ends):
            places.append(float(place))
            chosen.append(float(values[place]))
    return np.array(places), np.array(chosen)


def _without_gaps(values: Numbers) -> Sequence[slice]:
    """Return the stretches of finite values."""
    finite = np.concatenate([[False], np.isfinite(values), [False]])
    changes = np.flatnonzero(finite[1:] != finite[:-1])
    return [slice(int(a), int(b)) for a, b in changes.reshape(-1, 2)]


def _cells(rows: Numbers, low: float, high: float) -> Iterator[str]:
    height, width = HEIGHT / rows.shape[0], WIDTH / rows.shape[1]
    size = f'width="{width:.1f}" height="{height:.1f}"'
    shades = _scaled(rows, low, high)
    for (row, column), shade in np.ndenumerate(shades):
        if np.isfinite(shade):
            yield (
                f'<rect x="{column * width:.1f}" y="{row * height:.1f}" {size} '
                f'fill="currentColor" fill-opacity="{0.05 + 0.9 * shade:.2f}"/>'
            )


def _scaled(values: Numbers, low: float, high: float) -> Numbers:
    """Return values between 0 and 1, also if their difference is beyond the range of floats."""
    if high == low:
        return np.where(np.isfinite(values), 0.5, np.nan)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values / 2 - low / 2) / (high / 2 - low / 2)
    return np.where(np.isfinite(values), scaled, np.nan)
