from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from pypet.interfaces import StorageService
from pypet.testing.faults import failing_calls
from pypet.testing.file_storage import FileStorageConformance
from pypet.testing.storage import StorageConformance
from pypet.testing.storage_machine import StatefulStorageConformance
from pypet.testing.storage_suite import NAME, StorageSuite
from pypet_zarr import ZarrStorageService


class ZarrSuite(StorageSuite):
    service_class = ZarrStorageService

    def make_service(self, folder: Path) -> ZarrStorageService:
        return ZarrStorageService(folder / "data.zarr")

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any]:
        calls = ("set_sync", "delete", "delete_dir")
        return failing_calls(number, *((LocalStore, name) for name in calls))

    def read_raw(self, folder: Path, path: str, name: str) -> np.ndarray:
        return zarr.open_array(self._array(folder, path, name), mode="r")[...]

    def write_raw(self, folder: Path, path: str, name: str, value: np.ndarray) -> bool:
        zarr.open_array(self._array(folder, path, name), mode="r+")[...] = value
        return True

    @staticmethod
    def _array(folder: Path, path: str, name: str) -> Path:
        """Return the array in the group of the leaf: an older one of its name is gone."""
        leaf = folder / "data.zarr" / NAME / path.replace(".", "/")
        (document,) = leaf.glob("*/zarr.json")
        assert name in zarr.open_group(leaf, mode="r").attrs["pypet"]["items"]
        return document.parent


class TestZarr(ZarrSuite, StorageConformance, FileStorageConformance):
    pass


class TestZarrStateful(ZarrSuite, StatefulStorageConformance):
    pass
