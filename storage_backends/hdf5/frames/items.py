"""Pandas items: made by pandas in memory, read by it while h5py has the file closed."""

from __future__ import annotations

import functools
import itertools
import logging
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, NamedTuple, Protocol

from h5py import h5f, h5g, h5o

from pypet.encoding.portable_pickle import portable_pickles
from pypet.encoding.refusals import WAY_OUT, refused
from pypet.encoding.unpickling import TRUST, Unpickling
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.records import FrameItem
from pypet.storage_backends.hdf5.compression.filter_plugins import make_all_available
from pypet.storage_backends.hdf5.encoding.layout import STORED_AS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.appending import note_added, was_added
from pypet.storage_backends.hdf5.frames.byte_orders import note_orders, with_orders
from pypet.storage_backends.hdf5.frames.checksums import forget_frame, note_frame
from pypet.storage_backends.hdf5.frames.extension_dtypes import (
    has_categories,
    note_extension_dtypes,
    with_extension_dtypes,
    without_extension_dtypes,
)
from pypet.storage_backends.hdf5.frames.formats import (
    FIXED,
    TABLE,
    Attempts,
    difference,
    is_certain,
    other_format,
)
from pypet.storage_backends.hdf5.frames.older_pandas import adapt_to_older_pandas
from pypet.storage_backends.hdf5.frames.ragged_filters import keep_ragged_rows_writable
from pypet.storage_backends.hdf5.frames.text_dtypes import (
    note_text_dtypes,
    with_text_dtypes,
    without_text_dtypes,
)
from pypet.storage_backends.hdf5.objects.groups import has_child
from pypet.storage_backends.hdf5.pytables.pickle_inspection import inspect_items
from pypet.storage_backends.hdf5.pytables.plain_copies import plain_copy
from pypet.storage_backends.hdf5.pytables.quiet import quiet
from pypet.storage_backends.hdf5.settings.settings import Settings

logger = logging.getLogger(__name__)


class Undoing(Protocol):
    """What takes back the storing of a node if one of its items fails."""

    finish: Callable[[], None] | None
    """What is left to do once all frames of the node are written."""

    def take_back(self) -> None:
        """Remove what was made."""

    def explain(self, error: BaseException) -> None:
        """Say in a note to the error what was being stored where."""


class PendingFrame(NamedTuple):
    """A pandas item that waits for its turn."""

    item: FrameItem
    undo: Undoing
    path: str
    """Absolute path in the file."""
    replaces: str | None
    """The path of the item that it takes the place of."""
    options: dict[str, Any]
    settings: Settings
    call: int
    """Which storing call it belongs to, see `PutNode.call`."""


@contextmanager
def opened_store(
    path: str, mode: Literal["a", "r", "r+", "w"], settings: Settings | None = None, **driver: Any
) -> Iterator[Any]:
    """Open a file that nobody else has open as a pandas ``HDFStore``."""
    from pandas import HDFStore

    options: dict[str, Any] = {}
    if settings is not None and settings.complevel:
        options = {
            "complevel": settings.complevel,
            "complib": settings.complib,
            "fletcher32": settings.fletcher32,
        }
    with quiet(), HDFStore(path, mode, **options, **driver) as store:
        if settings is not None:
            keep_ragged_rows_writable(store._handle, settings)
        yield store


def opened_in_memory(settings: Settings) -> AbstractContextManager[Any]:
    """Open a new ``HDFStore`` that is never written to a disk."""
    name = f"pypet-{uuid.uuid4()}.hdf5"
    driver = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    return opened_store(name, "w", settings, **driver)


