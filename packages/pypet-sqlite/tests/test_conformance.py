from pathlib import Path

from pypet.testing.storage import StorageConformance
from pypet_sqlite import SqliteStorageService


class TestSqlite(StorageConformance):
    def make_service(self, folder: Path) -> SqliteStorageService:
        return SqliteStorageService(folder / "data.sqlite")

    def reopen(self, service: SqliteStorageService, folder: Path) -> SqliteStorageService:
        return self.make_service(folder)
