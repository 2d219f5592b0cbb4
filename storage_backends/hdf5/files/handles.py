"""The files that this process has open: one handle each, shared by all services that use it.

HDF5 refuses to open a file twice in different ways, and what one handle wrote is not visible
through another. So services hold an `OpenFile` together: the first one opens it, the last one
closes it. A forked child inherits none of them.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from h5py import h5a, h5f

from pypet.storage_backends.hdf5.encoding.attribute_reading import read_text
from pypet.storage_backends.hdf5.encoding.attributes import encode_text, replace_attribute
from pypet.storage_backends.hdf5.files.demands import Demand, Demands
from pypet.storage_backends.hdf5.files.file_handle import FileHandle, close_abandoned
from pypet.storage_backends.hdf5.files.file_memory import forget, memory_of
from pypet.storage_backends.hdf5.files.guard import GUARD, guarded
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.files.opening import create_file, open_file
from pypet.storage_backends.hdf5.files.waiting import WRITING_SECONDS
from pypet.storage_backends.hdf5.settings.settings import Filters

_OPEN: dict[str, OpenFile] = {}


@guarded
def hold(
    path: str,
    *,
    writable: bool,
    title: str | None = None,
    filters: Filters | None = None,
    may_create: bool = True,
    timeout: float = WRITING_SECONDS,
    demand: Demand | None = None,
) -> OpenFile:
    """Return the open file at ``path``; to be given back with `release`.

    To write, the file is created if it is missing and ``may_create``, with ``filters`` noted for
    other programs, and gets ``title`` unless that is None. ``timeout`` says how many seconds to
    wait for other processes. ``demand`` is what the holder demands of commits, whoever makes
    them, until it is given back with the file.

    Raises
    ------
    FileNotFoundError
        There is no file to read.
    OSError, StorageFormatError
        The file cannot be opened; see `pypet.storage_backends.hdf5.files.opening`.
    """
    close_abandoned()  # or HDF5 would take it for the same file when that is opened
    memory = memory_of(path)
    file = _OPEN.get(os.path.realpath(path) if memory is None else memory.key)
    if file is None:
        demands = Demands()
        if demand is not None:
            demands.add(demand)
        if writable and memory is None and may_create:
            handle: FileHandle = create_file(
                path, title or "", filters or Filters(), timeout, demands
            )
            memory = memory_of(path)
        else:
            handle = open_file(path, writable=writable, timeout=timeout, demands=demands)
            memory = memory or memory_of(path)
        assert memory is not None
        file = OpenFile(path, memory, handle, timeout=timeout, demands=demands)
        _OPEN[memory.key] = file
    else:
        if writable and not file.writable:
            file.make_writable()
        if demand is not None:
            file.demands.add(demand)
    file.holders += 1
    if writable and title is not None:
        _retitle(file, title)
    return file


@guarded
def release(file: OpenFile, demand: Demand | None = None) -> None:
    """Give back what `hold` returned, with the same demand; the last one closes the file.

    Who demands durable commits does not leave to the others what is not committed yet.
    """
    try:
        if file.holders > 1 and file.is_alive and demand is not None and demand.durable:
            file.flush()
    finally:
        _give_back(file, demand)


def _give_back(file: OpenFile, demand: Demand | None) -> None:
    file.holders -= 1
    try:
        if file.holders <= 0 and file.is_alive:
            _OPEN.pop(file.memory.key, None)
            _close(file)
    finally:
        if demand is not None:
            file.demands.remove(demand)


@guarded
def release_durably(file: OpenFile, demand: Demand | None = None) -> None:
    """Give back what `hold` returned after everything was written to the disk.

    Raises
    ------
    FileNotFoundError
        The file was deleted, moved or replaced meanwhile; it is given back all the same.
    """
    try:
        file.flush(durable=True)
        file.check_in_place()
    finally:
        _give_back(file, demand)


@guarded
def let_go_durably(file: OpenFile, demand: Demand | None = None) -> None:
    """Give back what `hold` returned; the last one to do so leaves the file without closing it.

    What `release_durably` takes most of its time for is to empty the memory of HDF5, which a
    process that ends does not need.

    Raises
    ------
    FileNotFoundError
        The file was deleted, moved or replaced meanwhile; it is given back all the same.
    """
    try:
        file_id = file.id
        file.flush(durable=True)
        file.check_in_place()
    except BaseException:
        _give_back(file, demand)
        raise
    is_shared = file.holders > 1 or not hasattr(os, "register_at_fork")
    if is_shared or file_id is None or _is_completed_by_closing(file_id):
        _give_back(file, demand)
        return
    file.holders = 0
    _OPEN.pop(file.memory.key, None)
    file.abandon()


def _is_completed_by_closing(file_id: h5f.FileID) -> bool:
    """Return whether HDF5 writes something that others need only when it closes the file.

    From version 3 of the superblock on, that is that nobody writes any more (HDF5 File Format
    Specification 3.0, II.A, file consistency flags); or it is free space that is to persist.
    pypet makes no such files, but stores in those that others made.
    """
    properties = file_id.get_create_plist()
    _, persists, _ = properties.get_file_space_strategy()
    return bool(properties.get_version()[0] >= 3 or persists)


def _close(file: OpenFile) -> None:
    """Close a file; one whose content somebody has overwritten is left alone.

    HDF5 would still write what it holds in memory, into content that is not its own.
    """
    if file.is_overwritten():
        file.abandon()
    else:
        file.close()


@contextmanager
def set_aside(path: str) -> Iterator[None]:
    """Close the file for the duration of a ``with`` block, in which it may be replaced.

    Raises
    ------
    OSError, StorageFormatError
        The file cannot be opened, for example because another process writes to it.
    """
    file = hold(path, writable=False)
    try:
        with file.lent():
            yield
    finally:
        release(file)


@guarded
def close_at(path: str) -> None:
    """Close whatever is open at ``path``, whoever holds it: the file is to be deleted."""
    forget(path)
    file = _OPEN.pop(os.path.realpath(path), None)
    if file is not None:
        file.close()


def _retitle(file: OpenFile, title: str) -> None:
    if file.memory.title == title:
        return
    if not h5a.exists(file.id, b"TITLE") or read_text(file.id, b"TITLE") != title:
        replace_attribute(file.id, b"TITLE", encode_text(title.encode("utf8")))
    file.memory.title = title


# ----- forks and the end of the process --------------------------------------------------------


def _flush_before_fork() -> None:
    GUARD.acquire()
    for file in _OPEN.values():
        with suppress(OSError):  # is found again by whoever stores next
            file.prepare_fork()


def _abandon_in_child() -> None:
    # The parent's files stay the parent's: nothing that HDF5 does in the child on closing, like
    # cutting the file to the length that it knew, may reach them.
    for file in _OPEN.values():
        file.abandon()
    _OPEN.clear()
    GUARD.release()


@guarded
def _close_at_exit() -> None:
    while _OPEN:
        _, file = _OPEN.popitem()
        _close(file)
    close_abandoned()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_flush_before_fork,
        after_in_parent=GUARD.release,
        after_in_child=_abandon_in_child,
    )
atexit.register(_close_at_exit)
