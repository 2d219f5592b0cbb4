"""A fast path for pandas' fixed format: frames and series from what h5py reads.

It is several times as fast as reading through PyTables and pandas, and the file stays open. It
handles common content: labels that are text or numbers, and columns of numbers, times and pickled
objects. All other items are read through pandas.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from h5py import h5t

from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.storage_backends.hdf5.encoding.types import dtype_of, native
from pypet.storage_backends.hdf5.frames.contents import Array, Part, RawAttribute
from pypet.storage_backends.hdf5.pytables.pickle_inspection import is_plain

_PICKLED_NONE = b"N."
_OF_PYTABLES = frozenset((b"CLASS", b"VERSION", b"TITLE"))
_OF_ITEM = _OF_PYTABLES | {
    b"FILTERS",
    b"encoding",
    b"errors",
    b"name",
    b"nblocks",
    b"ndim",
    b"pandas_type",
    b"pandas_version",
}
_OF_INDEX = _OF_PYTABLES | {b"FLAVOR", b"kind", b"name", b"nan_rep", b"transposed"}
_OF_VALUES = _OF_PYTABLES | {b"FLAVOR", b"PSEUDOATOM", b"transposed", b"value_type"}
_OURS = b"SRVC_"
NOTES = b"SRVC_PANDAS_"
"""Prefix of the names of our attributes, which pandas does not know."""
_VARIETY = b"_variety"

_UTF8 = frozenset(("utf8", "utf-8"))
_LABEL_KINDS = {"integer": "iu", "float": "f"}
_TIMES = re.compile(r"(datetime|timedelta)64(?:\[(s|ms|us|ns)\])?")
_NAN = "nan"
"""Labels with this text are missing values in files of some versions of pandas."""


def notes_of(parts: list[Part]) -> dict[str, str]:
    """Return our attributes of an item, which pandas does not know."""
    found = {}
    for name, attribute in parts[0].attributes.items():
        if name.startswith(NOTES) and attribute.value is not None:
            found[name.decode("ascii", "replace")] = (
                attribute.value.tobytes().rstrip(b"\0").decode("utf8", "replace")
            )
    return found


class _NotCommonError(Exception):
    """Raised for content that is left to pandas."""


def plain_frame(parts: list[Part], policy: UnpicklingPolicy, where: str) -> Any:
    """Return the frame or series made of the parts of an item, None if it is left to pandas.

    Raises
    ------
    RefusedPickleError
        ``policy`` forbids loading the objects in it.
    """
    try:
        return _Reader(parts, policy, where).read()
    except (
        _NotCommonError,
        OSError,
        StorageFormatError,
    ):  # if something is wrong, pandas raises a better error
        return None


class _Reader:
    """Creates the object of one item."""

    def __init__(self, parts: list[Part], policy: UnpicklingPolicy, where: str) -> None:
        self._item, *datasets = parts
        self._datasets = {part.path: part for part in datasets}
        self._policy = policy
        self._where = where

    def read(self) -> Any:
        attributes = self._item.attributes
        _need(all(part.is_dataset for part in self._datasets.values()))
        for name in attributes:
            _need(name in _OF_ITEM or name.startswith(_OURS) or name.endswith(_VARIETY))
        _need(str(_text(attributes.get(b"encoding"))).lower() in _UTF8)
        _need(_text(attributes.get(b"errors")) == "strict")
        kind = _text(attributes.get(b"pandas_type"))
        if kind == "frame":
            return self._read_frame()
        _need(kind == "series")
        return self._read_series()

    def _read_series(self) -> Any:
        import pandas

        _need(len(self._datasets) == 2)
        index = self._index("index")
        values = self._values("values", axes=1)
        _need(len(values) == len(index))
        name = _text(self._item.attributes.get(b"name"))
        return pandas.Series(values, index=index, name=name, copy=False)

    def _read_frame(self) -> Any:
        import pandas

        attributes = self._item.attributes
        count = _integer(attributes.get(b"nblocks"))
        _need(_integer(attributes.get(b"ndim")) == 2 and count > 0)
        _need(len(self._datasets) == 2 + 2 * count)
        columns, index = self._index("axis0"), self._index("axis1")
        places = {label: place for place, label in enumerate(columns.tolist())}
        found: list[Any] = [None] * len(columns)
        blocks = []
        for number in range(count):
            labels = list(self._labels(f"block{number}_items")[0])
            values = self._values(f"block{number}_values", axes=2)
            _need(values.shape == (len(index), len(labels)))
            for position, label in enumerate(labels):
                _need(label in places)
                found[places[label]] = values[:, position]
            blocks.append((labels, values))
        _need(len(places) == len(columns) and all(column is not None for column in found))
        if any(values.dtype == object for _, values in blocks):
            made = [
                _frame_of_block(values, columns[[places[label] for label in labels]], index)
                for labels, values in blocks
            ]
            return pandas.concat(made, axis=1).reindex(columns=columns)
        if count == 1 and blocks[0][0] == list(places):
            values = np.asfortranarray(blocks[0][1])  # contiguous columns, as in pandas
            return pandas.DataFrame(values, index=index, columns=columns, copy=False)
        frame = pandas.DataFrame(dict(enumerate(found)), index=index)
        frame.columns = columns
        return frame

    def _dataset(self, name: str, known: frozenset[bytes]) -> Part:
        part = self._datasets.get(b"/" + name.encode("ascii"))
        if part is None:
            raise _NotCommonError
        _need(part.attributes.keys() <= known)
        flavor = part.attributes.get(b"FLAVOR")
        _need(flavor is None or _text(flavor) == "numpy")
        return part

    def _index(self, name: str) -> Any:
        import pandas

        labels, label = self._labels(name)
        return pandas.Index(labels, name=label)

    def _labels(self, name: str) -> tuple[Any, str | None]:
        """Return the labels of rows or columns, and their names."""
        variety = self._item.attributes.get(name.encode("ascii") + _VARIETY)
        _need(_text(variety) == "regular")
        part = self._dataset(name, _OF_INDEX)
        values = _numbers_or_text(part)
        _need(values.ndim == 1)
        kind = _text(part.attributes.get(b"kind"))
        label = _text(part.attributes[b"name"]) if b"name" in part.attributes else None
        if kind == "string":
            _need(values.dtype.kind == "S")
            _need(b"nan_rep" not in part.attributes or not _text(part.attributes[b"nan_rep"]))
            try:
                texts = [raw.decode("utf8") for raw in values.tolist()]
            except UnicodeDecodeError:
                raise _NotCommonError from None
            _need(bool(texts) and _NAN not in texts)
            return texts, label
        _need(values.dtype.kind in _LABEL_KINDS.get(kind or "", ""))
        return values, label

    def _values(self, name: str, axes: int) -> Array:
        part = self._dataset(name, _OF_VALUES)
        attributes = part.attributes
        _need(axes == 1 or _integer(attributes.get(b"transposed")) == 1)
        if part.is_ragged:
            return self._objects(part, axes)
        values = _numbers_or_text(part)
        _need(values.ndim == axes and values.dtype.kind in "biufc")
        if b"value_type" in attributes:
            times = _TIMES.fullmatch(_text(attributes[b"value_type"]) or "")
            if times is None or values.dtype != np.int64:
                raise _NotCommonError
            code = "M8" if times[1] == "datetime" else "m8"
            return values.view(f"{code}[{times[2] or 'ns'}]")
        return values

    def _objects(self, part: Part, axes: int) -> Array:
        _need(b"value_type" not in part.attributes and part.length == 1)
        _need(_text(part.attributes.get(b"PSEUDOATOM")) == "object")
        (row,) = part.ragged_rows(1)
        try:
            values = self._policy.loads(row.tobytes(), f"The pandas data at {self._where}")
        except RefusedPickleError:
            raise
        except Exception as err:  # unpickling raises arbitrary exceptions; pandas does the same
            raise _NotCommonError from err
        _need(type(values) is np.ndarray and values.ndim == axes and values.dtype == object)
        array: Array = values
        return array


def _need(condition: bool) -> None:
    if not condition:
        raise _NotCommonError


def _numbers_or_text(part: Part) -> Array:
    """Return the values of a dataset that is neither empty nor ragged."""
    _need(not part.is_ragged and bool(part.shape) and is_plain(part.kind))
    dtype = dtype_of(part.kind)
    _need(dtype.names is None and dtype.subdtype is None and 0 not in (part.shape or ()))
    return native(part.raw_values.view(dtype))


def _text(attribute: RawAttribute | None) -> str | None:
    """Return an attribute that is text, or None that is pickled."""
    if attribute is None or attribute.kind.get_class() != h5t.STRING:
        raise _NotCommonError
    is_utf8 = attribute.kind.get_cset() == h5t.CSET_UTF8
    if attribute.value is None:
        _need(is_utf8 and not attribute.kind.is_variable_str())
        return ""
    _need(attribute.value.size == 1)
    raw = attribute.value.tobytes().rstrip(b"\0")
    if not is_utf8:  # bytes, which PyTables may unpickle
        _need(raw == _PICKLED_NONE)
        return None
    try:
        return raw.decode("utf8")
    except UnicodeDecodeError:
        raise _NotCommonError from None


def _integer(attribute: RawAttribute | None) -> int:
    """Return an attribute that is an integer or a boolean."""
    if attribute is None or attribute.value is None:
        raise _NotCommonError
    _need(attribute.kind.get_class() in (h5t.INTEGER, h5t.BITFIELD, h5t.ENUM))
    _need(attribute.value.size == 1 and is_plain(attribute.kind))
    return int(attribute.value.view(dtype_of(attribute.kind)).reshape(())[()])


def _frame_of_block(values: Array, columns: Any, index: Any) -> Any:
    """Return a block of columns as pandas creates it; pandas turns blocks of text into `str`."""
    import pandas

    frame = pandas.DataFrame(values, index=index, columns=columns, copy=False)
    if values.dtype != object:
        return frame
    kind = pandas.api.types.infer_dtype(values.ravel(), skipna=True)
    _need(kind != "empty")
    has_dtype_of_text = pandas.Series(["a"]).dtype != object
    return frame.astype("str") if kind == "string" and has_dtype_of_text else frame
