"""Space on the disk: estimated, and reserved before anything is changed.

The HDF5 library keeps part of what is written in memory until it flushes. If that fails because
the disk is full, the library cannot go on, and a file that was changed in place halfway is lost. So
a request that does not fit is refused while the file is still sound.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from h5py import h5d, h5g

from pypet import pypetconstants as constants
from pypet.encoding.object_table import is_pandas
from pypet.records import ArrayItem, FrameItem, Operation, PutMeta, PutNode, RunError, TableItem
from pypet.storage_backends.hdf5.compression.packing import PackedArray
from pypet.storage_backends.hdf5.files.file_cache import FileCache
from pypet.storage_backends.hdf5.files.file_handle import FileHandle
from pypet.storage_backends.hdf5.objects.groups import has_child

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache

MARGIN_BYTES = 1 << 20
"""Space that runs leave for the end of an experiment: run table, overviews, times."""
META_BYTES = 1 << 16
RUN_BYTES = 64
"""Upper bound for a row of the run table, in bytes."""
NODE_BYTES = 4096
"""Upper bound for a group or dataset with its attributes, apart from its data, in bytes."""


class Estimate(NamedTuple):
    """Bytes to be written, and bytes that have to stay free in addition."""

    content: int
    margin: int


def estimate(operations: Iterable[Operation]) -> Estimate:
    """Return an upper bound of the bytes that operations add to a file."""
    content = margin = 0
    for operation in operations:
        if type(operation) is PutNode:
            content += NODE_BYTES + sum(map(_bytes_of_item, operation.items))
            if constants.RUN_NAME in operation.path:
                margin = MARGIN_BYTES
        elif type(operation) is PutMeta:
            content += META_BYTES + RUN_BYTES * len(operation.runs)
            content += sum(map(_bytes_of_error, operation.runs.errors.values()))
    return Estimate(content, margin)


def _bytes_of_error(error: RunError) -> int:
    return RUN_BYTES + 4 * (len(error.message) + len(error.traceback))


def estimate_call(args: Sequence[Any], kwargs: Mapping[str, Any]) -> int:
    """Return an upper bound of the bytes of the data among the arguments of a call."""
    return sum(map(_bytes_of_argument, (*args, *kwargs.values())))


def _bytes_of_argument(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return NODE_BYTES + value.nbytes
    if is_pandas(value, "DataFrame") or is_pandas(value, "Series"):
        return _bytes_of_frame(value)
    return 0


def _bytes_of_item(item: Any) -> int:
    if type(item) is ArrayItem:
        value: Any = item.value
        if isinstance(value, PackedArray):
            return NODE_BYTES + sum(data.nbytes for _, data in value.chunks)
        return NODE_BYTES + int(value.nbytes)
    if type(item) is TableItem:
        return NODE_BYTES + 2 * sum(int(column.values.nbytes) for column in item.columns)
    if type(item) is FrameItem:
        return _bytes_of_frame(item.value)
    return NODE_BYTES


def _bytes_of_frame(value: Any) -> int:
    used = value.memory_usage(deep=True)
    return 16 * NODE_BYTES + 2 * int(getattr(used, "sum", lambda: used)())


def estimate_new(cache: TrajectoryCache, operations: Iterable[Operation]) -> Estimate:
    """Return how much operations add at most to what the trajectory has already and keeps.

    The margin takes the length of the run table into account. This takes some calls to HDF5 for
    each node.
    """
    new = (_without_old(cache, each) if type(each) is PutNode else each for each in operations)
    need = estimate(each for each in new if each is not None)
    if not need.margin:
        return need
    return need._replace(margin=max(need.margin, RUN_BYTES * _count_runs(cache)))


def _without_old(cache: TrajectoryCache, node: PutNode) -> PutNode | None:
    """Return what a node adds to the file, None if that is nothing."""
    group = cache.group(node.path)
    if group is None or node.overwrite is True:
        return node
    chosen = node.overwrite or frozenset()
    items = tuple(
        item
        for item in node.items
        if item.name in chosen or "append" in node.options or not _has_item(group, item.name)
    )
    return node._replace(items=items) if items else None


def _has_item(group: h5g.GroupID, name: str) -> bool:
    """Return whether a leaf has an item, whose name may have dots."""
    path = b""
    for part in name.encode("utf8").split(b"."):
        path = path + b"/" + part if path else part
        if not has_child(group, path):
            return False
    return True


def _count_runs(cache: TrajectoryCache) -> int:
    overview = cache.group("overview")
    if overview is None or not has_child(overview, b"runs"):
        return 0
    return int(h5d.open(overview, b"runs").shape[0])


# ----- reserving --------------------------------------------------------------------------------

AMPLE_BYTES = 256 << 20
"""If this much more is free than needed, nothing is reserved."""
AMPLE_SECONDS = 0.2
"""Seconds for which free space is cached, even if the file is closed and opened again."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class DiskSpace:
    """The space that is reserved for one open file, until it is flushed."""

    __slots__ = ("_base", "_file_cache", "_granted", "_limit", "_path", "_used", "is_reserved")

    def __init__(self, path: str, file_cache: FileCache) -> None:
        self._path = path
        self._file_cache = file_cache
        self._limit = _size_limit()
        self._base = 0
        """Size of the file when it was flushed last."""
        self._used = 0
        """Bytes reserved since the last flush, on the disk or because there is ample space."""
        self._granted = 0
        self.is_reserved = False
        """Whether the file was made longer than its content."""

    @property
    def is_used(self) -> bool:
        """Whether anything was reserved since the last flush."""
        return self._used > 0

    def reserve(self, estimate: Estimate, file: FileHandle, refine: Callable[[], Estimate]) -> None:
        """Reserve space for what is about to be written.

        ``estimate`` is an upper bound; ``refine`` gives a better one, which takes longer, and is
        called unless there is ample space.

        Raises
        ------
        OSError
            There is not enough; the file is unchanged.
        """
        if not self._used:
            self._base = file.id.get_filesize()
        used = self._used + estimate.content
        if used > self._granted and not self._is_ample(used + estimate.margin):
            estimate = refine()
            used = self._used + estimate.content
            if used > self._granted:
                self._granted = self._grant(used, estimate.margin, file.descriptor)
        self._used = used

    def check(self, content: int, size: int) -> None:
        """Make sure that there is space for ``content`` bytes more, without reserving it.

        This is for libraries that have the file open themselves; ``size`` is that of the file.

        Raises
        ------
        OSError
            There is not.
        """
        self._base = size
        if not content or self._is_ample(content):
            return
        self._check_limit(size, content, content)
        free = self._free()
        if free is not None and free < content:
            raise self._full(errno.ENOSPC, content, free)

    def flushed(self, file: FileHandle) -> None:
        """Reset after a commit, which has written all of the file."""
        self._used = self._granted = 0
        if self.is_reserved:
            os.ftruncate(file.descriptor, file.id.get_filesize())
            self.is_reserved = False

    def _is_ample(self, whole: int) -> bool:
        """Return whether there is much more space, or was a moment ago."""
        if self._limit is not None and self._base + whole + AMPLE_BYTES > self._limit:
            return False
        if whole < AMPLE_BYTES // 2 and monotonic() < self._file_cache.ample_until:
            return True
        free = self._free()
        if free is None:
            return True
        if free <= whole + AMPLE_BYTES:
            return False
        self._file_cache.ample_until = monotonic() + AMPLE_SECONDS
        return True

    def _grant(self, needed: int, margin: int, descriptor: int) -> int:
        """Return how many bytes since the last flush have their space, at least ``needed``."""
        whole = needed + margin
        self._check_limit(self._base, whole, needed)
        free = self._free()
        if free is None or self._reserve(whole, needed, descriptor, free) or free >= whole:
            return needed
        raise self._full(errno.ENOSPC, needed, free)

    def _reserve(self, whole: int, needed: int, descriptor: int, free: int) -> bool:
        """Allocate space behind the content; return whether the disk can do that."""
        if not hasattr(os, "posix_fallocate"):
            return False
        size = os.fstat(descriptor).st_size
        try:
            os.posix_fallocate(descriptor, self._base, whole)
        except OSError as error:
            os.ftruncate(descriptor, size)  # part of it may have been reserved
            if error.errno in _FULL:
                raise self._full(error.errno or errno.ENOSPC, needed, free) from error
            return False
        self.is_reserved = True
        return True

    def _check_limit(self, size: int, whole: int, needed: int) -> None:
        if self._limit is not None and size + whole > self._limit:
            raise self._full(errno.EFBIG, needed, max(0, self._limit - size))

    def _free(self) -> int | None:
        """Return how many bytes are free on the disk of the file, None if that is unknown.

        Some file systems on networks or in user space report a size of zero.
        """
        try:
            if not hasattr(os, "statvfs"):
                return shutil.disk_usage(os.path.dirname(os.path.realpath(self._path))).free
            disk = os.statvfs(self._path)  # of the file, not of a link that leads to it
        except OSError:
            return None
        block = disk.f_frsize or disk.f_bsize
        return disk.f_bavail * block if disk.f_blocks * block else None

    def _full(self, number: int, needed: int, free: int) -> OSError:
        return OSError(
            number,
            f"{os.strerror(number)}: there is no room to store {needed / 1e6:.1f} MB more, only "
            f"{free / 1e6:.1f} MB are free. Nothing was changed. Free some room, or give a "
            "`filename` on another disk",
            self._path,
        )


def _size_limit() -> int | None:
    """Return how large this process may make files, None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if soft == resource.RLIM_INFINITY else soft
