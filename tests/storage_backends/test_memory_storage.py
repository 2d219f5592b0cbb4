from pathlib import Path

from pypet.storage_backends.memory import MemoryStorageService
from pypet.testing.storage import StorageConformance


class TestMemoryStorage(StorageConformance):
    def make_service(self, folder: Path) -> MemoryStorageService:
        return MemoryStorageService()
