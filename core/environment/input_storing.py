"""Stores the input of runs before the first of them: parameters and config."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from pypet import pypetconstants as constants
from pypet.environment.shared_storage import kept_open
from pypet.runs import run_table_of
from pypet.services.backend import RecordBackend
from pypet.services.early import EarlyNodes
from pypet.trajectory.continuation.extension import store_longer_ranges
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

BRANCHES = ("config", "parameters", "derived_parameters")
"""Branches with the input of runs. All others are stored at the end of the experiment."""


class InputStoring:
    """Stores parameters, explored ranges and config of one experiment early.

    They may still change until the experiment ends, for instance by post-processing, so the storage
    service records which ones were stored early, see `pypet.services.early`. Users' own services
    only get the run table, and everything else at the end.
    """

    def __init__(self, trajectory: Trajectory) -> None:
        self._trajectory: Any = trajectory
        self._service: RecordBackend | None = None
        self._early: EarlyNodes | None = None

    def store(self) -> None:
        """Store the nodes of the branches that were never stored."""
        service = self._trajectory.v_storage_service
        if isinstance(service, RecordBackend) and not self._is_own(service):
            self.end()
            self._service = service
            self._early = service.early = EarlyNodes()
        # A wrap mode may have replaced the service by one that forwards to it.
        if self._is_own(service) or (self._service and service.multiproc_safe):
            with kept_open(self._trajectory):
                for branch in map(tree_of(self._trajectory).groups.get, BRANCHES):
                    if branch is not None:
                        self._store_branch(service, branch)
            self._note_ranges()

    def _is_own(self, service: Any) -> bool:
        """Return whether a service is the one that stored early, or wraps it."""
        return (
            self._early is not None
            and isinstance(service, RecordBackend)
            and service.early is self._early
        )

    def store_after_expansion(self, *, automatic_storing: bool) -> None:
        """Store the run table, and, with automatic storing, the longer ranges."""
        trajectory = self._trajectory
        is_wrapped = trajectory.v_storage_service is not self._service
        with kept_open(trajectory):
            with self._without_completed() if is_wrapped else nullcontext():
                trajectory.f_store(only_init=True)
            if automatic_storing:
                self.store()

    def store_added_points(self, names: Sequence[str], old_length: int) -> None:
        """Store the run table and longer ranges in one message, while runs may be executed.

        ``names`` are full names of leaves that were stored before, and are overwritten.
        """
        trajectory = self._trajectory
        service = trajectory.v_storage_service
        is_wrapped = self._service is not None and service is not self._service
        with kept_open(trajectory), self._without_completed() if is_wrapped else nullcontext():
            if isinstance(service, RecordBackend) or (self._service and service.multiproc_safe):
                store_longer_ranges(trajectory, names, old_length)
                if not is_wrapped and isinstance(service, RecordBackend) and service.is_open:
                    service.try_flush(durable=False)  # where the run loop keeps it open
            else:
                trajectory.f_store(only_init=True)

    def end(self) -> None:
        """Mark all nodes as finally stored."""
        service, self._service = self._service, None
        self._early = None
        if service is not None:
            service.early = None

    @contextmanager
    def _without_completed(self) -> Iterator[None]:
        """Store no completed runs in the block: another process may not have stored their data."""
        runs = run_table_of(self._trajectory)
        rows = runs.changed_rows()
        completed = rows[runs.columns.completed[rows] == 1]
        runs.mark_changed(completed, False)
        try:
            yield
        finally:
            runs.mark_changed(completed)

    def _note_ranges(self) -> None:
        """Treat stored ranges as stored early, because they may become longer."""
        own = self._service
        if own is None or own.early is None:
            return
        nodes = own.early.nodes
        for parameter in self._trajectory.f_get_explored_parameters(copy=False).values():
            if parameter is not None and parameter.v_stored and id(parameter) not in nodes:
                own.early.note([parameter])

    def _store_branch(self, service: Any, branch: Any) -> None:
        new = [node for node in _nodes(branch) if not node.v_stored]
        if not new:
            return
        service.store(
            constants.GROUP,
            branch,
            trajectory_name=self._trajectory.v_name,
            store_data=constants.STORE_DATA_SKIPPING,
            with_links=False,  # their targets may be results
            recursive=True,
        )
        if self._early is not None and self._is_own(service):
            self._early.note(new)


def _nodes(branch: Any) -> Iterator[Any]:
    yield branch
    yield from branch.f_iter_nodes(recursive=True, with_links=False)
