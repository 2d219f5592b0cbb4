"""A storage service that forwards everything to another one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

from pypet.interfaces import StorageService
from pypet.records import Finding, Item, MetaRecord, NodeRecord, StoreRequest
from pypet.services.backend import RecordBackend
from pypet.services.early import EarlyNodes
from pypet.services.record_service import RecordStorageService
from pypet.services.transfer import NodeCopy


class ForwardingService(RecordStorageService):
    """Forwards everything to another service; subclasses override parts of it."""

    def __init__(self, service: RecordStorageService) -> None:
        self._inner = service

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self._inner, name)

    # ----- what it is ----------------------------------------------------------------------

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """How text is encoded in items."""
        return self._inner.encoding

    @property
    def unpickle(self) -> str:  # type: ignore[override]
        """Which pickles in the storage are loaded."""
        return self._inner.unpickle

    @property
    def early(self) -> EarlyNodes | None:
        """Nodes that the current experiment has stored before its first run."""
        return self._inner.early

    @early.setter
    def early(self, nodes: EarlyNodes | None) -> None:
        self._inner.early = nodes

    @property
    def is_kept_open(self) -> bool:  # type: ignore[override]
        """Whether the storage is open because of `kept_open`."""
        return self._inner.is_kept_open

    @property
    def filename(self) -> str | os.PathLike[str] | None:  # type: ignore[override]
        """The file or folder that holds the data."""
        return self._inner.filename

    @property
    def config_group(self) -> str | None:  # type: ignore[override]
        """Name of the group below ``config`` that holds the settings."""
        return self._inner.config_group

    @property
    def multiproc_safe(self) -> bool:  # type: ignore[override]
        """Whether several processes may use it at once without a wrap mode."""
        return self._inner.multiproc_safe

    @property
    def multihost_safe(self) -> bool:  # type: ignore[override]
        """Whether processes of several hosts may use it at once without a wrap mode."""
        return self._inner.multihost_safe

    @property
    def keeps_data(self) -> bool:  # type: ignore[override]
        """Whether what was stored can be loaded again."""
        return self._inner.keeps_data

    @property
    def main_process_only(self) -> bool:  # type: ignore[override]
        """Whether the data lives in the memory of the main process."""
        return self._inner.main_process_only

    @property
    def supports_loading(self) -> bool:  # type: ignore[override]
        """Whether ``load`` works."""
        return self._inner.supports_loading

    # ----- records -------------------------------------------------------------------------

    def apply(self, request: StoreRequest) -> None:
        """Carry out the operations of a request."""
        self._inner.apply(request)

    def trajectory_names(self) -> list[str]:
        """Return the names of all stored trajectories."""
        return self._inner.trajectory_names()

    def read_meta(self, trajectory: str, *, with_runs: bool) -> MetaRecord:
        """Return the data about a trajectory itself."""
        return self._inner.read_meta(trajectory, with_runs=with_runs)

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
        """Yield the records of a node and, if ``recursive``, of its descendants."""
        return self._inner.read_nodes(
            trajectory,
            path,
            recursive=recursive,
            max_depth=max_depth,
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
        """Yield the same records without unreadable ones."""
        return self._inner.read_intact_nodes(
            trajectory, path, recursive=recursive, max_depth=max_depth, wants=wants, skip=skip
        )

    def verify(self, trajectory: str) -> Iterator[Finding]:
        """Yield the problems of a stored trajectory; see `RecordBackend.verify`."""
        return self._inner.verify(trajectory)

    def delete_trajectory(self, trajectory: str) -> None:
        """Delete everything about a trajectory."""
        self._inner.delete_trajectory(trajectory)

    def access_data(
        self,
        trajectory: str,
        path: str,
        item_name: str,
        request: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Any:
        """Create, read or change shared data."""
        return self._inner.access_data(trajectory, path, item_name, request, args, kwargs)

    # ----- preparing -----------------------------------------------------------------------

    def relocate(self, *, filename: str | None = None, file_title: str | None = None) -> None:
        """Follow the location keywords that may come with any message."""
        self._inner.relocate(filename=filename, file_title=file_title)

    def adopt_settings(self, settings: Mapping[str, Any]) -> None:
        """Take over settings of a trajectory."""
        self._inner.adopt_settings(settings)

    def settings(self) -> Mapping[str, tuple[Any, str]]:
        """Return the current settings with comments."""
        return self._inner.settings()

    def for_preparing(self) -> Any:
        """Return a service that prepares requests like this one."""
        return self._inner.for_preparing()

    def packed(self, request: StoreRequest) -> StoreRequest:
        """Return a request prepared so that applying it is as fast as possible."""
        return self._inner.packed(request)

    def unpacked(self, item: Item) -> Item:
        """Return an item of a request that `packed` returned as it was before."""
        return self._inner.unpacked(item)

    def grown(self, stored: Item, added: Item, options: Mapping[str, Any]) -> Item:
        """Return the state of a stored item after another one of its name was put."""
        return self._inner.grown(stored, added, options)

    def wants_summary(self, path: str, comment: str) -> bool:
        """Return whether the summary of a leaf will be read."""
        return self._inner.wants_summary(path, comment)

    # ----- opening and closing -------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the storage is kept open between messages."""
        return self._inner.is_open

    def open(self) -> None:
        """Open the storage and keep it open until `close`."""
        self._inner.open()

    def close(self) -> None:
        """Write everything and close the storage."""
        self._inner.close()

    def close_on_exit(self) -> None:
        """Write everything and release the storage, in a process that is about to end."""
        self._inner.close_on_exit()

    def flush(self) -> None:
        """Make everything that was applied durable."""
        self._inner.flush()

    def try_flush(self, *, durable: bool) -> bool:
        """Make everything applied visible to others, unless they are reading."""
        return self._inner.try_flush(durable=durable)

    def check_file_message(self, msg: str, trajectory: str | None) -> None:
        """Raise ValueError if a message to open, flush or close is not possible now."""
        self._inner.check_file_message(msg, trajectory)

    def exclusive(self, *others: RecordBackend) -> AbstractContextManager[Any]:
        """Lock the storage for this thread."""
        return self._inner.exclusive(*others)

    @contextmanager
    def kept_open(self, trajectory_name: str) -> Iterator[Self]:
        """Keep the storage open within a ``with`` block, unless it is open already."""
        with self._inner.kept_open(trajectory_name):
            yield self

    def reading(self) -> AbstractContextManager[Any]:
        """Keep the storage open for reading within a ``with`` block."""
        return self._inner.reading()

    # ----- other places --------------------------------------------------------------------

    def beside(self, filename: str | None) -> Any:
        """Return the service of the same kind for another file."""
        return self if filename is None else self._inner.beside(filename)

    def backup_service(self, trajectory: str, filename: str | None) -> Any:
        """Return the service for a backup."""
        return self._inner.backup_service(trajectory, filename)

    def node_copy(self, trajectory: str) -> NodeCopy:
        """Return what copies nodes into a stored trajectory."""
        return self._inner.node_copy(trajectory)

    def copy_to(self, target: RecordBackend, trajectory: str) -> None:
        """Copy a whole trajectory into another service."""
        self._inner.copy_to(target, trajectory)

    # ----- experiments ---------------------------------------------------------------------

    def watched(self, trajectory_name: str) -> AbstractContextManager[Any]:
        """Require the storage to stay the same within the block."""
        return self._inner.watched(trajectory_name)

    def check_in_place(self, trajectory_name: str) -> bool:
        """Make sure that what was stored is still there."""
        return self._inner.check_in_place(trajectory_name)

    def generation(self, trajectory_name: str) -> str | None:
        """Return what distinguishes a stored trajectory from others of its name."""
        return self._inner.generation(trajectory_name)

    def abandon_run(self, run: int, started: float) -> None:
        """Drop data that an attempt at a run has stored."""
        self._inner.abandon_run(run, started)

    def finalize(self) -> None:
        """Finish whatever belongs to the experiment."""
        self._inner.finalize()

    def rescue_services(self, trajectory_name: str) -> Iterable[StorageService]:
        """Return services that may store the data if this one cannot."""
        return self._inner.rescue_services(trajectory_name)
