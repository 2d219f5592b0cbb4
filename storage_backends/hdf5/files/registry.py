"""The files that this process has open: one handle each, shared by all services that use it.

HDF5 refuses to open a file twice in different ways, and what one handle wrote is not visible
through another. So services share an `OpenFile`: the first one opens it, the last one
closes it. A forked child inherits none of them.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from h5py import h5a, h5f

from pypet.storage_backends.hdf5.encoding.attributes import (
    encode_text,
    read_text,
    replace_attribute,
)
from pypet.storage_backends.hdf5.files.commit_options import CombinedCommitOptions, CommitOptions
from pypet.storage_backends.hdf5.files.file_cache import file_cache_of, forget
from pypet.storage_backends.hdf5.files.file_handle import FileHandle, close_abandoned
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.files.opening import create_file, open_file
from pypet.storage_backends.hdf5.files.process_locks import WRITING_SECONDS
from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK, blocking_forks
from pypet.storage_backends.hdf5.settings.settings import Filters

_OPEN: dict[str, OpenFile] = {}


@blocking_forks
def acquire(
    path: str,
    *,
    writable: bool,
    title: str | None = None,
    filters: Filters | None = None,
    may_create: bool = True,
    timeout: float = WRITING_SECONDS,
    options: CommitOptions | None = None,
) -> OpenFile:
    """Return the open file at ``path``; to be given back with `release`.

    To write, the file is created if it is missing and ``may_create``, with ``filters`` noted for
    other programs, and gets ``title`` unless that is None. ``timeout`` is in seconds, to wait
    for other processes. ``options`` apply to the commits of all holders, until they are
    given back with the file.

    Raises
    ------
    FileNotFoundError
        There is no file to read.
    OSError, StorageFormatError
        The file cannot be opened; see `pypet.storage_backends.hdf5.files.opening`.
    """
    # HDF5 recognizes files by device and inode: it would take a file that was abandoned for the
    # one that is opened now, and never look at the disk.
    close_abandoned()
    known = file_cache_of(path)
    file = _OPEN.get(os.path.realpath(path) if known is None else known.key)
    if file is None:
        combined = CombinedCommitOptions()
        if options is not None:
            combined.add(options)
        if writable and known is None and may_create:
            handle: FileHandle = create_file(
                path, title or "", filters or Filters(), timeout, combined
            )
            known = file_cache_of(path)
        else:
            handle = open_file(path, writable=writable, timeout=timeout, options=combined)
            known = known or file_cache_of(path)
        assert known is not None
        file = OpenFile(path, known, handle, timeout=timeout, options=combined)
        _OPEN[known.key] = file
    else:
        if writable and not file.writable:
            file.make_writable()
        if options is not None:
            file.commit_options.add(options)
    file.holders += 1
    if writable and title is not None:
        _retitle(file, title)
    return file


@blocking_forks
def release(file: OpenFile, options: CommitOptions | None = None) -> None:
    """Give back what `acquire` returned, with the same options; the last one closes the file.

    A holder that requires durable commits does not leave to the others what is not committed yet.
    """
    try:
        if file.holders > 1 and file.is_alive and options is not None and options.durable:
            file.flush()
    finally:
        _release(file, options)


def _release(file: OpenFile, options: CommitOptions | None) -> None:
    file.holders -= 1
    try:
        if file.holders <= 0 and file.is_alive:
            _OPEN.pop(file.file_cache.key, None)
            _close(file)
    finally:
        if options is not None:
            file.commit_options.remove(options)


@blocking_forks
def release_durably(file: OpenFile, options: CommitOptions | None = None) -> None:
    """Give back what `acquire` returned after everything was written to the disk.

    Raises
    ------
    FileNotFoundError
        The file was deleted, moved or replaced in the meantime; it is released anyway.
    """
    try:
        file.flush(durable=True)
        file.check_in_place()
    finally:
        _release(file, options)


@blocking_forks
def release_on_exit(file: OpenFile, options: CommitOptions | None = None) -> None:
    """Give back what `acquire` returned; the last one to do so leaves the file without closing it.

    Closing takes most of the time of `release_durably`: HDF5 empties its caches, which a process
    that ends does not need.

    Raises
    ------
    FileNotFoundError
        The file was deleted, moved or replaced in the meantime; it is released anyway.
    """
    try:
        file_id = file.id
        file.flush(durable=True)
        file.check_in_place()
    except BaseException:
        _release(file, options)
        raise
    is_shared = file.holders > 1 or not hasattr(os, "register_at_fork")
    if is_shared or file_id is None or _is_completed_by_closing(file_id):
        _release(file, options)
        return
    file.holders = 0
    _OPEN.pop(file.file_cache.key, None)
    file.abandon()


def _is_completed_by_closing(file_id: h5f.FileID) -> bool:
    """Return whether HDF5 writes something that others need only when it closes the file.

    From version 3 of the superblock on, this means that no writer is left (HDF5 File Format
    Specification 3.0, II.A, file consistency flags); or it is free space that is to persist.
    pypet makes no such files, but stores in those that others made.
    """
    properties = file_id.get_create_plist()
    _, persists, _ = properties.get_file_space_strategy()
    return bool(properties.get_version()[0] >= 3 or persists)


def _close(file: OpenFile) -> None:
    """Close a file; one whose content another program has overwritten is left alone.

    HDF5 would still write what it holds in memory, into content that is not its own.
    """
    if file.is_overwritten():
        file.abandon()
    else:
        file.close()


@contextmanager
def closed_meanwhile(path: str) -> Iterator[None]:
    """Close the file for the duration of a ``with`` block, in which it may be replaced.

    Raises
    ------
    OSError, StorageFormatError
        The file cannot be opened, for example because another process writes to it.
    """
    file = acquire(path, writable=False)
    try:
        with file.handed_over():
            yield
    finally:
        release(file)


@blocking_forks
def close_path(path: str) -> None:
    """Close the file at ``path`` for all holders: it is to be deleted."""
    forget(path)
    file = _OPEN.pop(os.path.realpath(path), None)
    if file is not None:
        file.close()


def _retitle(file: OpenFile, title: str) -> None:
    if file.file_cache.title == title:
        return
    if not h5a.exists(file.id, b"TITLE") or read_text(file.id, b"TITLE") != title:
        replace_attribute(file.id, b"TITLE", encode_text(title.encode("utf8")))
    file.file_cache.title = title


# ----- forks and the end of the process --------------------------------------------------------


def _flush_before_fork() -> None:
    FORK_LOCK.acquire()
    for file in _OPEN.values():
        with suppress(OSError):  # the next storing meets it again
            file.prepare_fork()


def _abandon_in_child() -> None:
    # The files belong to the parent. When HDF5 closes them in the child, it would cut them to the
    # length that it knew, so nothing that it still does may reach them.
    for file in _OPEN.values():
        file.abandon()
    _OPEN.clear()
    FORK_LOCK.release()


@blocking_forks
def _close_at_exit() -> None:
    while _OPEN:
        _, file = _OPEN.popitem()
        _close(file)
    close_abandoned()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_flush_before_fork,
        after_in_parent=FORK_LOCK.release,
        after_in_child=_abandon_in_child,
    )
atexit.register(_close_at_exit)
