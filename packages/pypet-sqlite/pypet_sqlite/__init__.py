"""Trajectories in SQLite files, by the standard library's `sqlite3`."""

from __future__ import annotations

import copy
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
from pypet.services import KeyValueStorageService
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


class SqliteStorageService(KeyValueStorageService):
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
        """Take the settings; the file is created when something is stored.

        ``filename`` may be a folder; its file is then called ``<name of trajectory>.sqlite``, and
        so is the default in the current folder.
        """
        _check_level(sqlite_synchronous)
        path = Path.cwd() if filename is None else Path(filename).absolute()
        if path.is_dir():
            path /= f"{getattr(trajectory, 'v_name', 'trajectories')}.sqlite"
        self.filename: str = str(path)
        self.unpickle = unpickle
        self.sqlite_synchronous = sqlite_synchronous.upper()
        self.sqlite_timeout = sqlite_timeout
        self._is_open = False
        self._users = 0
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    def __repr__(self) -> str:
        return f"<SqliteStorageService {self.filename!r}>"

    def __getstate__(self) -> dict[str, Any]:
        closed = {"_connection": None, "_users": 0, "_is_open": False, "is_kept_open": False}
        return {**super().__getstate__(), **closed}

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
            self._disconnect_if_unused()

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

    @property
    def is_open(self) -> bool:
        """Whether the file stays open between messages."""
        return self._is_open

    def open(self) -> None:
        """Keep the file open from its next use on."""
        self._is_open = True

    def close(self) -> None:
        """Close the file, which makes everything durable."""
        self._is_open = False
        self._disconnect_if_unused()

    def flush(self) -> None:
        """Make everything durable."""
        if os.path.exists(self.filename):
            with self.reading():
                self._connect().execute("PRAGMA wal_checkpoint")

    def _disconnect_if_unused(self) -> None:
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

    # ----- other files ---------------------------------------------------------------------

    def beside(self, filename: str | None) -> SqliteStorageService:
        """Return the service for another file."""
        if filename is None:
            return self
        other = copy.copy(self)  # closed
        other.filename = str(Path(filename).absolute())
        return other

    def backup_service(self, trajectory: str, filename: str | None) -> SqliteStorageService:
        """Return the service for ``backup_<name of trajectory>.sqlite`` in the same folder."""
        default = Path(self.filename).with_name(f"backup_{trajectory}.sqlite")
        return self.beside(str(default) if filename is None else filename)


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Register the SQLite storage service."""
    return [SqliteStorageService]
