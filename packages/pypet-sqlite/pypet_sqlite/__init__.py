"""Trajectories in SQLite files, by the standard library's `sqlite3`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real
from pathlib import Path
from typing import Any, ClassVar

from pypet.errors import StorageFormatError
from pypet.interfaces import Option, StorageService
from pypet.markers import hookimpl
from pypet.services import FileStorageService
from pypet_sqlite.trajectory import SCHEMA, TABLES, SqliteTrajectory

__all__ = ["SqliteStorageService"]

VERSION = 1
LEVELS = ("OFF", "NORMAL", "FULL")
_SYNCHRONOUS = "When to wait for the disk: 'NORMAL' (to flush and close), 'FULL' (always), 'OFF'."
_inherited: list[sqlite3.Connection] = []
"""Connections of a parent process. SQLite forbids using them here, and closing them, too."""


def _check_level(value: str) -> None:
    if value.upper() not in LEVELS:
        raise ValueError(f"`sqlite_synchronous` is one of {', '.join(LEVELS)}, not {value!r}.")


class SqliteStorageService(FileStorageService):
    """Keeps trajectories in an SQLite file, any number per file.

    Each request is one transaction, which others see, and which survives a crash of the process,
    as soon as it is stored. It survives a loss of power once the file was flushed or closed.
    Can be pickled; the copy is closed.
    """

    name: ClassVar[str] = "sqlite"
    file_extensions: ClassVar[tuple[str, ...]] = (".sqlite",)
    options: ClassVar[tuple[Option, ...]] = (
        Option("sqlite_synchronous", "NORMAL", (str,), _SYNCHRONOUS, "storage", _check_level),
        Option("sqlite_timeout", 300.0, (Real,), "Seconds to wait for other writers.", "storage"),
    )

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        trajectory: Any = None,
        *,
        unpickle: str = "trust",
        sqlite_synchronous: str = "NORMAL",
        sqlite_timeout: float = 300.0,
    ) -> None:
        """Take the settings; the file is created when something is stored."""
        _check_level(sqlite_synchronous)
        super().__init__(filename, trajectory, unpickle=unpickle)
        self.sqlite_synchronous = sqlite_synchronous.upper()
        self.sqlite_timeout = sqlite_timeout
        self._users = 0
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_connection": None, "_users": 0}

    # ----- the file ------------------------------------------------------------------------

    def _connect(self, *, create: bool = False) -> sqlite3.Connection:
        """Return the connection of this process."""
        if self._connection is not None and self._process == os.getpid():
            return self._connection
        if self._connection is not None:
            _inherited.append(self._connection)
        path = Path(self.filename)
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        # Without write access to the folder, SQLite reads files in WAL mode as immutable only.
        mode = "mode=rwc" if create else "mode=rw"
        if not os.access(path.parent, os.W_OK):
            mode = "immutable=1"
        settings = {"uri": True, "isolation_level": None, "check_same_thread": False}
        address, timeout = f"{path.as_uri()}?{mode}", self.sqlite_timeout
        self._connection = connection = sqlite3.connect(address, timeout, **settings)
        self._process = os.getpid()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if create and not version:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT")
        elif version != VERSION:
            raise StorageFormatError(f"{self.filename!r} is not a pypet-sqlite {VERSION}.x file.")
        return connection

    @contextmanager
    def reading(self) -> Iterator[SqliteStorageService]:
        """Keep the file open within a ``with`` block."""
        self._users += 1
        try:
            yield self
        except sqlite3.OperationalError as error:
            raise OSError(f"{self.filename!r} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StorageFormatError(f"{self.filename!r} cannot be used: {error}") from error
        finally:
            self._users -= 1
            self.release()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Change the file as a whole or not at all within a ``with`` block."""
        with self.reading():
            connection = self._connect(create=True)
            level = "FULL" if self.durable else self.sqlite_synchronous
            connection.execute(f"PRAGMA synchronous = {level}")
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.announce_commit()
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def flush(self) -> None:
        """Make everything durable."""
        if os.path.exists(self.filename):
            with self.reading():
                self._connect().execute("PRAGMA wal_checkpoint")

    def release(self) -> None:
        """Close the file unless it is in use."""
        connection = self._connection
        if self._users or self._is_open or connection is None:
            return
        if self._process == os.getpid():
            self._connection = None
            connection.close()

    # ----- trajectories --------------------------------------------------------------------

    def trajectory_names(self) -> list[str]:
        """Return the names in the order in which trajectories were stored."""
        if not os.path.exists(self.filename):
            raise ValueError(f"There is no file {self.filename!r}.")
        with self.reading():
            rows = self._connect().execute("SELECT name FROM trajectories ORDER BY id")
            return [name for (name,) in rows]

    def find_trajectory(self, name: str) -> SqliteTrajectory | None:
        """Return a stored trajectory."""
        if not os.path.exists(self.filename):
            return None
        connection = self._connect()
        query = "SELECT id FROM trajectories WHERE name = ?"
        for (key,) in connection.execute(query, (name,)).fetchall():
            return SqliteTrajectory(connection, key, self.unpickle)
        return None

    def create_trajectory(self, name: str) -> SqliteTrajectory:
        """Create a trajectory."""
        connection = self._connect()
        made = connection.execute("INSERT INTO trajectories (name) VALUES (?)", (name,))
        return SqliteTrajectory(connection, made.lastrowid or 0, self.unpickle)

    def remove_trajectory(self, name: str) -> None:
        """Remove a trajectory."""
        connection = self._connect()
        for table in TABLES:
            where = "trajectory = (SELECT id FROM trajectories WHERE name = ?)"
            connection.execute(f"DELETE FROM {table} WHERE {where}", (name,))
        connection.execute("DELETE FROM trajectories WHERE name = ?", (name,))


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Register the SQLite storage service."""
    return [SqliteStorageService]
