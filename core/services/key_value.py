"""A storage service for media that store values under the full names of nodes."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from pypet.records import MetaRecord, NodeRecord, PutMeta, RunRows, StoreRequest
from pypet.services.node_store import NodeStore
from pypet.services.record_service import RecordStorageService


class TrajectoryStore(NodeStore):
    """One stored trajectory: its nodes (`NodeStore`), the data about itself, and its runs."""

    __slots__ = ()

    @abstractmethod
    def get_meta(self) -> MetaRecord:
        """Return the record that was last passed to `put_meta`."""

    @abstractmethod
    def put_meta(self, meta: MetaRecord) -> None:
        """Store ``info``, ``explorations`` and ``settings`` of a record; the rest is empty."""

    @abstractmethod
    def get_runs(self) -> RunRows:
        """Return all rows of the run table."""

    @abstractmethod
    def put_runs(self, rows: RunRows) -> None:
        """Replace these rows of the run table, with their errors, and keep all others.

        `pypet.services.run_records` returns them one by one; `pypet.records.merged_rows` merges
        them with stored rows, for media that store the table as a whole.
        """


class KeyValueStorageService(RecordStorageService):
    """Carries out requests on a medium that gets, puts, lists and deletes values.

    A backend implements `trajectory_names`, `find_trajectory`, `create_trajectory`,
    `remove_trajectory` and a `TrajectoryStore`. If the medium has transactions, it overrides
    `transaction`: each request is applied in one. Reads happen within `reading`.
    `pypet.services.item_to_bytes` and others encode values for media that store bytes.
    """

    _before_commit: Callable[[], None] | None = None
    _commit_process = 0

    @abstractmethod
    def find_trajectory(self, name: str) -> TrajectoryStore | None:
        """Return a stored trajectory; None if there is none of this name, or no storage yet."""

    @abstractmethod
    def create_trajectory(self, name: str) -> TrajectoryStore:
        """Create an empty trajectory, and the storage if there is none yet."""

    @abstractmethod
    def remove_trajectory(self, name: str) -> None:
        """Remove everything about a trajectory, which exists."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Enter a block whose changes are committed at its end, or rolled back if it raises.

        By default changes take effect immediately.
        """
        return nullcontext()

    @property
    def before_commit(self) -> Callable[[], None] | None:
        """The callback of this process before each commit; see `RecordBackend`."""
        return self._before_commit if self._commit_process == os.getpid() else None

    @before_commit.setter
    def before_commit(self, call: Callable[[], None] | None) -> None:
        self._before_commit, self._commit_process = call, os.getpid()

    def announce_commit(self) -> None:
        """Call `before_commit`; to be called by `transaction` right before its commit."""
        call = self.before_commit
        if call is not None:
            call()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_before_commit": None}

    def apply(self, request: StoreRequest) -> None:
        """Carry out the operations of a request; see `RecordBackend.apply`."""
        with self.transaction():
            stored = self.find_trajectory(request.trajectory)
            for operation in request.operations:
                if isinstance(operation, PutMeta):
                    stored = self._put_meta(request.trajectory, stored, operation)
                elif stored is None:
                    raise self._no_trajectory(request.trajectory)
                else:
                    stored.apply_operations((operation,), replayed=request.replayed)

    def _put_meta(
        self, trajectory: str, stored: TrajectoryStore | None, meta: PutMeta
    ) -> TrajectoryStore:
        if stored is None:
            stored = self.create_trajectory(trajectory)
        elif meta.is_new and stored.get_meta().info.timestamp != meta.info.timestamp:
            raise RuntimeError(
                f"There is already a trajectory {trajectory!r} in {self!r}. Give the new one "
                "another name, for example with `add_time=True`. With `on_existing='extend'` an "
                "environment continues the existing one."
            )
        stored.apply(meta)
        stored.put_meta(MetaRecord(meta.info, {}, meta.explorations, dict(meta.settings), None))
        stored.put_runs(meta.runs)
        return stored

    def delete_trajectory(self, trajectory: str) -> None:
        """Delete everything about a trajectory; ValueError if it is not there."""
        with self.transaction():
            self._stored(trajectory)
            self.remove_trajectory(trajectory)

    def read_meta(self, trajectory: str, *, with_runs: bool) -> MetaRecord:
        """Return the data about a trajectory; see `RecordBackend.read_meta`."""
        with self.reading():
            stored = self._stored(trajectory)
            meta, root = stored.get_meta(), stored.find("")
            return meta._replace(
                info=meta.info._replace(comment=root.comment),
                annotations=root.annotations,
                runs=stored.get_runs() if with_runs else None,
            )

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
        """Yield records; see `RecordBackend.read_nodes`."""
        with self.reading():
            stored = self._stored(trajectory)
            yield from stored.read(
                stored.find(path, trajectory),
                max_depth=max_depth if recursive else 0,
                wants=wants,
                item_filter=item_filter,
            )

    def read_intact_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Callable[[str], bool],
        skip: Callable[[str, Exception], None],
    ) -> Iterator[NodeRecord]:
        """Yield records that can be read; see `RecordBackend.read_intact_nodes`."""
        with self.reading():
            stored = self._stored(trajectory)
            yield from stored.read(
                stored.find(path, trajectory),
                max_depth=max_depth if recursive else 0,
                wants=wants,
                item_filter=None,
                skip=skip,
            )

    def _stored(self, trajectory: str) -> TrajectoryStore:
        stored = self.find_trajectory(trajectory)
        if stored is None:
            raise self._no_trajectory(trajectory)
        return stored

    def _no_trajectory(self, trajectory: str) -> ValueError:
        try:
            names = ", ".join(self.trajectory_names())
        except ValueError:  # there is no storage yet
            names = ""
        return ValueError(
            f"There is no trajectory {trajectory!r} in {self!r}; there are: {names or 'none'}. "
            "Store it first, at least with `f_store(only_init=True)`."
        )
