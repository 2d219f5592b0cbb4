from pathlib import Path

from pypet.storage_backends.lazy import LazyStorageService
from pypet.testing.storage import StorageConformance


class TestLazyStorage(StorageConformance):
    def make_service(self, folder: Path) -> LazyStorageService:
        return LazyStorageService(filename=folder / "ignored.hdf5", anything=1)


def test_lazy_storage_swallows_every_message():
    service = LazyStorageService()
    assert service.store("ANYTHING", object(), 1, key=2) is None
    assert service.load("ANYTHING", object(), 1, key=2) is None
    assert not service.is_open
