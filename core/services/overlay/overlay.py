"""Stored trajectories together with requests that wait to be applied to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from pypet.records import (
    DeleteItems,
    DeleteLink,
    DeleteNode,
    NodeRecord,
    Operation,
    PutMeta,
    StoreRequest,
)
from pypet.services.backend import RecordBackend
from pypet.services.overlay.merging import Skip, Wants
from pypet.services.overlay.pending import PendingOperations
from pypet.services.overlay.view import OverlayView


class Overlay:
    """Stored trajectories with what waits to be applied to them.

    Requests count as replayed: an operation that cannot be carried out has no effect, see
    `check` on request. Arrays of the requests must not change any more. A read sees
    those that were added when it was asked for. No request may put something below a link.

    What a backend does to records on its way to the storage beyond their operations, like leaving
    out comments that it keeps elsewhere already, is not seen.
    """

    __slots__ = ("_backend", "_pending")

    def __init__(self, backend: RecordBackend, requests: Iterable[StoreRequest] = ()) -> None:
        self._backend = backend
        self._pending: dict[str, PendingOperations] = {}
        for request in requests:
            self.add(request)

    def add(self, request: StoreRequest) -> None:
        """Take one more request that waits, after all others."""
        pending = self._pending.setdefault(request.trajectory, PendingOperations())
        for operation in request.operations:
            pending.add(operation)

    def clear(self) -> None:
        """Forget all requests: they were applied, or never will be."""
        self._pending.clear()

    def check(self, request: StoreRequest) -> None:
        """Make sure that a request which is to be added can delete what it says.

        Raises
        ------
        DataNotInStorageError
            Something to delete is not there.
        TypeError
            A node to delete has children, and that is not asked for.
        ValueError
            The trajectory is not there.
        """
        if request.replayed:
            return
        pending = self._pending.get(request.trajectory, PendingOperations())
        for position, operation in enumerate(request.operations):
            if isinstance(operation, DeleteNode | DeleteItems | DeleteLink):
                path = operation.path
                before = [
                    each for each in request.operations[:position] if _may_concern(each, path)
                ]
                known = pending.followed_by(before) if before else pending
                view = OverlayView(self._backend, request.trajectory, known, path)
                view.carry_out(needs_names=True)
                view.tree.apply(operation)

    def read_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Wants,
        item_filter: Callable[[str], bool] | None = None,
    ) -> Iterator[NodeRecord]:
        """Yield records; see `RecordBackend.read_nodes`, also for the errors."""
        pending = self._pending.get(trajectory)
        if pending is None or not pending.concerns(path):
            return self._backend.read_nodes(
                trajectory,
                path,
                recursive=recursive,
                max_depth=max_depth,
                wants=wants,
                item_filter=item_filter,
            )
        view = OverlayView(self._backend, trajectory, pending, path)
        return view.read(wants, item_filter, None, recursive=recursive, max_depth=max_depth)

    def read_intact_nodes(
        self,
        trajectory: str,
        path: str,
        *,
        recursive: bool,
        max_depth: int | None,
        wants: Wants,
        skip: Skip,
    ) -> Iterator[NodeRecord]:
        """Yield records of all nodes but damaged ones; see `RecordBackend.read_intact_nodes`."""
        pending = self._pending.get(trajectory)
        if pending is None or not pending.concerns(path):
            return self._backend.read_intact_nodes(
                trajectory,
                path,
                recursive=recursive,
                max_depth=max_depth,
                wants=wants,
                skip=skip,
            )
        view = OverlayView(self._backend, trajectory, pending, path)
        return view.read(wants, None, skip, recursive=recursive, max_depth=max_depth)


def _may_concern(operation: Operation, path: str) -> bool:
    """Return whether an operation is about a node at, above or below ``path``."""
    if isinstance(operation, PutMeta):
        return False
    return f"{operation.path}.".startswith(f"{path}.") or path.startswith(f"{operation.path}.")
