"""Reading all values and attributes of stored nodes to find out whether they are sound.

Nothing is unpickled: what is pickled in a file consists of bytes that have checksums as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from h5py import h5g

from pypet.encoding.unpickling import NEVER, Unpickling
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.records import LEAF, StoredItem, StoredNode
from pypet.storage_backends.hdf5.compression.filter_plugins import MissingFilterError
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names, read_raw
from pypet.storage_backends.hdf5.encoding.layout import ANNOTATION
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.nodes.admission import ItemAdmission
from pypet.storage_backends.hdf5.nodes.item_reading import ItemReader
from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes
from pypet.storage_backends.hdf5.objects.groups import hdf5_path
from pypet.storage_backends.hdf5.objects.own_paths import OwnPaths
from pypet.storage_backends.hdf5.objects.reading_limits import Visits

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
        size = sum(item.nbytes or 0 for item in sound)
        whole = None
        if len(sound) == len(items) and size <= _MOST_BYTES_TOGETHER:
            whole = self._flaw(path, None)
            if whole is None:
                return
        found = False
        for item in sound:
            flaw = self._flaw(path, item.name)
            if flaw is not None and flaw.text:
                found = True
                yield flaw
        if whole is not None and whole.text and not found:
            yield whole

    def _flaw(self, path: bytes, item: str | None) -> Flaw | None:
        """Read one item of a leaf, or all of them; return what is wrong, None if nothing is.

        A flaw without text means that something is pickled, of which the bytes are sound.
        """
        wants = None if item is None else lambda name: name == item
        self._renew()
        try:
            self._reader.read(h5g.open(self._file.id, path), path, wants)
        except RefusedPickleError:
            return Flaw("", is_damage=False)
        except MissingFilterError as error:
            return Flaw(str(error), is_damage=False)
        except (*SYMPTOMS, StorageFormatError) as error:
            return Flaw(_reason(error), is_damage=True)
        return None


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