def put_frame(store: Any, frame: PendingFrame) -> None:
    """Write one pandas item with PyTables' attribute that says what it is.

    Without options for pandas, the other format is taken if the one of the service would fail or
    lose something.

    Raises
    ------
    TypeError
        Neither format keeps it as it is.
    Exception
        With options: whatever pandas raises for data that it cannot keep in this way.
    """
    chosen = {**frame.item.options, **frame.options}
    is_addition = bool(chosen.get("append"))
    arguments = {
        "format": TABLE if is_addition else frame.settings.pandas_format,  # only those grow
        "encoding": frame.settings.encoding,
        "track_times": False,
        **chosen,
    }
    value = frame.item.value
    if is_addition and frame.path in store._handle and not _has_new_rows(store, frame):
        return
    if value.empty and str(arguments["format"]).startswith("t"):
        arguments["format"] = FIXED  # pandas keeps nothing of an empty frame in a table
        arguments["append"] = is_addition = False
    plain = without_text_dtypes(without_extension_dtypes(value))
    if chosen:
        try:
            _put(store, frame, plain, arguments)
        except Exception as err:
            err.add_note(f"Another format may take it, see `pandas_format`. {WAY_OUT}")
            raise
        if is_addition:
            note_added(store._handle, frame.path, frame.call)
        return

    def attempt(name: str, *, categories: bool = False) -> str | None:
        data = plain
        if categories:
            data = without_text_dtypes(without_extension_dtypes(value, categories=True))
        _put(store, frame, data, {**arguments, "format": name}, categories=categories)
        if is_certain(value, is_table=name.startswith("t")):
            return None
        return difference(value, _read_frame(store, frame.path))

    wanted = str(arguments["format"])
    attempts = Attempts()
    if attempts.make(wanted, attempt):
        return
    other = other_format(wanted)
    is_kept = not (value.empty and other == TABLE) and attempts.make(other, attempt)
    if not is_kept and has_categories(value):
        is_kept = attempts.make(FIXED, functools.partial(attempt, categories=True))
    if is_kept:
        logger.info("%s is not kept as it would be otherwise. %s", frame.path, attempts)
        return
    raise refused(
        frame.item.name,
        f"it does not survive any `pandas_format` of the service ({attempts}). Convert what is at "
        "fault to a dtype of numpy.",
    ) from attempts.error


def _put(
    store: Any,
    frame: PendingFrame,
    plain: Any,
    arguments: dict[str, Any],
    *,
    categories: bool = False,
) -> None:
    """Write an object whose dtypes pandas can write, and note those that it had."""
    value = frame.item.value
    with portable_pickles():
        store.put(frame.path, plain, **arguments)
    node = store._handle.get_node(frame.path)
    adapt_to_older_pandas(node, is_table=str(arguments["format"]).startswith("t"))
    node._v_attrs[STORED_AS.decode()] = frame.item.flag
    note_extension_dtypes(value, node, categories=categories)
    note_text_dtypes(value, node)
    note_orders(value, node)


def _has_new_rows(store: Any, frame: PendingFrame) -> bool:
    """Return whether there are rows to add to an existing item."""
    if not was_added(store._handle, frame.path, frame.call):
        return len(frame.item.value) > 0
    logger.warning(
        "The rows for %s in %s were added by the same call before, and are not added again.",
        frame.path,
        store.filename,
    )
    return False


def write_frames(file: OpenFile, frames: list[PendingFrame], rule: Unpickling) -> None:
    """Write pandas items and take them off the list.

    New ones are made in memory and copied, so that a commit has them whole or not at all. Only
    rows that are added to an item are written by PyTables to the file itself, which h5py closes
    meanwhile.

    Raises
    ------
    RefusedPickleError
        PyTables would come upon a pickle that ``rule`` forbids to load; no rows are added.
    TypeError
        An item that pandas cannot keep; what was made of that node is removed, the others are
        written.
    """
    pending, frames[:] = frames[:], []
    additions = [frame for frame in pending if _is_addition(file, frame)]
    new = [frame for frame in pending if frame not in additions]
    failures = _copy_new(file, new) if new else []
    if additions:
        failures += _add_rows(file, additions, rule)
    failed = {id(frame) for frame, _ in failures}
    for frame in pending:
        if id(frame) not in failed:
            _note_checksum(file, frame)
    for frame, error in failures:
        frame.undo.take_back()
        frame.undo.explain(error)
        frame.undo.finish = None
    for frame in pending:
        finish, frame.undo.finish = frame.undo.finish, None  # one for all frames of a node
        if finish is not None:
            finish()
    if failures:
        raise failures[0][1]


_Failures = list[tuple[PendingFrame, Exception]]


def _is_addition(file: OpenFile, frame: PendingFrame) -> bool:
    """Return whether rows are added to an item that is there."""
    if not {**frame.item.options, **frame.options}.get("append"):
        return False
    parent, _, name = frame.path.encode("utf8").rpartition(b"/")
    return has_child(h5g.open(file.id, parent), name)


def _copy_new(file: OpenFile, frames: list[PendingFrame]) -> _Failures:
    """Make new items in memory and copy them into the file; return what failed."""
    failures: _Failures = []
    made: dict[str, PendingFrame] = {}
    with opened_in_memory(frames[0].settings) as store:
        for frame in frames:
            try:
                put_frame(store, frame)
                made[frame.path] = frame  # rows may have been added to one that is new, too
            except Exception as err:  # the others are written all the same
                failures.append((frame, err))
        store.flush()
        image = store._handle.get_file_image() if made else b""
    if made:
        source = h5f.open_file_image(image)
        try:
            for frame in made.values():
                _copy(source, file, frame)
        finally:
            source.close()
    return failures


