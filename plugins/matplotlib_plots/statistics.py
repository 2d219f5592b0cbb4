"""One number for all runs that share values of some parameters, and how far the runs spread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypet.errors import PlotError

Numbers = NDArray[np.float64]

ESTIMATORS: dict[str, Callable[[Numbers], Any]] = {
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
    "max": np.max,
}

DEFAULT_BINS = 20
"""Into which points are collected that were drawn at random."""

BANDS = ("std", "sem", "range")
"""Standard deviation, standard error of the mean, and from the least to the largest value."""

Band = str | tuple[float, float] | None


def estimator_of(name: str) -> Callable[[Numbers], Any]:
    """Return the function of this name.

    Raises
    ------
    PlotError
        There is none.
    """
    if name not in ESTIMATORS:
        raise PlotError(f"`estimator` is one of {', '.join(ESTIMATORS)}, not {name!r}.")
    return ESTIMATORS[name]


def check_band(band: Any) -> None:
    """Raise PlotError unless ``band`` is a name, a pair of percentages, or None."""
    if band is None or (isinstance(band, str) and band in BANDS):
        return
    is_pair = isinstance(band, tuple | list) and len(band) == 2
    if is_pair and all(isinstance(each, int | float) for each in band):
        low, high = band
        if 0 <= low < high <= 100:
            return
    raise PlotError(
        f"`band` is one of {', '.join(map(repr, BANDS))}, two percentages such as (5, 95), or None "
        f"for no band, not {band!r}."
    )


def check_bins(bins: Any) -> None:
    """Raise PlotError unless ``bins`` is a number of bins, or None."""
    if bins is not None and (not isinstance(bins, int) or isinstance(bins, bool) or bins < 1):
        raise PlotError(f"`bins` is a number of bins from 1 on, not {bins!r}.")


def bin_edges(values: Numbers, bins: int, *, logarithmic: bool = False) -> Numbers:
    """Return the edges of equal bins from the least to the largest value; shape (bins + 1,)."""
    spaced = np.geomspace if logarithmic else np.linspace
    edges: Numbers = spaced(values.min(), values.max(), bins + 1)
    return edges


def bin_positions(values: Numbers, edges: Numbers) -> NDArray[np.int64]:
    """Return which bin each value is in; those at the edges of all are in the outermost ones."""
    positions = np.searchsorted(edges, values, side="right") - 1
    return np.clip(positions, 0, len(edges) - 2)


class Summary(NamedTuple):
    """Statistics of groups of runs; arrays of float64 with one entry a group."""

    at: Numbers
    """What the runs of a group share, in ascending order."""
    centre: Numbers
    low: Numbers
    high: Numbers
    counts: NDArray[np.int64]


def summarize(keys: Numbers, values: Numbers, estimator: str, band: Band) -> Summary:
    """Return statistics of the values of runs with equal keys; both have shape (runs,)."""
    estimate = estimator_of(estimator)
    at, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    parts = np.split(values[np.argsort(inverse, kind="stable")], np.cumsum(counts)[:-1])
    centre = np.array([estimate(part) for part in parts], np.float64)
    bounds = np.array(
        [_bounds(part, middle, band) for part, middle in zip(parts, centre.tolist(), strict=True)],
        np.float64,
    )
    return Summary(at, centre, bounds[:, 0], bounds[:, 1], counts)


def _bounds(values: Numbers, centre: float, band: Band) -> tuple[float, float]:
    if band is None or len(values) == 1:
        return centre, centre
    if band == "range":
        return float(values.min()), float(values.max())
    if isinstance(band, str):
        spread = float(values.std(ddof=1))
        if band == "sem":
            spread /= float(np.sqrt(len(values)))
        return centre - spread, centre + spread
    low, high = np.percentile(values, band)
    return float(low), float(high)


def band_text(estimator: str, band: Band, counts: NDArray[np.int64]) -> str:
    """Return what a line and its band are, for a note; ``''`` if each point is one run."""
    least, most = int(counts.min()), int(counts.max())
    if most == 1:
        return ""
    runs = f"{most} runs each" if least == most else f"{least} to {most} runs each"
    if band is None:
        return f"{estimator} of {runs}"
    if isinstance(band, str):
        names = {"std": "standard deviation", "sem": "standard error", "range": "range"}
        return f"{estimator} and {names[band]} of {runs}"
    return f"{estimator} and {band[0]:g} to {band[1]:g} % of {runs}"
