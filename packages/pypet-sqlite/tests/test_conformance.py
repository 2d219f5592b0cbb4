import itertools
import sqlite3
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from pypet.interfaces import StorageService
from pypet.records import ArrayItem
from pypet.services import item_from_bytes, item_to_bytes
from pypet.testing.file_storage import FileStorageConformance
from pypet.testing.storage import StorageConformance
from pypet.testing.storage_machine import StatefulStorageConformance
from pypet.testing.storage_suite import StorageSuite
from pypet_sqlite import SqliteStorageService


class SqliteSuite(StorageSuite):
    service_class = SqliteStorageService

    def make_service(self, folder: Path) -> SqliteStorageService:
        return SqliteStorageService(folder / "data.sqlite")

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any]:
        factory = partial(FailingConnection, statements=itertools.count(), number=number)
        return mock.patch.object(sqlite3, "connect", partial(sqlite3.connect, factory=factory))

    def read_raw(self, folder: Path, path: str, name: str) -> np.ndarray:
        connection = sqlite3.connect(folder / "data.sqlite")
        query = "SELECT data FROM items WHERE path = ? AND name = ?"
        ((data,),) = connection.execute(query, (path, name)).fetchall()
        connection.close()
        return item_from_bytes(name, data).value

    def write_raw(self, folder: Path, path: str, name: str, value: np.ndarray) -> bool:
        data = item_to_bytes(ArrayItem(name, "ARRAY", value, "COLL_NDARRAY", None))
        query = "UPDATE items SET data = ? WHERE path = ? AND name = ?"
        with sqlite3.connect(folder / "data.sqlite") as connection:
            changed = connection.execute(query, (data, path, name)).rowcount
        connection.close()
        return changed == 1


class TestSqlite(SqliteSuite, StorageConformance, FileStorageConformance):
    pass


class TestSqliteStateful(SqliteSuite, StatefulStorageConformance):
    pass


class FailingConnection(sqlite3.Connection):
    """A connection to a disk that breaks after some statements that change something."""

    def __init__(self, *args: Any, statements: Any, number: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._statements, self._number = statements, number

    def execute(self, statement: str, *args: Any) -> sqlite3.Cursor:
        if not statement.startswith(("SELECT", "PRAGMA", "ROLLBACK")):
            self._fail_in_time()
        return super().execute(statement, *args)

    def executemany(self, statement: str, *args: Any) -> sqlite3.Cursor:
        self._fail_in_time()
        return super().executemany(statement, *args)

    def _fail_in_time(self) -> None:
        if next(self._statements) >= self._number:
            raise sqlite3.OperationalError("disk I/O error")
