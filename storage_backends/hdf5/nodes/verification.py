"""Verification: all values and attributes of nodes are read, and the run table is compared.

Nothing is unpickled: what is pickled in a file consists of bytes that have checksums as well.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from h5py import h5a, h5g

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import NEVER, UnpicklingPolicy
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.records import DAMAGED, LEAF, LINK, Finding, MetaRecord, RunRows, StoredItem, StoredNode
from pypet.records.nodes import ERROR, NOTE, WARNING
from pypet.storage_backends.hdf5.compression.filters import (
    MissingFilterError,
    check_readable,
    missing_filter,
)
from pypet.storage_backends.hdf5.encoding.attributes import attribute_names, read_raw
from pypet.storage_backends.hdf5.encoding.layout import ANNOTATION, CHECKSUM
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.contents import Part, check_frame, read_content
from pypet.storage_backends.hdf5.nodes.item_opening import ItemOpener
from pypet.storage_backends.hdf5.nodes.item_reading import ItemReader
from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes
from pypet.storage_backends.hdf5.objects.groups import hdf5_path
from pypet.storage_backends.hdf5.objects.paths import OwnPaths
from pypet.storage_backends.hdf5.objects.reading_limits import Visits
from pypet.support.readable import joined_and_counted

_FRAMES = frozenset((constants.FRAME, constants.SERIES))
_MOST_BYTES_TOGETHER = 1 << 26
"""Leaves with more than this are read item by item."""


_RUN_PATH = re.compile(r"(results|derived_parameters)\.runs\.([^.]+)\Z")
_RUN_NAME = re.compile(r"run_(\d{8,9})\Z")

_RESTORE = (
    "`pypet repair` restores it if its run is in a journal and keeps everything else in a new "
    "file; or restore it from a backup, or store it again"
)
_REBUILT = "what is used instead is listed; use `pypet repair`, or store in a new file"
_MOST_NAMED = 10


class Flaw(NamedTuple):
    """Something that is wrong with a node."""

    text: str
    is_damage: bool
    """Otherwise it could not be checked."""


class NodeVerifier:
    """Verifies nodes of one trajectory, one after the other, as long as the file is open."""

    def __init__(self, file: OpenFile, trajectory: str) -> None:
        self._file = file
        self._trajectory = trajectory
        self._generation = -1
        self._reader: ItemReader

    def _renew(self) -> None:
        """Forget handles of the file if it was opened again, as it is to read some frames."""
        file = self._file
        if self._generation == file.generation:
            return
        self._generation = file.generation
        assert file.id is not None
        visits = Visits(file.id.get_filesize(), lambda: f"A node in {file.path}")
        plain = PlainNodes(file)
        opener = ItemOpener(file, OwnPaths(file.id), visits, None, plain.has_own_values)
        self._reader = ItemReader(file, UnpicklingPolicy(NEVER), opener, checksums=True)

    def findings(self, node: StoredNode) -> Iterator[Finding]:
        """Yield what is wrong with a node, of which `inspected_nodes` has read the headers."""
        yield from _findings_in_headers(node)
        if node.kind in (LINK, DAMAGED) or node.problem:
            return
        for flaw in self._flaws(node):
            level = ERROR if flaw.is_damage else WARNING
            yield Finding(level, node.path, flaw.text, _RESTORE if flaw.is_damage else "")

    def _flaws(self, node: StoredNode) -> Iterator[Flaw]:
        """Yield what is wrong with a node whose headers are sound."""
        self._renew()
        path = hdf5_path(self._trajectory, node.path)
        try:
            group = h5g.open(self._file.id, path)
        except SYMPTOMS as error:
            yield Flaw(f"cannot be opened: {error}", is_damage=True)
            return
        yield from _flaws_of_annotations(group)
        if node.kind == LEAF:
            yield from self._flaws_of_items(path, node.items)

    def _flaws_of_items(self, path: bytes, items: tuple[StoredItem, ...]) -> Iterator[Flaw]:
        sound = [item for item in items if not item.problem]
        others = []
        for item in sound:
            if item.flag in _FRAMES:
                yield from self._flaws_of_frame(path, item.name)
            else:
                others.append(item)
        names = frozenset(item.name for item in others)
        if sum(item.nbytes or 0 for item in others) <= _MOST_BYTES_TOGETHER:
            whole = self._flaw(path, names)
            if whole is None:
                return
        flaws = [flaw for name in sorted(names) if (flaw := self._flaw(path, {name})) is not None]
        yield from flaws

    def _flaw(self, path: bytes, names: Collection[str]) -> Flaw | None:
        """Read items of a leaf; return what is wrong, None if nothing is."""
        self._renew()
        try:
            self._reader.read(h5g.open(self._file.id, path), path, names.__contains__)
        except (MissingFilterError, RefusedPickleError) as error:
            return Flaw(f"it could not be checked: {error}", is_damage=False)
        except (*SYMPTOMS, StorageFormatError) as error:
            return Flaw(_reason(error), is_damage=True)
        return None

    def _flaws_of_frame(self, path: bytes, name: str) -> Iterator[Flaw]:
        """Compare a pandas item with its checksum, without having pandas or PyTables read it."""
        location = path + b"/" + name.replace(".", "/").encode("utf8")
        what = f"item {name!r}"
        try:
            group = h5g.open(self._file.id, location)
            check_readable(group, what)
            if missing_filter(group):
                yield Flaw(f"{what} could not be checked, for lack of its filter", is_damage=False)
                return
            parts = read_content(group)
            check_frame(group, parts)
            if not h5a.exists(group, CHECKSUM):
                _read_values(parts)
        except MissingFilterError as error:
            yield Flaw(f"{what} could not be checked: {error}", is_damage=False)
        except (*SYMPTOMS, StorageFormatError) as error:
            yield Flaw(f"{what} cannot be read: {_reason(error)}", is_damage=True)


def _read_values(parts: Sequence[Part]) -> None:
    """Read the values of a pandas item, of which there is no checksum."""
    for part in parts:
        if not part.is_dataset or not part.shape or not part.length:
            continue
        if part.is_ragged:
            for _ in part.ragged_rows(part.length):
                continue
        else:
            _ = part.raw_values


def _reason(error: Exception) -> str:
    return str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)


def _flaws_of_annotations(location: h5g.GroupID) -> Iterator[Flaw]:
    try:
        names = attribute_names(location)
    except SYMPTOMS as error:
        yield Flaw(f"its attributes cannot be read: {error}", is_damage=True)
        return
    for name in names:
        if not name.startswith(ANNOTATION):
            continue
        try:
            read_raw(location, name)
        except (*SYMPTOMS, StorageFormatError) as error:
            label = name.removeprefix(ANNOTATION).decode("utf8", "replace")
            yield Flaw(f"annotation {label!r} cannot be read: {error}", is_damage=True)


def _findings_in_headers(node: StoredNode) -> Iterator[Finding]:
    if node.kind == LINK:
        if node.problem:
            yield Finding(NOTE, node.path, f"link {node.problem}")
        return
    if node.problem:
        yield Finding(ERROR, node.path, node.problem, _RESTORE)
    if node.kind == LEAF:
        for item in node.items:
            if item.problem:
                text = f"item {item.name!r} {item.problem}"
                yield Finding(ERROR, node.path, text, _RESTORE)


# ----- the overview and the run table ----------------------------------------------------------


def findings_about_overview(rebuilt: Iterable[str]) -> Iterator[Finding]:
    """Yield the findings about tables that had to be rebuilt."""
    for text in rebuilt:
        yield Finding(WARNING if " is missing" in text else ERROR, "", text, _REBUILT)


def stored_runs(nodes: Iterable[StoredNode]) -> dict[str, set[str]]:
    """Return the names of all runs that stored something, by branch of the tree."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        match = _RUN_PATH.match(node.path)
        if match is not None:
            found.setdefault(match[1], set()).add(match[2])
    return found


