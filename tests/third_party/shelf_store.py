"""Keep trajectories in a file of pickled store requests.

A store request is plain data and applying it twice is the same as once, so a file of them is a
storage: what is read comes from a memory service into which the file was replayed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from pypet.interfaces import Option, StorageService
from pypet.manager import get_manager
from pypet.markers import hookimpl
from pypet.records import MetaRecord, NodeRecord, StoreRequest
from pypet.services import RecordStorageService


class ShelfStorageService(RecordStorageService):
    """Appends every request to one file; for one process at a time."""

    name: ClassVar[str] = "shelf"
    options: ClassVar[tuple[Option, ...]] = (
        Option("shelf_file", "shelf.pickle", (str, Path), "The file."),
    )

    def __init__(self, shelf_file: str | Path = "shelf.pickle") -> None:
        self.path = Path(shelf_file)
        self._replay()

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what was read: a copy in another process reads the file."""
        return {key: value for key, value in self.__dict__.items() if key != "_memory"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._replay()

    def _replay(self) -> None:
        memory = get_manager().storage_service("memory")()
        assert isinstance(memory, RecordStorageService)
        self._memory = memory
        if self.path.exists():
            with self.path.open("rb") as file:
                while file.peek(1):
                    memory.apply(pickle.load(file))

    def apply(self, request: StoreRequest) -> None:
        """Apply a request in memory, where errors show, then append it to the file."""
        pickled = pickle.dumps(request)  # what cannot be pickled changes neither
        self._memory.apply(request)
        with self.path.open("ab") as file:
            file.write(pickled)

    def trajectory_names(self) -> list[str]:
        """Return the names of all trajectories in the file."""
        return self._memory.trajectory_names()

    def read_meta(self, trajectory: str, *, with_runs: bool) -> MetaRecord:
        """Return the data about a trajectory."""
        return self._memory.read_meta(trajectory, with_runs=with_runs)

    def read_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Callable[[str], bool],
        item_filter: Callable[[str], bool] | None = None,
    ) -> Iterator[NodeRecord]:
        """Yield records of nodes."""
        return self._memory.read_nodes(
            trajectory,
            path,
            recursive=recursive,
            max_depth=max_depth,
            wants=wants,
            item_filter=item_filter,
        )


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Give the shelf."""
    return [ShelfStorageService]
