"""The file of an experiment: it stays the same one, or what cannot be stored goes elsewhere."""

from __future__ import annotations

import copy
import os
import tempfile
import time
from abc import ABC
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from pypet.storage_backends.hdf5.files.guard import GUARD
from pypet.storage_backends.hdf5.service import h5py_modules
from pypet.storage_backends.hdf5.service.held_file import HeldFile

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.identity import Identity


class ExperimentFile(HeldFile, ABC):
    """The part of the service that looks after its file during an experiment."""

    @contextmanager
    def watched(self, trajectory_name: str) -> Iterator[None]:
        """Insist within a ``with`` block on the file as it is now; see `StorageService.watched`."""
        former, self._identity = self._identity, self._renewed_identity(trajectory_name)
        try:
            yield
        finally:
            self._identity = former

    def check_in_place(self, trajectory_name: str) -> bool:
        """Make sure that the file is still there; see `StorageService.check_in_place`."""
        identity = self._expected_identity()
        if identity is None or identity.trajectory != trajectory_name:
            return True
        with self.file_lock:
            file = self._file
            if file is not None and file.is_alive and file.watch is not None:
                file.watch.check()
            else:
                h5py_modules.handles().release(self._hold(writable=False))
        memory = h5py_modules.file_memory().memory_of(self._filename)
        if memory is not None and memory.has_lost_changes:
            return False
        return bool(h5py_modules.identity().inode_of(self._filename) == identity.inode)

    def generation(self, trajectory_name: str) -> str | None:
        """Return what tells this stored trajectory from others; see `StorageService`."""
        identity = self._expected_identity()
        if identity is not None and identity.trajectory == trajectory_name:
            return identity.generation
        with self.file_lock, self._held_for_reading() as file:
            self._check_known(file, trajectory_name)
            group = h5py_modules.listing().cache_of(file, trajectory_name).group("")
            generation: str | None = h5py_modules.identity().read_generation(group)
            return generation

    def rescue_services(self, trajectory_name: str) -> Iterator[Self]:
        """Yield services for new files: beside the own one, or where else there may be room."""
        folder, name = os.path.split(self._filename)
        base, extension = os.path.splitext(name)
        stem = f"{base}.rescue-{time.strftime('%Y%m%d-%H%M%S')}"
        for place in dict.fromkeys((folder, os.getcwd(), tempfile.gettempdir())):
            twin = copy.copy(self)  # closed, as every copy
            twin._settings = copy.deepcopy(self._settings)
            twin._identity = twin._file_lock = twin.early = None
            twin._filename = twin._file_title = _vacant(place, stem, extension)
            yield twin
            twin._delete_file()  # whoever asks for another place could not store here

    def _renewed_identity(self, trajectory: str) -> Identity | None:
        if not os.path.exists(self._filename):
            return None
        with self.file_lock, GUARD:
            return self._renew(trajectory)

    def _renew(self, trajectory: str) -> Identity | None:
        file = self._hold(writable=True)
        try:
            group = h5py_modules.listing().cache_of(file, trajectory).group("")
            if group is None:  # stored elsewhere
                return None
            renew = h5py_modules.identity().renew_generation
            identity: Identity = renew(file, group, self._filename, trajectory)
            return identity
        finally:
            self._release(file)


def _vacant(folder: str, stem: str, extension: str) -> str:
    """Return the path of a file that does not exist."""
    number = 1
    path = os.path.join(folder, stem + extension)
    while os.path.lexists(path):
        number += 1
        path = os.path.join(folder, f"{stem}-{number}{extension}")
    return path
