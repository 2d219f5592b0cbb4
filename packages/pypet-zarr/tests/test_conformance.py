from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from zarr.storage import LocalStore

from pypet.interfaces import StorageService
from pypet.testing.faults import failing_calls
from pypet.testing.storage import StorageConformance
from pypet.testing.storage_machine import StatefulStorageConformance
from pypet.testing.storage_suite import StorageSuite
from pypet_zarr import ZarrStorageService


class ZarrSuite(StorageSuite):
    def make_service(self, folder: Path) -> ZarrStorageService:
        return ZarrStorageService(folder / "data.zarr")

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any]:
        calls = ("set_sync", "delete", "delete_dir")
        return failing_calls(number, *((LocalStore, name) for name in calls))


class TestZarr(ZarrSuite, StorageConformance):
    pass


class TestZarrStateful(ZarrSuite, StatefulStorageConformance):
    pass
