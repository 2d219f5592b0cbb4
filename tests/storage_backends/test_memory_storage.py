from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from pypet.interfaces.storage import StorageService
from pypet.storage_backends.memory import MemoryStorageService
from pypet.testing.storage import StorageConformance
from tests.storage_backends.media import memory_fault


class TestMemoryStorage(StorageConformance):
    def make_service(self, folder: Path) -> MemoryStorageService:
        return MemoryStorageService()

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any]:
        return memory_fault(number)