def findings_about_runs(meta: MetaRecord, with_data: Mapping[str, set[str]]) -> Iterator[Finding]:
    """Yield where the run table of a trajectory contradicts the groups of runs.

    ``with_data`` is what `stored_runs` found.
    """
    rows = meta.runs
    assert rows is not None
    names = _names_of(rows)
    completed = {
        name for name, is_done in zip(names, rows.completed.tolist(), strict=True) if is_done
    }
    known = set(names)
    for branch, stored in sorted(with_data.items()):
        missing = completed - stored if completed & stored else set()
        for runs, text, advice in (
            (
                missing,
                "completed, but without a group here, which others have",
                "that is right if they stored nothing; otherwise execute them again",
            ),
            (
                (stored & known) - completed,
                "not completed, but with data here",
                "they failed or were interrupted; executing them again stores what is missing",
            ),
            (
                stored - known - _set_names(stored),
                f"not in the run table, which has {len(rows)} runs",
                "execute or merge with the trajectory that knows them, or delete them",
            ),
        ):
            if runs:
                yield Finding(WARNING, f"{branch}.runs", f"{_some(sorted(runs))} {text}", advice)
    late = (rows.completed != 0) & (rows.finish_timestamp < rows.timestamp)
    if late.any():
        broken = [name for name, is_odd in zip(names, late.tolist(), strict=True) if is_odd]
        yield Finding(WARNING, "", f"{_some(broken)} completed before being started", "")
    if meta.info.length > len(rows):
        text = f"the run table has {len(rows)} rows, there are {meta.info.length} runs"
        yield Finding(WARNING, "", text, "runs without a row count as not completed")


def _names_of(rows: RunRows) -> list[str]:
    if rows.names is not None:
        return list(rows.names)
    return [f"run_{idx:08d}" for idx in rows.idx.tolist()]


def _set_names(names: set[str]) -> set[str]:
    """Return which names are of sets of runs, or of no run at all."""
    return {name for name in names if _RUN_NAME.match(name) is None}


def _some(names: list[str]) -> str:
    return f"{joined_and_counted(names, _MOST_NAMED)} {_verb(names)}"


def _verb(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
