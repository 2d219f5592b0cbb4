from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet.interfaces.storage import StorageService
from pypet.testing.storage import StorageConformance
from pypet.testing.storage_suite import NAME

pytest.importorskip("h5py")

from pypet.services.messages import understands_requests
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.storage_backends.media import file_fault


class TestHDF5Storage(StorageConformance):
    def make_service(self, folder: Path) -> HDF5StorageService:
        return HDF5StorageService(filename=str(folder / "data.hdf5"))

    def reopen(self, service: StorageService, folder: Path) -> HDF5StorageService:
        return self.make_service(folder)

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any]:
        return file_fault(number)

    def read_raw(self, folder: Path, path: str, name: str) -> np.ndarray:
        import h5py

        with h5py.File(folder / "data.hdf5") as file:
            return file[f"{NAME}/{path.replace('.', '/')}/{name}"][...]


def test_workers_turn_messages_into_requests():
    assert understands_requests(HDF5StorageService(filename="data.hdf5"))
