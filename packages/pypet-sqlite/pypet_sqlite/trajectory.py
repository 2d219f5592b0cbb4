"""The rows of one trajectory."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

from pypet.records import Item, MetaRecord, NodeRecord, RunRows
from pypet.services import (
    TrajectoryStore,
    item_from_bytes,
    item_to_bytes,
    meta_from_bytes,
    meta_to_bytes,
    run_records,
    run_rows,
    values_from_bytes,
    values_to_bytes,
)

# A node is found by the full name of its parent and its own, so that one index serves single
# nodes, children and all that is below. The root has neither.
SCHEMA = """
CREATE TABLE trajectories (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, meta BLOB);
CREATE TABLE nodes (
    trajectory INTEGER, parent TEXT, name TEXT, kind TEXT NOT NULL, class_name TEXT,
    comment TEXT NOT NULL, annotations BLOB NOT NULL, target TEXT,
    PRIMARY KEY (trajectory, parent, name)) WITHOUT ROWID;
CREATE TABLE items (
    trajectory INTEGER, path TEXT, name TEXT, data BLOB NOT NULL,
    PRIMARY KEY (trajectory, path, name)) WITHOUT ROWID;
CREATE TABLE runs (
    trajectory INTEGER, idx INTEGER, completed INTEGER, timestamp REAL, finish_timestamp REAL,
    hexsha TEXT, name TEXT, time TEXT, runtime TEXT, parameter_summary TEXT, error TEXT,
    PRIMARY KEY (trajectory, idx)) WITHOUT ROWID;
"""
TABLES = ("nodes", "items", "runs")
_NODE = "kind, class_name, comment, annotations, target FROM nodes WHERE trajectory = ?"


class SqliteTrajectory(TrajectoryStore):
    """One trajectory in an open file."""

    def __init__(self, connection: sqlite3.Connection, key: int, unpickle: str) -> None:
        self._execute = connection.execute
        self._execute_many = connection.executemany
        self._key = key
        self._unpickle = unpickle

    def _node(self, path: str, row: tuple[Any, ...]) -> NodeRecord:
        kind, class_name, comment, data, target = row
        annotations = values_from_bytes(data, path, self._unpickle)
        return NodeRecord(path, kind, class_name, comment, annotations, None, target)

    def get(self, path: str) -> NodeRecord | None:
        """Return the record of a node."""
        parent, _, name = path.rpartition(".")
        query = f"SELECT {_NODE} AND parent = ? AND name = ?"
        row = self._execute(query, (self._key, parent, name)).fetchone()
        return None if row is None else self._node(path, row)

    def put(self, record: NodeRecord) -> None:
        """Create or change a node."""
        path, *described, annotations, _, target = record
        parent, _, name = path.rpartition(".")
        row = (self._key, parent, name, *described, values_to_bytes(annotations), target)
        self._execute("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def children(self, path: str) -> list[NodeRecord]:
        """Return the records of children."""
        query = f"SELECT name, {_NODE} AND parent = ? AND name != ''"
        rows = self._execute(query, (self._key, path)).fetchall()
        prefix = f"{path}." if path else ""
        return [self._node(prefix + name, row) for name, *row in rows]

    def delete(self, path: str) -> None:
        """Remove a node with all below it."""
        parent, _, name = path.rpartition(".")
        where = "trajectory = ? AND parent = ? AND name = ?"
        self._execute(f"DELETE FROM nodes WHERE {where}", (self._key, parent, name))
        # '/' follows '.', so that these are the names that begin with the path and a dot.
        below = (self._key, path, f"{path}.", f"{path}/")
        for table, column in (("nodes", "parent"), ("items", "path")):
            where = f"trajectory = ? AND ({column} = ? OR {column} >= ? AND {column} < ?)"
            self._execute(f"DELETE FROM {table} WHERE {where}", below)

    def item_names(self, path: str) -> list[str]:
        """Return the names of items."""
        query = "SELECT name FROM items WHERE trajectory = ? AND path = ?"
        return [name for (name,) in self._execute(query, (self._key, path))]

    def get_items(self, path: str, names: Collection[str] | None = None) -> Iterator[Item]:
        """Yield items."""
        query = "SELECT data FROM items WHERE trajectory = ? AND path = ? AND name = ?"
        for name in self.item_names(path) if names is None else names:
            row = self._execute(query, (self._key, path, name)).fetchone()
            if row is not None:
                yield item_from_bytes(name, row[0], path, self._unpickle)

    def put_item(self, path: str, item: Item) -> None:
        """Create or replace an item."""
        row = (self._key, path, item.name, item_to_bytes(item))
        self._execute("INSERT OR REPLACE INTO items VALUES (?, ?, ?, ?)", row)

    def delete_item(self, path: str, name: str) -> None:
        """Remove an item."""
        query = "DELETE FROM items WHERE trajectory = ? AND path = ? AND name = ?"
        self._execute(query, (self._key, path, name))

    def get_meta(self) -> MetaRecord:
        """Return the data about the trajectory."""
        query = "SELECT meta FROM trajectories WHERE id = ?"
        return meta_from_bytes(*self._execute(query, (self._key,)).fetchone(), "", self._unpickle)

    def put_meta(self, meta: MetaRecord) -> None:
        """Replace the data about the trajectory."""
        row = (meta_to_bytes(meta), self._key)
        self._execute("UPDATE trajectories SET meta = ? WHERE id = ?", row)

    def get_runs(self) -> RunRows:
        """Return the run table."""
        query = "SELECT * FROM runs WHERE trajectory = ? ORDER BY idx"
        return run_rows(row[1:] for row in self._execute(query, (self._key,)))

    def put_runs(self, rows: RunRows) -> None:
        """Replace rows of the run table."""
        query = "INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._execute_many(query, ((self._key, *record) for record in run_records(rows)))
