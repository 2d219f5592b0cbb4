"""Descriptions of files, trajectories, runs and nodes, for people and programs.

Names of fields are keys of ``--json``, and part of what is promised in ``docs/command_line.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pypet.runs.stretches import Stretches


@dataclass(frozen=True, slots=True)
class Failure:
    """A run that failed."""

    run: int
    error: str
    """Type of the exception."""
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Some of the runs."""

    count: int
    stretches: Stretches


@dataclass(frozen=True, slots=True)
class Runs:
    """State of the runs of a trajectory; each run is in one of the first four fields."""

    total: int
    completed: int
    failed: tuple[Failure, ...]
    unfinished: Selection
    """Started, but not completed: interrupted, or still going on."""
    not_started: Selection
    started: str | None
    """When the first run started, ISO 8601 in local time; None if none did."""
    finished: str | None
    """When the last run was completed."""
    seconds: tuple[float, float, float] | None
    """Least, median and most time that a completed run took."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a parameter."""

    type: str
    text: str
    """As Python writes it, in one line, cut if it is long."""
    value: Any = None
    """The value itself if JSON has such, else None."""
    dtype: str | None = None
    shape: tuple[int, ...] | None = None
    min: float | int | None = None
    """Of an array of real numbers; NaN does not count."""
    max: float | int | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """The values of an explored parameter over all runs."""

    length: int
    distinct: int
    values: tuple[Value, ...]
    """Distinct ones in the order in which they occur first, up to a limit."""
    counts: tuple[int, ...]
    """How often each of these occurs."""
    types: tuple[str, ...]
    dtypes: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    min: float | int | None
    max: float | int | None


@dataclass(frozen=True, slots=True)
class Items:
    """Items with the same name, of one leaf or of leaves in many runs."""

    name: str
    count: int
    """In how many leaves it is."""
    kinds: tuple[str, ...]
    """How it is stored: ``'ARRAY'``, ``'TABLE'``, ...; ``'SHARED '`` before it for shared data."""
    types: tuple[str, ...]
    """What it is in Python: ``'int'``, ``'list of float'``, ``'ndarray'``, ``'DataFrame'``, ..."""
    dtypes: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    more_shapes: int
    """Further shapes that are not listed."""
    columns: tuple[tuple[str, str], ...]
    """Names and dtypes of the columns of the first table."""
    nbytes: int | None
    """Bytes in memory, all leaves together; None if it is not known."""
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Leaves:
    """One leaf, or the leaves with the same name in many runs."""

    name: str
    """In which ``$`` stands for the name of the run, ``$set`` for that of a set of runs."""
    classes: tuple[str, ...]
    comment: str
    runs: int | None
    """How many runs have it; None if it belongs to no run."""
    items: tuple[Items, ...]
    stored_bytes: int
    explored: bool = False
    value: Value | None = None
    """Of parameters that belong to no run, if it could be read and is not too large."""
    range: Range | None = None
    unknown: str = ""
    """Why value or range are not known though nothing is damaged."""


@dataclass(frozen=True, slots=True)
class Link:
    """A link from one node to another."""

    name: str
    target: str | None
    """None if it leads to no node."""
    problem: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A part that cannot be read."""

    node: str
    problem: str


@dataclass(frozen=True, slots=True)
class Summary:
    """A trajectory in the list of a file."""

    name: str
    time: str
    """When it was made, empty if that is not known."""
    comment: str
    version: str
    """Of the pypet that wrote it."""
    runs: Runs | None
    """None if it cannot be read at all."""
    rebuilt: tuple[str, ...]
    """What is damaged or missing of the tables in ``overview``, and what is taken instead."""
    problem: str
    """Why it cannot be read, empty if it can be."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Content of one trajectory."""

    explored: tuple[str, ...]
    """Names of explored parameters, also of those that were never stored."""
    runs_with_data: int
    """Runs that anything is stored of; more than are completed where an experiment was killed."""
    config: tuple[Leaves, ...]
    parameters: tuple[Leaves, ...]
    derived_parameters: tuple[Leaves, ...]
    results: tuple[Leaves, ...]
    other: tuple[Leaves, ...]
    links: tuple[Link, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Child:
    """A node in the list of a group."""

    name: str
    """Its full name."""
    kind: str
    """``'group'``, ``'leaf'``, ``'link'`` or ``'damaged'``."""
    class_name: str = ""
    comment: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class NodeItem:
    """An item of a single leaf."""

    name: str
    """``'data'`` for the value of a parameter."""
    type: str
    value: Value | None = None
    """None for shared data, which stays in the file."""
    preview: str = ""
    """The value in one or more lines, cut if it is long."""


@dataclass(frozen=True, slots=True)
class Node:
    """A single node."""

    name: str
    """Its full name, empty for the trajectory itself."""
    kind: str
    """As in `Child`."""
    class_name: str = ""
    comment: str = ""
    items: tuple[NodeItem, ...] = ()
    """Of a leaf."""
    children: tuple[Child, ...] = ()
    """Of a group."""
    target: str | None = None
    """Full name of the node that a link leads to."""
    explored: bool = False
    range: Range | None = None
    """The values of an explored parameter."""
    unknown: str = ""
    """Why values are not known though nothing is damaged."""
    problem: str = ""
    """Why it cannot be read, empty if it can be."""


@dataclass(frozen=True, slots=True)
class FileListing:
    """A file and its trajectories."""

    path: str
    size: int
    """In bytes."""
    trajectories: tuple[Summary, ...]
    problem: str = ""
    """Why it cannot be read, empty if it can be."""


@dataclass(frozen=True, slots=True)
class FolderListing:
    """A folder and the HDF5 files in it."""

    path: str
    files: tuple[FileListing, ...]
    """Those that may hold trajectories, in alphabetical order."""
    without_trajectories: tuple[str, ...]
    """HDF5 files that hold none."""
    others: int
    """How many other files there are."""
