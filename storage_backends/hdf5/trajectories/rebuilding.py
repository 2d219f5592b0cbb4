"""Rebuilding damaged tables in ``overview``.

The data itself does not need these tables. The number of runs follows from the groups of runs and
the ranges of explored parameters, and settings are also in ``config.hdf5``. Only the run table
says which runs are completed: a run whose row is lost counts as not completed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from h5py import h5d, h5g

from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.storage_backends.hdf5.compression.filters import MissingFilterError
from pypet.storage_backends.hdf5.encoding.attributes import attribute_names, read_flag
from pypet.storage_backends.hdf5.encoding.checksums import check_values, crc_of
from pypet.storage_backends.hdf5.encoding.layout import CHECKSUM, IS_LEAF, LENGTH
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.objects.groups import (
    child_addresses,
    child_names,
    has_child,
    is_link,
)
from pypet.storage_backends.hdf5.objects.paths import external_source
from pypet.storage_backends.hdf5.objects.tables import Rows, read_rows

logger = logging.getLogger(__name__)

T = TypeVar("T")

_RUN = re.compile(rb"run_(\d{8,9})\Z")
_RUN_GROUPS = (b"results/runs", b"derived_parameters/runs")
_BRANCHES = (b"parameters", b"derived_parameters")
_SINGLE = ((), (1,))
"""Shapes of a dataset with one value."""
_RANGE = b"explored_data"
"""Prefix of the names of items with the range of an explored parameter."""


class RefusedTableError(StorageFormatError):
    """A table is refused on purpose; rebuilding it would hide a forgery."""


_REFUSALS = (RefusedPickleError, RefusedTableError, MissingFilterError)


class OverviewDamage:
    """Collects the damage in the overview of one trajectory, for a single warning."""

    def __init__(self, file: str, trajectory: str, *, notes_refusals: bool = False) -> None:
        """Take the names for the warning.

        With ``notes_refusals``, a refused table counts as damaged; for callers that only show the
        content of a file.
        """
        self._file = file
        self._trajectory = trajectory
        self._notes_refusals = notes_refusals
        self._found: list[str] = []

    @property
    def found(self) -> tuple[str, ...]:
        """What is wrong with each table, and what is used instead."""
        return tuple(self._found)

    def read(self, table: str, read: Callable[[], T | None], instead: str) -> T | None:
        """Return the result of ``read()``, None if it fails because of damage.

        ``instead`` describes the substitute.

        Raises
        ------
        RefusedPickleError, RefusedTableError, MissingFilterError
            A pickle or the table is refused, or a filter is not installed.
        """
        try:
            found = read()
        except (*SYMPTOMS, StorageFormatError, RefusedPickleError) as error:
            if isinstance(error, _REFUSALS) and not self._notes_refusals:
                raise
            self.note(table, f"cannot be read ({error})", instead)
            return None
        return found

    def note(self, table: str, what: str, instead: str) -> None:
        """Record what is wrong with a table, and what is used instead."""
        self._found.append(f"overview/{table} {what}: {instead}")

    def log(self) -> None:
        """Log a warning if there is damage."""
        if self._found:
            logger.warning(
                "The overview of trajectory %r in %s is damaged; no other data is affected. %s. "
                "To repair it, load the trajectory and store it in a new file.",
                self._trajectory,
                self._file,
                "; ".join(self._found),
            )


# ----- runs ------------------------------------------------------------------------------------


def known_length(root: h5g.GroupID) -> int:
    """Return a lower bound of the number of runs; every trajectory has at least 1."""
    indices = [max(_run_indices(root), default=-1) + 1]
    indices += [_range_length(leaf) for _, leaf in explored_leaves(root)]
    return max(1, *indices)


def _run_indices(root: h5g.GroupID) -> Iterator[int]:
    for path in _RUN_GROUPS:
        group = _opened(root, path)
        for name in [] if group is None else child_names(group)[0]:
            match = _RUN.match(name)
            if match is not None:
                yield int(match[1])


def _range_length(leaf: h5g.GroupID) -> int:
    lengths = [0]
    for name in child_names(leaf)[0]:
        if name.startswith(_RANGE):
            try:
                shape = h5d.open(leaf, name).shape
            except (KeyError, ValueError, OSError):  # split into a group of tables
                continue
            lengths.append(shape[0] if shape else 0)
    return max(lengths)


def explored_leaves(root: h5g.GroupID) -> Iterator[tuple[str, h5g.GroupID]]:
    """Yield full name and group of parameters with a range."""
    seen: set[int | None] = set()
    for branch in _BRANCHES:
        group = _opened(root, branch)
        if group is not None:
            yield from _explored_below(group, branch.decode(), seen)


def _explored_below(
    group: h5g.GroupID, path: str, seen: set[int | None]
) -> Iterator[tuple[str, h5g.GroupID]]:
    """Yield everything below a group; targets of several links are visited once."""
    for name, child in _children(group, seen):
        child_path = f"{path}.{name}"
        attributes = attribute_names(child)
        if IS_LEAF not in attributes or not read_flag(child, IS_LEAF):
            yield from _explored_below(child, child_path, seen)
        elif LENGTH in attributes:  # very old files
            if read_flag(child, LENGTH):
                yield child_path, child
        elif any(item.startswith(_RANGE) for item in child_names(child)[0]):
            yield child_path, child


def _children(group: h5g.GroupID, seen: set[int | None]) -> Iterator[tuple[str, h5g.GroupID]]:
    """Yield names and groups of the children that were not visited yet."""
    for name, address in child_addresses(group)[0]:
        child = None if address in seen else _opened(group, name)
        seen.add(address)
        if child is not None:
            yield name.decode("utf8", "replace"), child


def _opened(group: h5g.GroupID, path: bytes) -> h5g.GroupID | None:
    """Return a group below another one; None if the path has a link or it is not a group."""
    for name in path.split(b"/"):
        if not has_child(group, name) or is_link(group, name):
            return None
        try:
            group = h5g.open(group, name)
        except (KeyError, ValueError, OSError):  # a dataset, or damaged
            return None
    return group


# ----- settings --------------------------------------------------------------------------------


def settings_in_config(root: h5g.GroupID) -> dict[str, Any]:
    """Return the values of the leaves in ``config.hdf5`` by their names below it."""
    group = _opened(root, b"config/hdf5")
    return {} if group is None else dict(_values_below(group, "", set()))


def checked_rows(table: h5d.DatasetID) -> Rows:
    """Return all rows of a table after verifying its checksum, if it has one.

    Raises
    ------
    StorageFormatError
        The checksum does not match.
    """
    rows = read_rows(table)
    if CHECKSUM in attribute_names(table):
        check_values(table, lambda: crc_of(rows), rows.size)
    return rows


def _values_below(
    group: h5g.GroupID, path: str, seen: set[int | None]
) -> Iterator[tuple[str, Any]]:
    for name, child in _children(group, seen):
        child_path = f"{path}{name}"
        if has_child(child, b"data"):
            try:
                if is_link(child, b"data"):
                    continue
                table = h5d.open(child, b"data")
                if external_source(table) or table.shape not in _SINGLE:
                    continue
                rows = checked_rows(table)
                value = rows["data"][0].item() if rows.dtype.names else rows.reshape(-1)[0].item()
            except (*SYMPTOMS, StorageFormatError) as error:
                logger.debug("%s is not taken from the config: %s", child_path, error)
                continue
            yield child_path, value.decode("utf8") if isinstance(value, bytes) else value
        else:
            yield from _values_below(child, f"{child_path}.", seen)
