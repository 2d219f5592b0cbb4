"""A file object through which HDF5 writes: what is committed stays until the next commit.

HDF5 overwrites its own structures in place, in any order, so a process that dies meanwhile leaves a
file that cannot be read any more. Here all changes to what was committed wait in memory, in pages
of `PAGE_BYTES`, and a commit makes them in one step, by means of a redo log. Readers know nothing
of what is behind the committed end, so large writes there go to the disk at once.
"""

from __future__ import annotations

import errno
import logging
import os

from pypet.storage_backends.hdf5.files.redo_log import (
    PAGE_BYTES,
    RedoLog,
    carry_out,
    read_at,
    read_log,
    write_at,
    write_log,
    write_pages,
)
from pypet.storage_backends.hdf5.objects.file_structures import noted_end

logger = logging.getLogger(__name__)

_SHIFT = PAGE_BYTES.bit_length() - 1
_MASK = PAGE_BYTES - 1
_LARGE_BYTES = 16 * PAGE_BYTES
"""Writes from this size on go to the disk at once if they are behind the committed end."""
_MOST_NEW_PAGES = 4096
"""The most pages behind the committed end that wait in memory."""
_FEW_NEW_PAGES = 16
"""Up to this number go into the redo log of a durable commit.

To write them to their place would need one more `fsync` before the log, which takes longer."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class TransactionalFile:
    """The file object of one open file, with the methods that h5py's driver asks for.

    Not safe for threads; h5py calls it under its own lock.
    """

    __slots__ = (
        "_committed",
        "_end",
        "_failure",
        "_is_detached",
        "_is_synced",
        "_is_unfinished",
        "_new_count",
        "_on_disk",
        "_pages",
        "_position",
        "descriptor",
    )

    def __init__(self, descriptor: int, log: RedoLog | None = None) -> None:
        """Take over an open file; ``log`` is of a commit that could not be carried out."""
        self.descriptor = descriptor
        size = os.fstat(descriptor).st_size if log is None else log.end
        self._end = size
        self._committed = min(size, noted_end(descriptor, size)) if log is None else size
        self._on_disk = self._committed
        """Behind it the file has nothing, or remains of a writer that was killed."""
        self._pages: dict[int, bytearray] = {} if log is None else log.pages
        """Changed pages, as they are to be, by position in units of their size."""
        self._new_count = 0
        """How many of them have no committed bytes."""
        self._position = 0
        self._is_detached = False
        self._is_synced = False
        """Whether all that a redo log may rely on is on the disk; others may have written, too."""
        self._is_unfinished = False
        """Whether a commit failed after its log was complete: only with that is the file whole."""
        self._failure: OSError | None = None
        """Why the disk refused data. Nothing is committed afterwards, see `sync`."""

    @property
    def has_changes(self) -> bool:
        """Whether a commit would do something."""
        return bool(self._pages or self._end != self._committed)

    # ----- what h5py calls -----------------------------------------------------------------

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, from the start or from the end of the file."""
        self._position = offset if whence == os.SEEK_SET else self._end + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer with bytes from the position on, zeros where there are none."""
        start, size, pages = self._position, len(buffer), self._pages
        if self._is_detached:
            return 0
        first, last = start >> _SHIFT, (start + size - 1) >> _SHIFT
        if first == last:
            page = pages.get(first)
            if page is not None:
                offset = start & _MASK
                buffer[:] = memoryview(page)[offset : offset + size]
                return size
        count = os.preadv(self.descriptor, (buffer,), start)
        if count < size:
            read_at(self.descriptor, buffer[count:], start + count)
        if first != last and pages:
            self._overlay(buffer, start, range(first, last + 1))
        return size

    def _overlay(self, buffer: memoryview, start: int, numbers: range) -> None:
        """Put changed pages over what was read from the position ``start`` of the file."""
        for number in numbers if len(numbers) < len(self._pages) else list(self._pages):
            page = self._pages.get(number)
            if page is not None and number in numbers:
                offset = (number << _SHIFT) - start
                skip = max(0, -offset)
                stop = min(PAGE_BYTES, len(buffer) - offset)
                buffer[offset + skip : offset + stop] = memoryview(page)[skip:stop]

    def write(self, data: memoryview) -> int:
        """Take bytes for the position; most of them are written with the next commit."""
        start, size = self._position, len(data)
        if self._is_detached:
            return size
        if start + size > self._end:  # before the rest: `_blank` may write all pages up to here
            self._end = start + size
        offset = start & _MASK
        if offset + size <= PAGE_BYTES:
            number = start >> _SHIFT
            page = self._pages.get(number) or self._fetched(number)
            page[offset : offset + size] = data
        elif size >= _LARGE_BYTES and start >= self._committed:
            self._write_large(start, data)
        else:
            self._write_pages(start, data)
        return size

    def truncate(self, size: int) -> None:
        """Note the length of the file."""
        self._end = size

    def flush(self) -> None:
        """Do nothing: HDF5 calls this in the middle of a flush, when its structures may not fit."""

    # ----- pages ---------------------------------------------------------------------------

    def _write_pages(self, start: int, data: memoryview) -> None:
        done, size = 0, len(data)
        while done < size:
            number, offset = (start + done) >> _SHIFT, (start + done) & _MASK
            count = min(PAGE_BYTES - offset, size - done)
            page = self._pages.get(number)
            if page is None:
                page = self._blank(number) if count == PAGE_BYTES else self._fetched(number)
            page[offset : offset + count] = data[done : done + count]
            done += count

    def _write_large(self, start: int, data: memoryview) -> None:
        """Write whole pages behind the committed end at once, what they are part of later."""
        head = -start & _MASK
        stop = head + ((len(data) - head) & ~_MASK)
        self._write_pages(start, data[:head])
        self._write_pages(start + stop, data[stop:])
        numbers = range((start + head) >> _SHIFT, (start + stop) >> _SHIFT)
        few = self._pages if len(self._pages) < len(numbers) else numbers
        for number in [number for number in few if number in numbers and number in self._pages]:
            del self._pages[number]
            self._new_count -= 1
        self._finish()
        self._is_synced = False
        write_at(self.descriptor, [data[head:stop]], start + head)
        self._on_disk = max(self._on_disk, start + stop)

    def _fetched(self, number: int) -> bytearray:
        """Return a page that is to be changed, with what the file has there."""
        page = self._blank(number)
        position = number << _SHIFT
        if position < self._on_disk:
            os.preadv(self.descriptor, [page], position)
        return page

    def _blank(self, number: int) -> bytearray:
        if number << _SHIFT >= self._committed:
            if self._new_count >= _MOST_NEW_PAGES:
                self._write_new()
            self._new_count += 1
        page = self._pages[number] = bytearray(PAGE_BYTES)
        return page

    def _write_new(self) -> None:
        """Write the pages behind the committed end, to which nothing refers yet."""
        if self._new_count:
            first = -(-self._committed >> _SHIFT)
            new = {number: page for number, page in self._pages.items() if number >= first}
            self._finish()
            self._is_synced = False
            write_pages(self.descriptor, new, self._end)
            self._on_disk = max(self._on_disk, self._end)
            for number in new:
                del self._pages[number]
            self._new_count = 0

    # ----- commits -------------------------------------------------------------------------

    def commit(self, *, durable: bool, needs_log: bool = False) -> None:
        """Make everything that was written part of the file, in one step.

        HDF5 must have flushed before, and no other process may read the file meanwhile. With
        ``durable`` that holds also if the machine loses its power at any moment. Without room for
        the redo log the commit is made all the same, unless it ``needs_log``.

        Raises
        ------
        OSError
            The file system refuses it. What was committed before is unharmed. If the disk did not
            take what it was given, nothing can be committed any more.
        """
        if self._is_detached:
            return
        self._check()
        self._finish()
        descriptor, end = self.descriptor, self._end
        if durable:
            self._prepare_log()
        else:
            self._write_new()
        if self._pages:
            self._log(durable=durable, needed=needs_log)
            self._is_synced = False
            write_pages(descriptor, self._pages, end)
        if durable:
            self.sync()
        # This removes the log, so with `durable` only after the pages are on the disk.
        if os.fstat(descriptor).st_size != end:
            os.ftruncate(descriptor, end)
        self._is_unfinished = False
        self._pages.clear()
        self._new_count = 0
        self._committed = self._on_disk = end

    def _finish(self) -> None:
        """Carry out what is left of a commit that failed, before its log is overwritten.

        Raises
        ------
        OSError
            The file system still refuses it. The next process that opens the file can do it.
        """
        if self._is_unfinished:
            log = read_log(self.descriptor)
            if log is not None:
                carry_out(self.descriptor, log)
            self._is_unfinished = False

    def _prepare_log(self) -> None:
        """Write what the log refers to but does not contain.

        The disk may write in any order: without waiting here, it could have a complete log and not
        yet the new pages, and completing the commit would then refer to garbage.
        """
        if self._new_count > _FEW_NEW_PAGES or not self._is_synced:
            self._write_new()
            self.sync()

    def sync(self) -> None:
        """Wait until everything that was written to the file is on the disk.

        Raises
        ------
        OSError
            The disk refuses it, or has done so before: the system may have dropped what it could
            not write, and says so only once.
        """
        self._check()
        try:
            os.fsync(self.descriptor)
        except OSError as error:
            self._failure = error
            raise
        self._is_synced = True

    def _check(self) -> None:
        if self._failure is not None:
            raise OSError(
                self._failure.errno,
                f"{self._failure.strerror}: nothing is stored in the file any more, because the "
                "disk did not take what it was given before. Make sure that it is sound before "
                "you go on",
            ) from self._failure

    def _log(self, *, durable: bool, needed: bool) -> None:
        try:
            write_log(self.descriptor, self._pages, self._end)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            if needed:
                os.ftruncate(self.descriptor, max(self._end, self._committed))
                raise OSError(
                    error.errno,
                    f"There is no room for the redo log of {len(self._pages) * PAGE_BYTES} bytes, "
                    "without which a loss of power could damage the file. Nothing was changed; "
                    f"free some room on its disk ({error.strerror})",
                ) from error
            # Overwriting committed pages takes no space. Without a log the file is at risk for the
            # moment of writing them; refusing the commit would lose everything since the last one.
            logger.warning(
                "There is no room for the redo log of %d bytes, so this commit is made without: %s",
                len(self._pages) * PAGE_BYTES,
                error,
            )
            os.ftruncate(self.descriptor, self._end)
            # New pages do take space, so they come before anything that was committed is touched.
            self._write_new()
            return
        self._is_unfinished = True
        if durable:
            self.sync()

    def detach(self) -> None:
        """Close the file; nothing that HDF5 still writes or reads reaches it."""
        if not self._is_detached:
            self._is_detached = True
            self._pages.clear()
            os.close(self.descriptor)
