"""Random sequences of calls leave in each storage service what a model in dictionaries says."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from pypet.interfaces.storage import StorageService
from pypet.storage_backends.lazy import LazyStorageService
from pypet.storage_backends.memory import MemoryStorageService
from pypet.testing.storage_machine import StatefulStorageConformance
from tests.storage_backends.media import file_fault, memory_fault
from tests.third_party.shelf_store import ShelfStorageService


class TestMemory(StatefulStorageConformance):
    examples = 30

    def make_service(self, folder: Path) -> StorageService:
        return MemoryStorageService()

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any]:
        return memory_fault(number)


class TestShelf(StatefulStorageConformance):
    def make_service(self, folder: Path) -> StorageService:
        return ShelfStorageService(folder / "shelf.pickle")


class TestHDF5(StatefulStorageConformance):
    examples = 10

    def make_service(self, folder: Path) -> StorageService:
        pytest.importorskip("h5py")
        from pypet.storage_backends.hdf5 import HDF5StorageService

        return HDF5StorageService(filename=str(folder / "data.hdf5"))

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any]:
        return file_fault(number)


class TestLazy(StatefulStorageConformance):
    def make_service(self, folder: Path) -> StorageService:
        return LazyStorageService()
