"""Differences of two experiments, or of two runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pypet.catalog.differences import (
    SECTIONS,
    Difference,
    Unknown,
    compared_values,
    distribution_differences,
)
from pypet.catalog.files import UNREADABLE, check_has, in_a_line, service_for
from pypet.catalog.nodes import values_of_record
from pypet.catalog.results_comparison import compared_results
from pypet.errors import CommandError, RefusedPickleError
from pypet.records import LEAF
from pypet.tables import read_table
from pypet.tables.sources import opened_source

_ENVIRONMENTS = "config.environment."
_GIT = "config.git."
_RECORD = "record."
_DISTRIBUTIONS = "distributions"
_TIMES = frozenset(("timestamp", "start_timestamp", "finish_timestamp", "runtime", "hexsha"))
"""Of an environment: different each time."""
_OF_CODE = ("script",)
_SNAPSHOT = "code.snapshot"
_NAME = "trajectory.name"


@dataclass(frozen=True, slots=True)
class Place:
    """A trajectory of a file, or a run of it."""

    path: str
    trajectory: str
    run: str | None = None
    """Name of a run; None for the whole experiment."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The differences of two places, by section."""

    a: Place
    b: Place
    trajectory: tuple[Difference, ...]
    """Comment, number of runs, version of pypet."""
    parameters: tuple[Difference, ...]
    explored: tuple[Difference, ...]
    """Values of explored parameters; of runs they are among the parameters."""
    code: tuple[Difference, ...]
    environment: tuple[Difference, ...]
    """Interpreter, packages, machine, command line."""
    settings: tuple[Difference, ...]
    """Options of the environment and of the storage."""
    results: tuple[Difference, ...]

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs."""
        return not any(getattr(self, section) for section in SECTIONS)


def find_place(text: str) -> Place:
    """Return what ``FILE``, ``FILE:TRAJECTORY`` or ``FILE:TRAJECTORY:RUN`` names.

    The trajectory may be left out where a file has only one; the run is a name or an index.

    Raises
    ------
    CommandError
        There is no such run, or the file has several trajectories.
    DataNotInStorageError
        There is no such trajectory.
    OSError, StorageFormatError
        There is no such file, or it cannot be read.
    """
    path, parts = text, list[str]()
    while not os.path.exists(path) and ":" in path and len(parts) < 2:
        path, _, last = path.rpartition(":")
        parts.insert(0, last)
    if not os.path.exists(path):
        path, *parts = text.split(":", 2)
    names = service_for(path).trajectory_names()
    if parts and parts[0]:
        check_has(service_for(path), path, parts[0])
        name = parts[0]
    elif len(names) == 1:
        name = names[0]
    else:
        if not names:
            raise CommandError(f"There are no trajectories in {path}.")
        raise CommandError(
            f"Name the trajectory, as in {path}:NAME; there are: {', '.join(names)}."
        )
    if len(parts) < 2:
        return Place(path, name)
    run = int(parts[1]) if parts[1].isdecimal() else parts[1]
    try:
        table = read_table((path, name), results=(), parameters=(), runs=[run])
    except KeyError as error:
        raise CommandError(str(error.args[0])) from error
    return Place(path, name, str(table["name"].values[0]))


def compare(a: Place, b: Place) -> Comparison:
    """Return what differs between two experiments, or between two runs.

    Values are equal if their types and all of their elements are; NaN equals NaN. What is pickled
    is not compared. Runs of two experiments are matched by the values of the explored parameters,
    or by their indices if these are not the same parameters.

    Raises
    ------
    CommandError
        One is a run and the other is not.
    OSError, StorageFormatError
        A file cannot be read.
    """
    if (a.run is None) != (b.run is None):
        raise CommandError("Compare two experiments or two runs, not an experiment with a run.")
    parameters, explored = _parameters(a, b)
    code, environment, settings = _config(a, b)
    return Comparison(
        a,
        b,
        tuple(compared_values(_info(a), _info(b))),
        tuple(parameters),
        tuple(explored),
        tuple(code),
        tuple(environment),
        tuple(settings),
        tuple(_results(a, b)),
    )


def _info(place: Place) -> dict[str, Any]:
    meta = service_for(place.path).inspect_meta(place.trajectory)[0]
    info = meta.info
    known = {"comment": info.comment, "pypet": info.version, "python": info.python}
    if place.run is None:
        known["runs"] = info.length
        known["completed"] = 0 if meta.runs is None else int((meta.runs.completed != 0).sum())
    return known


# ----- parameters ------------------------------------------------------------------------------


def _parameters(a: Place, b: Place) -> tuple[list[Difference], list[Difference]]:
    """Return the differences of parameters, and of the values of explored ones."""
    values_a, ranges_a = _parameter_values(a)
    values_b, ranges_b = _parameter_values(b)
    explored = ranges_a.keys() | ranges_b.keys()
    # Explored in one only, a parameter has a single value in all runs of the other.
    all_a = {name: ranges_a.get(name, values_a.get(name)) for name in explored & values_a.keys()}
    all_b = {name: ranges_b.get(name, values_b.get(name)) for name in explored & values_b.keys()}
    fixed = [each for each in compared_values(values_a, values_b) if each.name not in explored]
    return fixed, list(compared_values(all_a, all_b))


def _parameter_values(place: Place) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return values of parameters, and of the explored ones over all runs."""
    values: dict[str, Any] = {}
    ranges: dict[str, list[Any]] = {}
    with opened_source((place.path, place.trajectory)) as source:
        run = None if place.run is None else source.run_index(place.run)
        for name in source.parameter_names():
            try:
                known = source.parameter(name)
            except (RefusedPickleError, *UNREADABLE) as error:
                values[name] = Unknown(in_a_line(error))
                continue
            if run is not None:
                values[name] = known.of_run(run)
            else:
                values[name] = known.default
                if known.range:
                    ranges[name] = list(known.range)
    return values, ranges