def _copy(source: h5f.FileID, file: OpenFile, frame: PendingFrame) -> None:
    path = frame.path.encode("utf8")
    _provide_filters(frame)
    folder, _, name = path.rpartition(b"/")
    group = h5g.open(file.id, folder)
    h5o.copy(source, path, group, name)
    if frame.replaces is not None:
        old = frame.replaces.encode("utf8").rpartition(b"/")[2]
        group.unlink(old)
        group.move(name, old)


def _provide_filters(frame: PendingFrame) -> None:
    """Let HDF5 unpack rows of any length, which it does to copy them."""
    complib = str(frame.options.get("complib", frame.settings.complib))
    if complib != "zlib":
        make_all_available()


def _add_rows(file: OpenFile, frames: list[PendingFrame], rule: Unpickling) -> _Failures:
    """Have PyTables add rows to items; return what failed."""
    try:
        inspect_items(file, [frame.path for frame in frames], rule)
    except (RefusedPickleError, StorageFormatError):
        for frame in frames:
            frame.undo.take_back()
        raise
    failures: _Failures = []
    with file.lent() as path, opened_store(path, "a", frames[0].settings) as store:
        for frame in frames:
            try:
                put_frame(store, frame)
            except Exception as err:  # the file must be whole again before anybody hears of it
                failures.append((frame, err))
    return failures


def _note_checksum(file: OpenFile, frame: PendingFrame) -> None:
    """Write the checksum of an item; one that rows are added to has none."""
    group = h5g.open(file.id, (frame.replaces or frame.path).encode("utf8"))
    grows = {**frame.item.options, **frame.options}.get("append")
    if frame.settings.filters.checksums and not grows:
        note_frame(group)
    else:
        forget_frame(group)


def read_frames(file: OpenFile, paths: Sequence[str], rule: Unpickling) -> list[Any]:
    """Return the pandas objects at absolute paths.

    If ``rule`` trusts every pickle the file is closed for h5py meanwhile, else pandas reads a
    copy in memory.

    Raises
    ------
    RefusedPickleError
        Something that is pickled in them may not be loaded.
    StorageFormatError
        They are damaged.
    """
    if rule.mode == TRUST:
        inspect_items(file, paths, rule)
        with file.lent() as own_path, opened_store(own_path, "r") as store:
            return [_read_frame(store, path) for path in paths]
    with plain_store(file, paths, rule) as store:
        return [_read_copy(store, path, file.path) for path in paths]


@contextmanager
def plain_store(file: OpenFile, paths: Iterable[str], rule: Unpickling) -> Iterator[Any]:
    """Open a copy of items in memory, without a pickle that may not be loaded, as ``HDFStore``."""
    with plain_copy(file, paths, rule) as options:
        name = f"{file.path} ({next(_COPIES)}. copy in memory)"
        with opened_store(name, "r", **options) as store:
            yield store


_COPIES = itertools.count(1)


def _read_copy(store: Any, path: str, file: str) -> Any:
    try:
        return _read_frame(store, path, look_at_codes=True)
    except StorageFormatError:
        raise
    except Exception as err:  # pandas raises whatever it comes upon
        raise StorageFormatError(
            f"The pandas data at {path} in {file} cannot be read, it may be damaged: {err}"
        ) from err


def _read_frame(store: Any, path: str, *, look_at_codes: bool = False) -> Any:
    from pandas import DataFrame, Series

    node = store._handle.get_node(path)
    value = store.get(path)
    if not isinstance(value, DataFrame | Series):
        raise StorageFormatError(
            f"There is no pandas data at {path} in {store.filename}, the file may be damaged."
        )
    if look_at_codes:
        check_codes(value, path)
    return with_notes(value, node._v_attrs)


def with_notes(value: Any, attributes: Any) -> Any:
    """Return what was read with all that we noted, in attributes of the item, about its dtypes."""
    value = with_orders(with_text_dtypes(value, attributes), attributes)
    return with_extension_dtypes(value, attributes)


def check_codes(value: Any, path: str) -> None:
    """Make sure that codes of categories and of indexes are within bounds.

    pandas does not look when it reads a table, and takes values from outside later on.

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
