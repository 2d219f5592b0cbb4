"""Copies of items in a file in memory that contain only plain data.

PyTables and pandas read these copies unless every pickle is trusted. Attributes are written again:
numbers, text, and values that were safely unpickled, pickled again. Thus no foreign pickle, and no
attribute of a parent group, reaches a library that would unpickle it.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5p, h5t

from pypet.encoding import portable_pickle
from pypet.encoding.safe_pickle.vocabulary import MalformedPickleError
from pypet.encoding.unpickling import NEVER, UnpicklingPolicy, load_constants
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.storage_backends.hdf5.compression.filters import missing_filter
from pypet.storage_backends.hdf5.encoding.attributes import (
    attribute_names,
    encode_attribute,
    encode_text,
    read_bytes,
    read_raw,
    write_attribute,
)
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.pytables.pickle_inspection import (
    FILTERS,
    INDEX_PREFIX,
    OBJECTS,
    PSEUDO_ATOM,
    TEXT_ATTRIBUTES,
    children,
    decoded,
    is_plain,
    is_ragged,
    is_scalar,
    object_rows,
    open_node,
    read_bytes_or_none,
    reads_elsewhere,
    texts_in,
)

_FILL = re.compile(rb"FIELD_[0-9]+_FILL")
"""Defaults of columns: only needed for writing, and unpickled by some versions."""
_TEXT_ATOMS = (b"vlstring", b"vlunicode")
_ENCODINGS = re.compile(r"(utf-?(8|16|32)|ascii|us-ascii|latin-?1|iso-?8859-?\d+|cp\d+)", re.I)
_ERRORS = frozenset(("strict", "ignore", "replace", "backslashreplace", "surrogatepass"))
_ZONES = re.compile(r"(dateutil//usr/share/zoneinfo/)?[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*|UTC.*")
_CATEGORIES = "_categories"


class PlainCopy:
    """A file in memory with copies of some items at their paths."""

    def __init__(self, file: OpenFile, policy: UnpicklingPolicy) -> None:
        self._file = file
        self._policy = policy
        self._memory = h5py.File("plain-copies", "w", driver="core", backing_store=False)
        root = self._memory["/"].id
        for name, text in (
            (b"CLASS", b"GROUP"),
            (b"PYTABLES_FORMAT_VERSION", b"2.1"),
            (b"TITLE", b""),
            (b"VERSION", b"1.0"),
        ):
            write_attribute(root, name, encode_text(text))
        self._lengths: dict[str, int] = {}
        """Path of an array -> number of its elements; object arrays have one row."""
        self._codes: list[tuple[str, h5d.DatasetID]] = []

    def add(self, path: str) -> None:
        """Copy the item at an absolute path with everything below it.

        Raises
        ------
        RefusedPickleError
            It contains a pickle that must not be loaded.
        StorageFormatError
            It contains something that neither PyTables nor pandas writes.
        """
        *names, last = path.strip("/").encode("utf8").split(b"/")
        source, target = h5g.open(self._file.id, b"/"), self._memory["/"].id
        for name in names:
            if not source.links.exists(name) or _is_link(source, name):
                raise StorageFormatError(f"There is no group {name!r} on the way to {path}.")
            source = h5g.open(source, name)
            known = target.links.exists(name)
            target = h5g.open(target, name) if known else h5g.create(target, name)
        if not source.links.exists(last) or _is_link(source, last):
            raise StorageFormatError(f"There is no item at {path} in {self._file.path}.")
        self._copy_all(source, target, last, path)
        self._check_codes()

    def image(self) -> bytes:
        """Return the content of the file."""
        self._memory.flush()
        image: bytes = self._memory.id.get_file_image()
        return image

    def close(self) -> None:
        """Free the memory."""
        self._memory.close()

    # ----- nodes ---------------------------------------------------------------------------

    def _copy_all(self, source: Any, target: Any, name: bytes, path: str) -> None:
        waiting = [(source, target, name, path)]
        seen: set[int] = set()
        while waiting:
            source, target, name, path = waiting.pop()
            node = open_node(source, name, path, self._file.path)
            if isinstance(node, h5d.DatasetID):
                self._copy_dataset(source, target, node, name, path)
                continue
            made = h5g.create(target, name)
            self._copy_attributes(node, made, path)
            for child, address in children(node):
                if child.startswith(INDEX_PREFIX):
                    continue
                below = f"{path}/{decoded(child, f'item below {path}', self._file.path)}"
                if address is None or address in seen:
                    raise StorageFormatError(
                        f"{below} in {self._file.path} is a link, or there twice, which pandas "
                        "does not write."
                    )
                seen.add(address)
                waiting.append((node, made, child, below))

    def _copy_dataset(
        self, source: Any, target: Any, dataset: h5d.DatasetID, name: bytes, path: str
    ) -> None:
        kind = dataset.get_type()
        if reads_elsewhere(dataset) or not (is_plain(kind) or is_ragged(kind)):
            raise StorageFormatError(
                f"{path} in {self._file.path} is of a type, or takes its values from another file, "
                "in a way that PyTables does not write."
            )
        atom = read_bytes_or_none(dataset, PSEUDO_ATOM) if is_ragged(kind) else None
        self._lengths[path] = dataset.shape[0] if dataset.shape else 0
        missing_filter(dataset)  # makes others available, for rows of any length
        if atom == OBJECTS:
            made = self._copy_objects(dataset, target, name, path)
        else:
            try:
                h5o.copy(source, name, target, name, _without_attributes())
            except (OSError, RuntimeError, ValueError) as err:
                raise StorageFormatError(
                    f"{path} in {self._file.path} cannot be read: {err}"
                ) from err
            made = h5d.open(target, name)
        self._copy_attributes(dataset, made, path)
        if atom in (OBJECTS, *_TEXT_ATOMS):
            write_attribute(made, PSEUDO_ATOM, encode_text(atom))

    def _copy_objects(
        self, dataset: h5d.DatasetID, target: Any, name: bytes, path: str
    ) -> h5d.DatasetID:
        where = f"The pandas data at {path}"
        rows = []
        for raw in object_rows(dataset, path):
            try:
                value = self._policy.loads(raw, where)
            except UnicodeDecodeError as err:
                raise StorageFormatError(f"{where} in {self._file.path} is damaged: {err}") from err
            if not isinstance(value, np.ndarray) or not value.ndim:
                raise StorageFormatError(f"{where} in {self._file.path} has no objects in it.")
            self._lengths[path] = len(value)
            rows.append(np.frombuffer(pickle.dumps(value, pickle.HIGHEST_PROTOCOL), np.uint8))
        made = h5py.Group(target).create_dataset(
            name.decode("utf8"),
            (len(rows),),
            dtype=h5py.vlen_dtype(np.uint8),
            maxshape=(None,),
            chunks=(1,),
        )
        for position, row in enumerate(rows):
            made[position] = row
        identifier: h5d.DatasetID = made.id
        return identifier

    # ----- attributes ----------------------------------------------------------------------

    def _copy_attributes(self, source: Any, target: Any, path: str) -> None:
        for name in attribute_names(source):
            label = decoded(name, f"attribute of {path}", self._file.path)
            if name in (FILTERS, PSEUDO_ATOM) or _FILL.fullmatch(name):
                continue
            attribute = h5a.open(source, name)
            kind = attribute.get_type()
            if kind.get_class() == h5t.STRING and is_scalar(attribute):
                self._copy_text(source, target, name, f"Attribute {label!r} of {path}")
            elif is_plain(kind) and name not in TEXT_ATTRIBUTES:
                value = read_raw(source, name)
                if np.asarray(value).dtype.names is None:
                    write_attribute(target, name, encode_attribute(value))
            if name == b"kind" and isinstance(source, h5d.DatasetID):
                self._note_codes(target, path)
            if name == b"shape" and isinstance(source, h5d.DatasetID):
                self._lengths[path] = 0 if not np.prod(_numbers(target)) else self._lengths[path]

    def _copy_text(self, source: Any, target: Any, name: bytes, where: str) -> None:
        raw = read_bytes(source, name).rstrip(b"\0")
        kind = h5a.open(source, name).get_type()
        value: Any = raw
        if kind.get_cset() != h5t.CSET_UTF8 or kind.is_variable_str():
            if raw.endswith(b"."):
                value = self._unpickled(raw, where)
        else:
            value = np.str_(raw.decode("utf8", "replace"))
        _check_text(name, value, where)
        if type(value) is bytes:
            is_safe = not any(text.endswith(b".") for text in texts_in(value))
            charset = h5t.CSET_ASCII if is_safe else h5t.CSET_UTF8
            write_attribute(target, name, encode_text(value, charset))
        elif type(value) is np.str_ or name in (b"CLASS", b"VERSION", b"TITLE"):
            write_attribute(target, name, encode_text(str(value).encode("utf8", "replace")))
        else:
            pickled = portable_pickle.dumps(value, 0)
            write_attribute(target, name, encode_text(pickled, h5t.CSET_ASCII))

    def _unpickled(self, raw: bytes, where: str) -> Any:
        """Return an unpickled value, or text that only looks like a pickle."""
        for encoding in ("ASCII", "latin1"):
            try:
                if self._policy.mode == NEVER:
                    return load_constants(raw, where, NEVER, encoding)
                return self._policy.loads(raw, where, encoding)
            except RefusedPickleError:
                raise
            except UnicodeDecodeError:  # pickled by Python 2
                continue
            except MalformedPickleError:
                break
        return raw

    # ----- categories ----------------------------------------------------------------------

    def _note_codes(self, dataset: Any, path: str) -> None:
        if read_bytes(dataset, b"kind") == b"category":
            self._codes.append((path, dataset))

    def _check_codes(self) -> None:
        """Check that codes of categories are within bounds, which pandas does not."""
        codes, self._codes = self._codes, []
        for path, dataset in codes:
            most = self._lengths.get(path + _CATEGORIES, 0)
            is_sound = len(dataset.shape or ()) == 1 and dataset.dtype.kind in "iu"
            values = self._values(dataset, path) if is_sound else None
            if values is None or (values.size and (values.min() < -1 or values.max() >= most)):
                raise StorageFormatError(
                    f"{path} in {self._file.path} refers to categories that are not there."
                )

    def _values(self, dataset: h5d.DatasetID, path: str) -> Any:
        try:
            return h5py.Dataset(dataset)[()]
        except OSError as err:
            raise StorageFormatError(f"{path} in {self._file.path} cannot be read: {err}") from err


def _numbers(dataset: Any) -> Any:
    """Return the attribute ``shape`` of an array, which marks one without elements."""
    raw = read_raw(dataset, b"shape") if h5a.exists(dataset, b"shape") else 1
    if isinstance(raw, bytes):
        found = load_constants(raw, "A shape", NEVER)
        return [size for size in found if type(size) is int] if type(found) is tuple else 1
    return raw if np.asarray(raw).dtype.kind in "iu" else 1


def _is_link(group: h5g.GroupID, name: bytes) -> bool:
    return bool(group.links.get_info(name).type != h5l.TYPE_HARD)


def _without_attributes() -> h5p.PropCopyID:
    properties = h5p.create(h5p.OBJECT_COPY)
    properties.set_copy_object(h5o.COPY_WITHOUT_ATTR_FLAG)
    return properties


def _check_text(name: bytes, value: Any, where: str) -> None:
    """Check text that makes pandas import codecs or open time zone files."""
    if name not in (b"encoding", b"errors", b"tz") or value is None:
        return
    text = value.decode("latin1") if type(value) is bytes else value
    if isinstance(text, str):
        if name == b"encoding" and _ENCODINGS.fullmatch(text):
            return
        if name == b"errors" and text in _ERRORS:
            return
        if name == b"tz" and _ZONES.fullmatch(text):
            return
    elif name == b"tz":
        return  # a time zone that was read from a pickle
    raise StorageFormatError(f"{where} is {text!r:.80}, which pandas does not write.")


@contextmanager
def plain_copy(
    file: OpenFile, paths: Iterable[str], policy: UnpicklingPolicy
) -> Iterator[dict[str, Any]]:
    """Yield arguments with which PyTables opens a copy of items, at the same paths.

    Raises
    ------
    RefusedPickleError, StorageFormatError
        See `PlainCopy.add`.
    """
    copy = PlainCopy(file, policy)
    try:
        for path in paths:
            copy.add(path)
        image = copy.image()
    finally:
        copy.close()
    yield {
        "driver": "H5FD_CORE",
        "driver_core_image": image,
        "driver_core_backing_store": 0,
    }
