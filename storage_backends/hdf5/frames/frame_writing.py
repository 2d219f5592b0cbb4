"""Writing pandas items: pandas creates new ones in memory, and they are copied into the file."""

from __future__ import annotations

import functools
import logging
from typing import Any, NamedTuple

import numpy as np
from h5py import h5f, h5g, h5o

from pypet.encoding.encoding_errors import PICKLE_ADVICE, refused
from pypet.encoding.portable_pickle import portable_pickles
from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.records import FrameItem
from pypet.storage_backends.hdf5.compression.filters import make_all_available
from pypet.storage_backends.hdf5.encoding.layout import STORED_AS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.frames.contents import forget_frame, note_frame
from pypet.storage_backends.hdf5.frames.dtypes import (
    has_categories,
    note_extension_dtypes,
    note_orders,
    note_text_dtypes,
    without_extension_dtypes,
    without_text_dtypes,
)
from pypet.storage_backends.hdf5.frames.formats import (
    FIXED,
    TABLE,
    Attempts,
    difference,
    is_certain,
    other_format,
)
from pypet.storage_backends.hdf5.frames.frame_reading import read_frame
from pypet.storage_backends.hdf5.objects.groups import has_child
from pypet.storage_backends.hdf5.objects.rollback import Rollback
from pypet.storage_backends.hdf5.pytables.pickle_inspection import inspect_items
from pypet.storage_backends.hdf5.pytables.stores import (
    adapt_to_older_pandas,
    opened_in_memory,
    opened_store,
)
from pypet.storage_backends.hdf5.settings.settings import Settings

CALLS = "SRVC_CALLS"
"""Name of the array, unsigned integers of 64 bits."""
_CHUNK_ROWS = 32


def was_added(file: Any, path: str, call: int) -> bool:
    """Return whether the item at ``path`` has the rows of a call; ``file`` is a PyTables file."""
    place = f"{path}/{CALLS}"
    return bool(call) and place in file and bool(np.any(file.get_node(place)[:] == np.uint64(call)))


def note_added(file: Any, path: str, call: int) -> None:
    """Record that the item at ``path`` has the rows of a call."""
    import tables

    if not call:
        return
    place = f"{path}/{CALLS}"
    if place not in file:
        file.create_earray(
            path, CALLS, tables.UInt64Atom(), (0,), expectedrows=1, chunkshape=(_CHUNK_ROWS,)
        )
    file.get_node(place).append(np.array([call], np.uint64))


def with_rows(frame: Any, rows: Any) -> Any:
    """Return a frame or series with ``rows`` appended, as pandas will read it."""
    if not len(rows):
        return frame
    from pandas import concat

    return concat([frame, rows])


logger = logging.getLogger(__name__)


class PendingFrame(NamedTuple):
    """A pandas item that is waiting to be written."""

    item: FrameItem
    rollback: Rollback
    path: str
    """Absolute path in the file."""
    replaces: str | None
    """Path of the item that it replaces."""
    options: dict[str, Any]
    settings: Settings
    call: int
    """Identity of the storing call, see `PutNode.call`."""


def put_frame(store: Any, frame: PendingFrame) -> None:
    """Write one pandas item with the attribute of its kind.

    Without options for pandas, the other format is used if the format of the service fails or
    loses something.

    Raises
    ------
    TypeError
        Neither format preserves it.
    Exception
        With options: any error of pandas about data that it cannot write in this way.
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
        arguments["format"] = FIXED  # the table format stores nothing of an empty frame
        arguments["append"] = is_addition = False
    plain = without_text_dtypes(without_extension_dtypes(value))
    if chosen:
        try:
            _put(store, frame, plain, arguments)
        except Exception as err:
            err.add_note(f"Another format may take it, see `pandas_format`. {PICKLE_ADVICE}")
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
        return difference(value, read_frame(store, frame.path))

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
    """Write an object whose dtypes pandas can write, and record the original ones."""
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


def write_frames(file: OpenFile, frames: list[PendingFrame], policy: UnpicklingPolicy) -> None:
    """Write pandas items and remove them from the list.

    New ones are created in memory and copied, so that a commit contains them completely or not at
    all. Only rows for an existing item are written by PyTables to the file itself; h5py closes it
    in the meantime.

    Raises
    ------
    RefusedPickleError
        PyTables would load a pickle that ``policy`` forbids; no rows are added.
    TypeError
        pandas cannot write an item. Its node is removed, and all others are written.
    """
    pending, frames[:] = frames[:], []
    additions = [frame for frame in pending if _is_addition(file, frame)]
    new = [frame for frame in pending if frame not in additions]
    failures = _copy_new(file, new) if new else []
    if additions:
        failures += _add_rows(file, additions, policy)
    failed = {id(frame) for frame, _ in failures}
    for frame in pending:
        if id(frame) not in failed:
            _note_checksum(file, frame)
    for frame, error in failures:
        frame.rollback.roll_back()
        frame.rollback.explain(error)
        frame.rollback.finish = None
    for frame in pending:
        finish, frame.rollback.finish = frame.rollback.finish, None  # one for all frames of a node
        if finish is not None:
            finish()
    if failures:
        raise failures[0][1]


_Failures = list[tuple[PendingFrame, Exception]]


def _is_addition(file: OpenFile, frame: PendingFrame) -> bool:
    """Return whether rows are added to an existing item."""
    if not {**frame.item.options, **frame.options}.get("append"):
        return False
    parent, _, name = frame.path.encode("utf8").rpartition(b"/")
    return has_child(h5g.open(file.id, parent), name)


def _copy_new(file: OpenFile, frames: list[PendingFrame]) -> _Failures:
    """Create new items in memory and copy them into the file; return the failures."""
    failures: _Failures = []
    made: dict[str, PendingFrame] = {}
    with opened_in_memory(frames[0].settings) as store:
        for frame in frames:
            try:
                put_frame(store, frame)
                made[frame.path] = frame  # rows may have been added to a new one as well
            except Exception as err:  # the others are still written
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
    """Have HDF5 decompress rows of variable length, as copying them requires."""
    complib = str(frame.options.get("complib", frame.settings.complib))
    if complib != "zlib":
        make_all_available()


def _add_rows(file: OpenFile, frames: list[PendingFrame], policy: UnpicklingPolicy) -> _Failures:
    """Have PyTables add rows to items; return the failures."""
    try:
        inspect_items(file, [frame.path for frame in frames], policy)
    except (RefusedPickleError, StorageFormatError):
        for frame in frames:
            frame.rollback.roll_back()
        raise
    failures: _Failures = []
    with file.handed_over() as path, opened_store(path, "a", frames[0].settings) as store:
        for frame in frames:
            try:
                put_frame(store, frame)
            except Exception as err:  # the file must be consistent again before the error is raised
                failures.append((frame, err))
    return failures


def _note_checksum(file: OpenFile, frame: PendingFrame) -> None:
    """Write the checksum of an item; items with added rows have none."""
    group = h5g.open(file.id, (frame.replaces or frame.path).encode("utf8"))
    grows = {**frame.item.options, **frame.options}.get("append")
    if frame.settings.filters.checksums and not grows:
        note_frame(group)
    else:
        forget_frame(group)
