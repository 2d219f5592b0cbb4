"""The objects of a Zarr store, documents and arrays, changed in an order that survives a crash."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec
from zarr.core.buffer import Buffer, default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import LocalStore, MemoryStore

from pypet.errors import StorageFormatError

Document = dict[str, Any]

ARRAY, NODE, RUNS, ROOT = range(4)
"""The order in which objects are written: first what others refer to."""
CHUNK_BYTES = 1 << 20  # larger buffers are mapped anew each time, which is several times slower
_DOCUMENT = "zarr.json"
_BUFFERS = default_buffer_prototype()


class Objects:
    """Documents and arrays by path, with changes that are kept back until `commit`.

    A store replaces one object at a time, so `commit` writes arrays, which get new paths, before
    the documents that refer to them, parents before children, and removes only then. Wherever it
    ends, each document is either the old one or the new one, with all its arrays.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._is_sync = hasattr(store, "get_sync")
        self._documents: dict[str, Document | None] = {}
        """What was read or put; each document is read once."""
        self._puts: dict[str, tuple[int, Document | Buffer]] = {}
        self._removed: dict[str, None] = {}

    # ----- reading ---------------------------------------------------------------------------

    def get(self, *paths: str) -> list[Document | None]:
        """Return documents; who changes one has to `put` it."""
        unknown = [path for path in paths if path not in self._documents]
        for path, data in zip(unknown, self._read(unknown) if unknown else (), strict=True):
            try:
                self._documents[path] = None if data is None else json.loads(data.to_bytes())
            except ValueError as error:
                raise StorageFormatError(f"{path}/{_DOCUMENT} cannot be read: {error}") from error
        return [self._documents[path] for path in paths]

    def _read(self, paths: list[str]) -> list[Any]:
        keys = [None if self._is_removed(path) else _key(path) for path in paths]
        if self._is_sync:
            return [key and self._store.get_sync(key, prototype=_BUFFERS) for key in keys]

        async def read(key: str | None) -> Any:
            return key and await self._store.get(key, _BUFFERS)

        return sync(_gather(map(read, keys)))

    def _is_removed(self, path: str) -> bool:
        while path and path not in self._removed:
            path = path.rpartition("/")[0]
        return bool(path)

    def is_taken(self, path: str) -> bool:
        """Return whether something is at a path, or was before the changes."""
        return _key(path) in self._puts or self._is_removed(path) or self.get(path) != [None]

    def names(self, path: str) -> list[str]:
        """Return the names of what is below a path."""
        prefix = f"{path}/" if path else ""
        found = {key[len(prefix) :].split("/")[0] for key in self._puts if key.startswith(prefix)}
        if not self._is_removed(path):
            stored = sync(_listed(self._store.list_dir(path)))
            found |= {name for name in stored if not self._is_removed(prefix + name)}
        return sorted(found - {_DOCUMENT})

    def get_array(self, path: str) -> np.ndarray[Any, Any]:
        """Return a new array with the values of a stored one."""
        try:
            array: Any = zarr.open_array(store=self._store, path=path, mode="r")
            return np.asarray(array[...])
        except (KeyError, RuntimeError, TypeError, ValueError, FileNotFoundError) as error:
            raise StorageFormatError(f"Array {path!r} cannot be read: {error}") from error

    # ----- changing --------------------------------------------------------------------------

    def put(self, path: str, attributes: dict[str, Any], rank: int) -> None:
        """Create or replace a document of a group."""
        document = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        self._documents[path] = document
        self._puts[_key(path)] = rank, document

    def put_array(self, path: str, value: np.ndarray[Any, Any]) -> None:
        """Create an array where nothing is."""
        made: dict[str, Buffer] = {}
        name = path.rpartition("/")[2]
        zarr.create_array(
            MemoryStore(made),
            data=value,
            chunks=_chunks(value),
            compressors=BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
            dimension_names=[f"{name}_{axis}" for axis in range(value.ndim)],
            config={"write_empty_chunks": True},  # -0.0 would pass for empty
        )
        self._puts.update((f"{path}/{key}", (ARRAY, data)) for key, data in made.items())

    def remove(self, *paths: str) -> None:
        """Remove objects in this order; all others are below the last one."""
        below = f"{paths[-1]}/"
        self._puts = {key: put for key, put in self._puts.items() if not key.startswith(below)}
        for each in self._documents:
            if f"{each}/".startswith(below):
                self._documents[each] = None
        self._removed.update(dict.fromkeys(paths))

    def purge(self, path: str) -> None:
        """Remove all below a path at once, whatever becomes of other changes."""
        sync(self._store.delete_dir(path))

    # ----- the store -------------------------------------------------------------------------

    def commit(self, *, durable: bool) -> None:
        """Carry out all changes, ``durable`` on a local disk if asked for."""

        def order(put: tuple[str, tuple[int, Any]]) -> tuple[int, int]:
            return put[1][0], put[0].count("/")

        for _, group in itertools.groupby(sorted(self._puts.items(), key=order), order):
            self._write({key: _buffer(content) for key, (_, content) in group})
        for path in self._removed:
            self._remove(path)
        if durable and isinstance(self._store, LocalStore):
            self._wait_for_disk()

    def _write(self, objects: dict[str, Buffer]) -> None:
        if self._is_sync:
            for key, data in objects.items():
                self._store.set_sync(key, data)
        else:
            sync(_gather(itertools.starmap(self._store.set, objects.items())))

    def _remove(self, path: str) -> None:
        """Remove all that was not put again, the document first."""
        if _key(path) not in self._puts:
            sync(self._store.delete(_key(path)))
        kept = {key for key in self._puts if key.startswith(f"{path}/")}
        if not kept:
            sync(self._store.delete_dir(path))
            return
        for key in sync(_listed(self._store.list_prefix(f"{path}/"))):
            if key not in kept:
                sync(self._store.delete(key))

    def _wait_for_disk(self) -> None:
        root = self._store.root
        files = [root / key for key in self._puts]
        changed = [root / key for key in (*self._puts, *self._removed)]
        parents = {folder for path in changed for folder in path.parents}
        folders = [each for each in parents if each.is_relative_to(root) and each.exists()]
        for path in (*files, *folders, root.parent):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _key(path: str) -> str:
    return f"{path}/{_DOCUMENT}" if path else _DOCUMENT


def _buffer(content: Document | Buffer) -> Buffer:
    if isinstance(content, Buffer):
        return content
    return _BUFFERS.buffer.from_bytes(json.dumps(content).encode())


def _chunks(value: np.ndarray[Any, Any]) -> tuple[int, ...]:
    """Return the shape of chunks: whole rows, as many as fit into `CHUNK_BYTES`."""
    chunks = list(value.shape)
    row = value.nbytes
    for axis, length in enumerate(value.shape):
        row //= length
        chunks[axis] = min(length, max(1, CHUNK_BYTES // row))
        if row <= CHUNK_BYTES:
            break
    return tuple(chunks)


async def _gather(calls: Iterable[Any]) -> list[Any]:
    return list(await asyncio.gather(*calls))


async def _listed(names: Any) -> list[str]:
    return [name async for name in names]
