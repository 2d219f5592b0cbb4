"""Reading all values and attributes of stored nodes to find out whether they are sound.

Nothing is unpickled: what is pickled in a file consists of bytes that have checksums as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from h5py import h5a, h5g

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import NEVER, Unpickling
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.records import LEAF, StoredItem, StoredNode
from pypet.storage_backends.hdf5.compression.filter_plugins import (
    MissingFilterError,
    check_readable,
    missing_filter,
)
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names, read_raw
from pypet.storage_backends.hdf5.encoding.layout import ANNOTATION, CHECKSUM
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.checksums import check_frame
from pypet.storage_backends.hdf5.frames.contents import Part, read_content
from pypet.storage_backends.hdf5.nodes.admission import ItemAdmission
from pypet.storage_backends.hdf5.nodes.item_reading import ItemReader
from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes
from pypet.storage_backends.hdf5.objects.groups import hdf5_path
from pypet.storage_backends.hdf5.objects.own_paths import OwnPaths
from pypet.storage_backends.hdf5.objects.reading_limits import Visits

_FRAMES = frozenset((constants.FRAME, constants.SERIES))
_MOST_BYTES_TOGETHER = 1 << 26
"""Leaves with more than this are read item by item."""


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
        admission = ItemAdmission(file, OwnPaths(file.id), visits, None, plain.has_own_values)
        self._reader = ItemReader(file, Unpickling(NEVER), admission, checksums=True)

    def flaws(self, node: StoredNode) -> Iterator[Flaw]:
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
