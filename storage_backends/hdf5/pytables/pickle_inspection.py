"""Looking at what PyTables and pandas are about to meet, of which they load whatever is pickled.

PyTables unpickles attributes that look like it, of every node that it opens on the way, and the
rows of object arrays. Where it works on the file itself, everything that it would touch is read
through h5py first: if not every pickle is trusted, each must name nothing, or be one that pickling
the value safely read from it gives again. Damaged names, over which PyTables crashes, are refused
in every mode.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Iterator
from typing import Any

import h5py
from h5py import h5a, h5d, h5g, h5l, h5o, h5t

from pypet.encoding import portable_pickle
from pypet.encoding.pickle_vocabulary import MalformedPickleError
from pypet.encoding.unpickling import SAFE, TRUST, Unpickling, load_constants
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.storage_backends.hdf5.compression.filter_plugins import missing_filter
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names, read_bytes
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.pytables.plain_types import (
    check_names,
    children,
    decoded,
    is_plain,
    is_ragged,
    is_scalar,
    reads_elsewhere,
)

OBJECTS = b"object"
PSEUDO_ATOM = b"PSEUDOATOM"
FILTERS = b"FILTERS"
FORMAT_VERSION = b"PYTABLES_FORMAT_VERSION"
TEXT_ATTRIBUTES = frozenset((b"CLASS", b"FLAVOR", b"TITLE", b"VERSION", FORMAT_VERSION))
"""PyTables reads them as text without a look at their types."""
_VERSION = re.compile(rb"\d{1,3}(\.\d{1,3}){0,3}|unknown|")
INDEX_PREFIX = b"_i_"
"""Groups of this prefix and the name of a table hold the indexes of its columns."""


def inspect_items(file: OpenFile, paths: Iterable[str], rule: Unpickling) -> None:
    """Check everything that PyTables touches to read or change the items at absolute paths.

    Items that are not there yet count as empty.

    Raises
    ------
    RefusedPickleError
        A pickle in it may not be loaded.
    StorageFormatError
        A name is damaged; or something is there that PyTables does not write, and not every
        pickle is trusted.
    """
    inspection = _Inspection(file, rule)
    for path in paths:
        inspection.check_item(path)


class _Inspection:
    """The checks of one file by one rule."""

    def __init__(self, file: OpenFile, rule: Unpickling) -> None:
        self._file = file
        self._rule = rule
        self._is_trusted = rule.mode == TRUST
        self._seen: set[str] = set()

    def check_item(self, path: str) -> None:
        *names, last = path.strip("/").encode("utf8").split(b"/")
        at = path.rpartition("/")[0]
        if at in self._seen:
            names = []
        else:
            at = ""
        group = h5g.open(self._file.id, at.encode("utf8") or b"/")
        self._check_node(group, at or "/")
        for name in names:
            at += "/" + name.decode("utf8")
            if not group.links.exists(name):
                return
            self._check_link(group, name, at)
            group = h5g.open(group, name)
            self._check_node(group, at)
        for name in (last, INDEX_PREFIX + last):
            if group.links.exists(name):
                self._check_below(group, name, f"{at}/{name.decode('utf8')}")

    def _check_link(self, group: h5g.GroupID, name: bytes, path: str) -> None:
        if not self._is_trusted and group.links.get_info(name).type != h5l.TYPE_HARD:
            raise _unknown(self._file, path, "is a link")

    def _check_below(self, parent: h5g.GroupID, name: bytes, path: str) -> None:
        self._check_link(parent, name, path)
        waiting = [(parent, name, path)]
        seen: set[int] = set()
        while waiting:
            parent, name, path = waiting.pop()
            node = open_node(parent, name, path, self._file.path)
            self._check_node(node, path)
            if not isinstance(node, h5g.GroupID):
                continue
            for child, address in children(node):
                below = f"{path}/{decoded(child, f'item below {path}', self._file.path)}"
                if address is None:
                    if self._is_trusted:
                        continue
                    raise _unknown(self._file, below, "is a link")
                if address in seen:
                    raise StorageFormatError(f"{below} in {self._file.path} is there twice.")
                seen.add(address)
                waiting.append((node, child, below))

    def _check_node(self, node: Any, path: str) -> None:
        if path in self._seen:
            return
        check_names(node, path, self._file.path)
        if not self._is_trusted:
            for name in attribute_names(node):
                self._check_attribute(node, name, path)
            if isinstance(node, h5d.DatasetID):
                self._check_dataset(node, path)
        self._seen.add(path)

    def _check_attribute(self, node: Any, name: bytes, path: str) -> None:
        attribute = h5a.open(node, name)
        kind = attribute.get_type()
        is_text = kind.get_class() == h5t.STRING
        where = f"Attribute {name.decode('utf8')!r} of {path}"
        if is_text and is_scalar(attribute):
            if name == FILTERS:  # PyTables changes it before it unpickles it
                raise _unknown(self._file, path, "has filters that are text")
            raw = read_bytes(node, name)
            is_utf8 = kind.get_cset() == h5t.CSET_UTF8 or name in TEXT_ATTRIBUTES
            if is_utf8 and not _is_utf8(raw):  # PyTables fails, and leaves the file open
                raise _unknown(self._file, path, "has text that is no UTF-8, a kind of text")
            if name == FORMAT_VERSION and not _VERSION.fullmatch(raw):
                raise _unknown(self._file, path, "names a version of its format")
            for text in texts_in(raw):
                if text.endswith(b"."):
                    self._check_pickle(text, where)
        elif name == FILTERS and not (is_scalar(attribute) and kind.get_class() == h5t.INTEGER):
            raise _unknown(self._file, path, "has filters of a type")
        elif name in TEXT_ATTRIBUTES or not is_plain(kind):
            raise _unknown(self._file, path, f"has an attribute {name.decode('utf8')!r} of a type")

    def _check_dataset(self, dataset: h5d.DatasetID, path: str) -> None:
        if reads_elsewhere(dataset):
            raise _unknown(self._file, path, "takes its values from another file")
        kind = dataset.get_type()
        if is_ragged(kind):
            if read_bytes_or_none(dataset, PSEUDO_ATOM) == OBJECTS:
                for raw in object_rows(dataset, path):
                    self._check_pickle(raw, f"The data at {path}")
        elif not is_plain(kind):
            raise _unknown(self._file, path, "is of a type")

    def _check_pickle(self, raw: bytes, where: str) -> None:
        """Make sure that `pickle.loads` of these bytes does no harm; they may be no pickle."""
        try:
            load_constants(raw, where, self._rule.mode)
            return
        except MalformedPickleError as err:
            if err.fails_everywhere:
                return
            raise RefusedPickleError(f"{where} is no pickle, but begins as one: {err}") from err
        except UnicodeDecodeError:  # text of Python 2, which PyTables decodes as latin-1 then
            load_constants(raw, where, self._rule.mode, "latin1")
            return
        except RefusedPickleError:
            if self._rule.mode != SAFE:
                raise
        value = self._rule.loads(raw, where)
        if not any(raw == pickled for pickled in _pickles(value)):
            raise RefusedPickleError(
                f"{where} is a pickle in a form of its own, which cannot be checked for PyTables. "
                "If you know who wrote the file, load with `unpickle='trust'`."
            )


def _pickles(value: Any) -> Iterator[bytes]:
    for protocol in (0, pickle.HIGHEST_PROTOCOL, 4, 2):
        yield portable_pickle.dumps(value, protocol)
        yield pickle.dumps(value, protocol)


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf8")
    except UnicodeDecodeError:
        return False
    return True


def texts_in(raw: bytes) -> set[bytes]:
    """Return what a library may take for the text in an attribute: all of it, or up to a NUL."""
    return {raw.rstrip(b"\0"), raw.rstrip(b"\0 "), raw.partition(b"\0")[0].rstrip(b" ")}


def open_node(parent: h5g.GroupID, name: bytes, path: str, file: str) -> Any:
    """Return an open group or dataset.

    Raises
    ------
    StorageFormatError
        It is something else, or damaged.
    """
    try:
        node = h5o.open(parent, name)
    except (KeyError, OSError, ValueError) as err:
        raise StorageFormatError(f"{path} in {file} cannot be opened: {err}") from err
    if not isinstance(node, h5g.GroupID | h5d.DatasetID):
        raise StorageFormatError(f"{path} in {file} is neither a group nor a dataset.")
    return node


def read_bytes_or_none(location: Any, name: bytes) -> bytes | None:
    """Return the bytes of an attribute that holds text, None if there is no such attribute."""
    return read_bytes(location, name) if h5a.exists(location, name) else None


def object_rows(dataset: h5d.DatasetID, path: str) -> list[bytes]:
    """Return the rows of an array of objects, which are pickles.

    Raises
    ------
    StorageFormatError
        They are none, or cannot be read.
    """
    if dataset.shape is None or len(dataset.shape) != 1:
        raise StorageFormatError(f"The objects at {path} are not in rows.")
    missing_filter(dataset)  # makes others available
    try:
        rows = h5py.Dataset(dataset)[:]
    except OSError as err:
        raise StorageFormatError(f"The objects at {path} cannot be read: {err}") from err
    return [row.tobytes() for row in rows]


def _unknown(file: OpenFile, path: str, what: str) -> StorageFormatError:
    return StorageFormatError(
        f"{path} in {file.path} {what} that PyTables does not write, and is not given to it. "
        "If you know who wrote the file, load with `unpickle='trust'`."
    )