# ----- config ----------------------------------------------------------------------------------


def _config(a: Place, b: Place) -> tuple[list[Difference], list[Difference], list[Difference]]:
    parts_a, parts_b = _config_parts(a), _config_parts(b)
    environment_a, environment_b = parts_a["environment"], parts_b["environment"]
    packages = distribution_differences(
        environment_a.pop(_DISTRIBUTIONS, None), environment_b.pop(_DISTRIBUTIONS, None)
    )
    return (
        list(compared_values(parts_a["code"], parts_b["code"])),
        [*compared_values(environment_a, environment_b), *packages],
        list(compared_values(parts_a["settings"], parts_b["settings"])),
    )


def _config_parts(place: Place) -> dict[str, dict[str, Any]]:
    """Return the config of the latest environment as code, environment and settings."""
    values = dict(_leaves(place, "config"))
    times: dict[str, Any] = {}
    for name, value in values.items():
        parts = name.removeprefix(_ENVIRONMENTS).split(".")
        if name.startswith(_ENVIRONMENTS) and parts[1:] == ["timestamp"]:
            times[parts[0]] = value if isinstance(value, float) else 0.0
    own = f"{_ENVIRONMENTS}{max(times, key=times.__getitem__)}." if times else None
    snapshot = values.get(f"{own}{_SNAPSHOT}")
    found: dict[str, dict[str, Any]] = {"code": {}, "environment": {}, "settings": {}}
    for name, value in values.items():
        if own is not None and name.startswith(own):
            short = name.removeprefix(own)
            if short.rpartition(".")[2] in _TIMES or short in (_NAME, _SNAPSHOT):
                continue
            if short.startswith(_RECORD):
                found["environment"][short.removeprefix(_RECORD)] = value
            else:
                is_code = short in _OF_CODE or short.startswith("code.")
                found["code" if is_code else "settings"][short] = value
        elif name.startswith(_GIT):
            group, _, short = name.removeprefix(_GIT).partition(".")
            if snapshot is None or group == snapshot:
                found["code"][f"git.{short}"] = value
        elif not name.startswith(_ENVIRONMENTS):
            found["settings"][name.removeprefix("config.")] = value
    return found


# ----- results ---------------------------------------------------------------------------------


def _results(a: Place, b: Place) -> Iterator[Difference]:
    if a.run is None or b.run is None:
        yield from compared_results((a.path, a.trajectory), (b.path, b.trajectory))
        return
    yield from compared_values(_values_of_run(a), _values_of_run(b))


def _values_of_run(place: Place) -> dict[str, Any]:
    """Return the values of all items of the results and derived parameters of a run."""
    found = {}
    for branch in ("results", "derived_parameters"):
        group = f"{branch}.runs.{place.run}"
        for name, value in _leaves(place, group):
            found[name.replace(f"{group}.", "", 1) if branch == "results" else name] = value
    return found


def _leaves(place: Place, group: str) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each item of the leaves below a group."""
    service = service_for(place.path)
    unknown: list[tuple[str, Any]] = []
    with service.reading():
        records = service.read_intact_nodes(
            place.trajectory,
            group,
            recursive=True,
            max_depth=None,
            wants=lambda path: True,
            skip=lambda path, error: unknown.append((path, Unknown(in_a_line(error)))),
        )
        try:
            for record in records:
                if record.kind == LEAF:
                    yield from _items(record)
        except UNREADABLE:  # there is no such group
            return
    yield from unknown


def _items(record: Any) -> Iterator[tuple[str, Any]]:
    try:
        values: Mapping[str, Any] = values_of_record(record)
    except Exception as error:  # a pickle, or whatever damaged data makes numpy or a leaf do
        yield record.path, Unknown(in_a_line(error))
        return
    last = record.path.rpartition(".")[2]
    for name, value in values.items():
        is_only = len(values) == 1 and name in (last, "data")
        yield record.path if is_only else f"{record.path}.{name}", value
