"""Each broken storage service is caught by a test of the suite whose name says why."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from pypet.interfaces.storage import StorageService
from pypet.records import ArrayItem, PutNode, StoreRequest
from pypet.storage_backends.memory import MemoryStorageService
from pypet.testing.storage import StorageConformance
from pypet.testing.storage_machine import StatefulStorageConformance
from pypet.testing.storage_processes import ProcessConformance
from pypet.testing.storage_suite import NAME
from tests.mutants.mutant import Mutant, suites
from tests.mutants.storage_mutants import KEPT, MUTANTS, OPEN, STATEFUL_MUTANTS, make
from tests.storage_backends.media import memory_fault
from tests.third_party.shelf_store import ShelfStorageService


@pytest.fixture(autouse=True)
def _tidied() -> Iterator[None]:
    yield
    KEPT.clear()
    while OPEN:
        OPEN.pop().close()


def read_raw(self: Any, folder: Path, path: str, name: str) -> Any:
    """Return an item of the last request in the file of a shelf that has put it."""
    found = None
    with (folder / "data").open("rb") as file:
        while file.peek(1):
            for each in pickle.load(file).operations:
                for item in each.items if getattr(each, "path", None) == path else ():
                    found = item.value if item.name == name else found
    return found


def write_raw(self: Any, folder: Path, path: str, name: str, value: Any) -> bool:
    """Append a request to the file."""
    item = ArrayItem(name, "ARRAY", value, "COLL_NDARRAY", None, "numpy")
    put = PutNode(path, True, "Result", "", {}, (item,), overwrite=frozenset({name}))
    with (folder / "data").open("ab") as file:
        pickle.dump(StoreRequest(NAME, (put,)), file)
    return True


RAW = {"read_raw": read_raw, "write_raw": write_raw}


def _members(mutant: Mutant) -> dict[str, Any]:
    def make_service(self: Any, folder: Path) -> StorageService:
        return make(mutant, folder)

    def fault(
        self: Any, service: StorageService, number: int
    ) -> AbstractContextManager[Any] | None:
        return memory_fault(number) if mutant.base is MemoryStorageService else None

    members = {"make_service": make_service, "fault": fault}
    return {**members, **RAW} if mutant.base is ShelfStorageService else members


def _members_without_shrinking(mutant: Mutant) -> dict[str, Any]:
    return {**_members(mutant), "shrinks": False, "examples": 200}


globals().update(suites(MUTANTS, StorageConformance, _members))
globals().update(suites(STATEFUL_MUTANTS, StatefulStorageConformance, _members_without_shrinking))


class TestSoundShelf(StorageConformance):
    """What most of the mutants derive from passes."""

    def make_service(self, folder: Path) -> StorageService:
        return ShelfStorageService(folder / "shelf.pickle")


class LockedShelf(ShelfStorageService):
    """A sound shelf for several processes."""

    multiproc_safe = True

    def apply(self, request: StoreRequest) -> None:
        fcntl = pytest.importorskip("fcntl")
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            super().apply(request)


class TestLockedShelf(ProcessConformance):
    """A lock is enough for the test of processes that store at once."""

    def make_service(self, folder: Path) -> StorageService:
        return LockedShelf(folder / "shelf.pickle")


def test_there_are_enough_mutants():
    assert len(MUTANTS) >= 50
    assert len({mutant.broken for mutant in MUTANTS}) > 70
