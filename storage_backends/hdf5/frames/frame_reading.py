"""Reading items through pandas, from the file or from a copy in memory without pickles."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pypet.encoding.unpickling import TRUST, UnpicklingPolicy
from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.dtypes import with_noted_dtypes
from pypet.storage_backends.hdf5.pytables.pickle_inspection import inspect_items
from pypet.storage_backends.hdf5.pytables.plain_copies import plain_copy
from pypet.storage_backends.hdf5.pytables.stores import opened_store


def read_frames(file: OpenFile, paths: Sequence[str], policy: UnpicklingPolicy) -> list[Any]:
    """Return the pandas objects at absolute paths.

    If ``policy`` trusts every pickle, h5py closes the file while pandas reads it. Otherwise pandas
    reads a copy in memory.

    Raises
    ------
    RefusedPickleError
        They contain a pickle that must not be loaded.
    StorageFormatError
        They are damaged.
    """
    if policy.mode == TRUST:
        inspect_items(file, paths, policy)
        with file.handed_over() as own_path, opened_store(own_path, "r") as store:
            return [read_frame(store, path) for path in paths]
    with plain_store(file, paths, policy) as store:
        return [_read_copy(store, path, file.path) for path in paths]


@contextmanager
def plain_store(file: OpenFile, paths: Iterable[str], policy: UnpicklingPolicy) -> Iterator[Any]:
    """Open a copy of items in memory, without forbidden pickles, as ``HDFStore``."""
    with plain_copy(file, paths, policy) as options:
        name = f"{file.path} ({next(_COPIES)}. copy in memory)"
        with opened_store(name, "r", **options) as store:
            yield store


_COPIES = itertools.count(1)


def _read_copy(store: Any, path: str, file: str) -> Any:
    try:
        return read_frame(store, path, look_at_codes=True)
    except StorageFormatError:
        raise
    except Exception as err:  # pandas raises arbitrary exceptions
        raise StorageFormatError(
            f"The pandas data at {path} in {file} cannot be read, it may be damaged: {err}"
        ) from err


def read_frame(store: Any, path: str, *, look_at_codes: bool = False) -> Any:
    """Return the frame or series at a path in an ``HDFStore``, with its recorded dtypes."""
    from pandas import DataFrame, Series

    node = store._handle.get_node(path)
    value = store.get(path)
    if not isinstance(value, DataFrame | Series):
        raise StorageFormatError(
            f"There is no pandas data at {path} in {store.filename}, the file may be damaged."
        )
    if look_at_codes:
        check_codes(value, path)
    return with_noted_dtypes(value, node._v_attrs)


def check_codes(value: Any, path: str) -> None:
    """Check that codes of categories and of indexes are within bounds.

    pandas does not check them when it reads a table, and reads out of bounds later.

    Raises
    ------
    StorageFormatError
        The file is damaged there.
    """
    import pandas

    if not isinstance(value, pandas.Series | pandas.DataFrame):
        raise StorageFormatError(f"There is no pandas data at {path}, the file may be damaged.")
    axes: list[Any] = [value.index]
    columns: list[Any] = [value]
    if isinstance(value, pandas.DataFrame):
        axes.append(value.columns)
        places = [place for place, dtype in enumerate(value.dtypes) if _has_categories(dtype)]
        columns = [value.iloc[:, place] for place in places]
    checked = [
        (part.array.codes, len(part.dtype.categories))
        for part in (*columns, *axes)
        if _has_categories(part.dtype)
    ]
    for axis in axes:
        if isinstance(axis, pandas.MultiIndex):
            checked += [
                (codes, len(level)) for codes, level in zip(axis.codes, axis.levels, strict=True)
            ]
    for codes, count in checked:
        if len(codes) and (codes.min() < -1 or codes.max() >= count):
            raise StorageFormatError(f"{path} refers to categories that are not there.")


def _has_categories(dtype: Any) -> bool:
    import pandas

    return isinstance(dtype, pandas.CategoricalDtype)
