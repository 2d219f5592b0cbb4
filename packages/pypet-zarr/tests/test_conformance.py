from pathlib import Path

from pypet.testing.storage import StorageConformance
from pypet.testing.storage_machine import StatefulStorageConformance
from pypet_zarr import ZarrStorageService


class TestZarr(StorageConformance):
    def make_service(self, folder: Path) -> ZarrStorageService:
        return ZarrStorageService(folder / "data.zarr")


class TestZarrStateful(StatefulStorageConformance):
    def make_service(self, folder: Path) -> ZarrStorageService:
        return ZarrStorageService(folder / "data.zarr")
