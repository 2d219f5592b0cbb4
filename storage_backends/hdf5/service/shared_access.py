"""Shared data of a service: single items that stay in its file."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pypet.encoding.unpickling import TRUST, UnpicklingPolicy
from pypet.storage_backends.hdf5.files.damage import damage_reported
from pypet.storage_backends.hdf5.files.thread_locks import FORK_LOCK
from pypet.storage_backends.hdf5.service.file_access import FileAccess
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.open_file import OpenFile


class SharedAccess(FileAccess, ABC):
    """The part of the service that has PyTables and pandas work on items in the file."""

    _unpickle: str
    _inspected: tuple[OpenFile | None, set[tuple[str, str, str]]]
    """Items whose pickles were looked at, and the file that was open then."""

    def access_data(
        self,
        trajectory: str,
        path: str,
        item_name: str,
        request: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Any:
        """Create, read or change shared data; see `RecordBackend.access_data`.

        PyTables and pandas do it. They keep the file open until h5py needs it again.

        Raises
        ------
        ValueError
            There is no such file or trajectory, or something exists that is to be created.
        RefusedPickleError
            Something pickled in the item may not be loaded.
        Exception
            Whatever PyTables or pandas raises for the request.
        """
        for package in self.requires:
            require(package, plugin=self.name, extra=self.extra)
        from pypet.storage_backends.hdf5.files.disk_space import estimate_call
        from pypet.storage_backends.hdf5.shareddata import access

        writable = access.changes(request, args, kwargs)
        with self.file_lock, FORK_LOCK, self._opened_for_access(writable=writable) as file:
            if not file.is_handed_over:
                self._check_known(file, trajectory)
            location = (trajectory, path, item_name)
            if writable:
                file.check_space(estimate_call(args or (), kwargs or {}))
            policy = UnpicklingPolicy(self._unpickle)
            if policy.mode == TRUST:
                if (
                    not file.is_handed_over
                ):  # to look again would close the nodes that were given out
                    self._inspect(file, location, policy)
            elif request not in access.READ_FROM_COPIES:
                self._inspect(file, location, policy)
            return access.access(file, self._settings, location, request, args, kwargs, policy)

    def _inspect(
        self, file: OpenFile, location: tuple[str, str, str], policy: UnpicklingPolicy
    ) -> None:
        """Look at what PyTables would touch, once for as long as the file is open."""
        from pypet.storage_backends.hdf5.pytables.pickle_inspection import inspect_items

        opened, seen = self._inspected
        if opened is not file:
            self._inspected = file, seen = file, set()
        if location in seen:
            return
        trajectory, leaf, item = location
        path = "/".join(("", trajectory, *leaf.split("."), *item.split(".")))
        with damage_reported(file.path, lambda: f"The shared data at {path}"):
            inspect_items(file, [path], policy)
        seen.add(location)

    @contextmanager
    def _opened_for_access(self, *, writable: bool) -> Iterator[OpenFile]:
        if self.is_open or not writable or not os.path.exists(self._filename):
            with self._opened_for_reading() as file:
                yield file
            return
        file = self._acquire(writable=True)
        try:
            yield file
        finally:
            self._release(file)
