"""Designs that fill a space of parameters: at random, in a Latin hypercube, or by Sobol' points."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pypet.sampling.ranges import Range, UnitValues, as_space, describe_space, range_from
from pypet.support.arguments import is_integer
from pypet.support.optional import require
from pypet.trajectory.points import Points
from pypet.trajectory.seeds import draw_seed

EXTRA = "sampling"

UnitPoints = np.ndarray[Any, np.dtype[np.float64]]
"""Numbers in [0, 1), shape (n points, n parameters)."""


def random(space: Mapping[str, Any], n: int, *, seed: int | None = None) -> Points:
    """Return ``n`` independent random points.

    Parameters
    ----------
    space
        Name of each parameter -> its range: `uniform`, `integers`, `choice`, or a list of
        options. A dictionary in the dictionary is a group.
    n
        Number of points, at least 1.
    seed
        A non-negative integer; None: drawn. Either way it is in the record of the points, which is
        stored with the trajectory.

    Raises
    ------
    TypeError, ValueError
        A range, ``n`` or ``seed`` is wrong.

    Examples
    --------
    >>> points = random({'x': uniform(0, 1), 'n': integers(1, 9)}, 3, seed=1)
    >>> points.n_points, points.record['seed']
    (3, 1)
    """
    return _design("random", space, n, seed, random_unit_points, {})


def latin_hypercube(
    space: Mapping[str, Any], n: int, *, seed: int | None = None, optimization: str | None = None
) -> Points:
    """Return ``n`` points of a Latin hypercube: each has a slice of each parameter to itself.

    ``optimization`` is that of `scipy.stats.qmc.LatinHypercube`: ``'random-cd'`` or ``'lloyd'``
    spread the points further. The other arguments are those of `random`.

    Raises
    ------
    MissingDependencyError
        SciPy is not installed.
    TypeError, ValueError
        As for `random`; or there is no such optimization.
    """
    options = {} if optimization is None else {"optimization": optimization}
    return _design("latin_hypercube", space, n, seed, _latin_hypercube, options)


def sobol(
    space: Mapping[str, Any], n: int, *, seed: int | None = None, scramble: bool = True
) -> Points:
    """Return the first ``n`` points of a Sobol' sequence, which fills the space evenly.

    Best where ``n`` is a power of 2. With ``scramble`` the sequence is randomized by ``seed``;
    without, it is always the same, and its first point is the lower end of all ranges. The other
    arguments are those of `random`.

    Raises
    ------
    MissingDependencyError
        SciPy is not installed.
    TypeError, ValueError
        As for `random`.
    """
    return _design("sobol", space, n, seed, sobol_unit_points, {"scramble": bool(scramble)})


def reproduce(record: Mapping[str, Any] | str) -> Points:
    """Return the points that a record describes, once more.

    Parameters
    ----------
    record
        `Points.record`, or the JSON of it that a trajectory has stored below
        ``config.explorations``.

    Raises
    ------
    ValueError
        The record is of points that no seed determines, or of options that are not in it.
    """
    entries = json.loads(record) if isinstance(record, str) else record
    method = str(entries.get("method"))
    design = {"random": random, "latin_hypercube": latin_hypercube, "sobol": sobol}.get(method)
    if design is None:
        raise ValueError(
            f"Points of the method {method!r} are not made from a seed; the trajectory itself has "
            "them as the ranges of its explored parameters."
        )
    space = {name: range_from(each) for name, each in entries["space"].items()}
    made: Callable[..., Points] = design
    return made(space, entries["n"], seed=entries["seed"], **entries.get("options", {}))


def values_of(space: Mapping[str, Range], unit_points: UnitPoints) -> dict[str, list[Any]]:
    """Return the values of each parameter at points of the unit cube."""
    columns: dict[str, UnitValues] = dict(zip(space, unit_points.T, strict=True))
    return {name: space[name].values_at(column) for name, column in columns.items()}


def random_unit_points(dimensions: int, n: int, seed: int, *, skip: int = 0) -> UnitPoints:
    """Return ``n`` random points of the unit cube, after the first ``skip`` ones of the seed."""
    bits = np.random.PCG64(seed)
    # A float64 takes one number of the generator, so the sequence can be entered anywhere.
    bits.advance(skip * dimensions)
    return np.random.Generator(bits).random((n, dimensions))


def sobol_unit_points(
    dimensions: int, n: int, seed: int, *, skip: int = 0, scramble: bool = True
) -> UnitPoints:
    """Return ``n`` points of a Sobol' sequence, after the first ``skip`` ones."""
    qmc = require("scipy.stats.qmc", plugin="sobol", extra=EXTRA)
    engine = qmc.Sobol(dimensions, scramble=scramble, **_random_state(qmc.Sobol, seed))
    if skip:
        engine.fast_forward(skip)
    with warnings.catch_warnings():
        # Points are asked for as they are needed; `sobol` documents what is best.
        warnings.filterwarnings("ignore", "The balance properties of Sobol", UserWarning)
        points: UnitPoints = engine.random(n)
    return points


def _latin_hypercube(
    dimensions: int, n: int, seed: int, *, optimization: str | None = None
) -> UnitPoints:
    qmc = require("scipy.stats.qmc", plugin="latin_hypercube", extra=EXTRA)
    kind = qmc.LatinHypercube
    engine = kind(dimensions, optimization=optimization, **_random_state(kind, seed))
    points: UnitPoints = engine.random(n)
    return points


def _random_state(engine: Any, seed: int) -> dict[str, Any]:
    """Return the keyword that seeds an engine, which SciPy renamed in 1.15."""
    name = "rng" if "rng" in inspect.signature(engine).parameters else "seed"
    return {name: np.random.default_rng(seed)}


def _design(
    method: str,
    space: Mapping[str, Any],
    n: int,
    seed: int | None,
    unit_points: Callable[..., UnitPoints],
    options: dict[str, Any],
) -> Points:
    ranges = as_space(space, f"`{method}`")
    if not is_integer(n) or n < 1:
        raise ValueError(f"n={n!r}: `{method}` takes the number of points, at least 1.")
    chosen = draw_seed() if seed is None else seed
    if not is_integer(chosen) or chosen < 0:
        raise ValueError(f"seed={seed!r}: give a non-negative integer, or None to have one drawn.")
    columns = values_of(ranges, unit_points(len(ranges), int(n), int(chosen), **options))
    record: dict[str, Any] = {"method": method, "n": int(n), "seed": int(chosen)}
    if options:
        record["options"] = options
    record["space"] = describe_space(ranges)
    return Points(columns, record)
