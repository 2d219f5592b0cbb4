"""Checks of types, names and pickles before PyTables and pandas read them.

PyTables unpickles the rows of object arrays, and attributes that look like pickles, of every node
along a path. Where it works on the file itself, everything it would touch is first read through
h5py. Unless every pickle is trusted, a pickle must name nothing, or equal the pickle of the value
that the safe unpickler reads from it. PyTables allocates memory for whatever it takes a type to be.
It aborts the process for names that are not UTF-8, and writes beyond its memory for attributes that
it takes for text, so both are checked in every mode.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Iterator
from typing import Any

import h5py
from h5py import h5a, h5d, h5g, h5l, h5o, h5s, h5t

from pypet.encoding import portable_pickle
from pypet.encoding.safe_pickle.vocabulary import MalformedPickleError
from pypet.encoding.unpickling import SAFE, TRUST, UnpicklingPolicy, load_constants
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.storage_backends.hdf5.compression.filters import missing_filter
from pypet.storage_backends.hdf5.encoding.attributes import attribute_names, read_bytes
from pypet.storage_backends.hdf5.encoding.types import dtype_of
from pypet.storage_backends.hdf5.files.open_file import OpenFile

# ----- types and names ----------------------------------------------------------------------------


_NUMBERS = tuple(
    getattr(h5t, f"{family}{size}{order}")
    for family, sizes in (
        ("STD_I", (8, 16, 32, 64)),
        ("STD_U", (8, 16, 32, 64)),
        ("STD_B", (8, 16, 32, 64)),
        ("IEEE_F", (16, 32, 64)),
    )
    for size in sizes
    for order in ("LE", "BE")
)
_DEEPEST_TYPE = 16


def is_plain(kind: h5t.TypeID, depth: int = 0) -> bool:
    """Return whether elements of a type are numbers, text of fixed length, or structs of these."""
    if depth > _DEEPEST_TYPE:
        return False
    family = kind.get_class()
    if family in (h5t.INTEGER, h5t.FLOAT, h5t.BITFIELD):
        return any(kind.equal(number) for number in _NUMBERS) or _is_long_float(kind)
    if family == h5t.STRING:
        return not kind.is_variable_str()
    if family in (h5t.ENUM, h5t.ARRAY):
        return is_plain(kind.get_super(), depth + 1)
    if family == h5t.COMPOUND:
        members = [kind.get_member_type(index) for index in range(kind.get_nmembers())]
        return all(is_plain(member, depth + 1) for member in members) and _fits(kind)
    return False


def _is_long_float(kind: h5t.TypeID) -> bool:
    return bool(kind.equal(h5t.NATIVE_LDOUBLE))


def _fits(kind: h5t.TypeID) -> bool:
    try:
        for index in range(kind.get_nmembers()):
            kind.get_member_name(index).decode("utf8")
        return bool(dtype_of(kind).itemsize == kind.get_size())
    except (StorageFormatError, TypeError, ValueError):  # numpy has no such struct
        return False


def is_ragged(kind: h5t.TypeID) -> bool:
    """Return whether elements of a type are ragged rows of plain elements."""
    return kind.get_class() == h5t.VLEN and is_plain(kind.get_super())


def is_scalar(attribute: h5a.AttrID) -> bool:
    """Return whether an attribute is a scalar."""
    return bool(attribute.get_space().get_simple_extent_type() != h5s.SIMPLE)


def _is_one_text(attribute: h5a.AttrID) -> bool:
    is_text = attribute.get_type().get_class() == h5t.STRING
    return bool(is_text and attribute.get_space().get_simple_extent_npoints() <= 1)


def reads_elsewhere(dataset: h5d.DatasetID) -> bool:
    """Return whether the values of a dataset are in another file."""
    properties = dataset.get_create_plist()
    if properties.get_layout() == h5d.VIRTUAL:
        return True
    return bool(properties.get_external_count())


def check_names(location: Any, path: str, file: str) -> None:
    """Check that the names of all attributes can be decoded; PyTables crashes otherwise.

    Raises
    ------
    StorageFormatError
        A name is not UTF-8.
    """
    for name in attribute_names(location):
        decoded(name, f"attribute of {path}", file)


def decoded(name: bytes, kind: str, file: str) -> str:
    """Return a name as text.

    Raises
    ------
    StorageFormatError
        It is not UTF-8.
    """
    try:
        return name.decode("utf8")
    except UnicodeDecodeError as err:
        raise StorageFormatError(
            f"The name {name!r} of an {kind} in {file} is not UTF-8. The file is damaged there."
        ) from err


def children(group: h5g.GroupID) -> list[tuple[bytes, int | None]]:
    """Return the names in a group, with the address of the object header, None for links."""
    found: list[tuple[bytes, int | None]] = []

    def note(name: bytes, info: Any) -> None:
        found.append((name, info.u if info.type == h5l.TYPE_HARD else None))

    group.links.iterate(note, info=True)
    return sorted(found)


# ----- pickles ------------------------------------------------------------------------------------


OBJECTS = b"object"
PSEUDO_ATOM = b"PSEUDOATOM"
FILTERS = b"FILTERS"
FORMAT_VERSION = b"PYTABLES_FORMAT_VERSION"
TEXT_ATTRIBUTES = frozenset((b"CLASS", b"FLAVOR", b"TITLE", b"VERSION", FORMAT_VERSION))
"""PyTables reads them as text without checking their types."""
_VERSION = re.compile(rb"\d{1,3}(\.\d{1,3}){0,3}|unknown|")
INDEX_PREFIX = b"_i_"
"""Groups named by this prefix and a table hold the indexes of its columns."""


def inspect_items(file: OpenFile, paths: Iterable[str], policy: UnpicklingPolicy) -> None:
    """Check everything that PyTables touches to read or change the items at absolute paths.

    Items that do not exist yet are skipped.

    Raises
    ------
    RefusedPickleError
        A pickle in it must not be loaded.
    StorageFormatError
        A name is damaged, or an object is not of a kind that PyTables writes and not every
        pickle is trusted.
    """
    inspection = _Inspection(file, policy)
    for path in paths:
        inspection.check_item(path)


class _Inspection:
    """The checks of one file under one policy."""

    def __init__(self, file: OpenFile, policy: UnpicklingPolicy) -> None:
        self._file = file
        self._policy = policy
        self._is_trusted = policy.mode == TRUST
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
        for name in attribute_names(node):
            if not self._is_trusted:
                self._check_attribute(node, name, path)
            elif name in TEXT_ATTRIBUTES and not _is_one_text(h5a.open(node, name)):
                raise StorageFormatError(
                    f"Attribute {name.decode()!r} of {path} in {self._file.path} is no text, so it "
                    "cannot be given to PyTables. The file is damaged there."
                )
        if not self._is_trusted and isinstance(node, h5d.DatasetID):
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
                raise _unknown(self._file, path, "has text that is not UTF-8, a kind of text")
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
        """Check that `pickle.loads` of these bytes is harmless; they need not be a pickle."""
        try:
            load_constants(raw, where, self._policy.mode)
            return
        except MalformedPickleError as err:
            if err.fails_everywhere:
                return
            raise RefusedPickleError(f"{where} is not a pickle, but begins as one: {err}") from err
        except UnicodeDecodeError:  # text of Python 2, which PyTables decodes as latin-1 then
            load_constants(raw, where, self._policy.mode, "latin1")
            return
        except RefusedPickleError:
            if self._policy.mode != SAFE:
                raise
        value = self._policy.loads(raw, where)
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
    """Return what a library may read as the text of an attribute: all of it, or up to a NUL."""
    return {raw.rstrip(b"\0"), raw.rstrip(b"\0 "), raw.partition(b"\0")[0].rstrip(b" ")}


def open_node(parent: h5g.GroupID, name: bytes, path: str, file: str) -> Any:
    """Return an open group or dataset.

    Raises
    ------
    StorageFormatError
        It is another kind of object, or damaged.
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
        It does not hold pickles, or cannot be read.
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
