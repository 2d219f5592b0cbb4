"""Copying stored nodes from one trajectory to another, record by record."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pypet.errors import DataNotInStorageError
from pypet.records import (
    LEAF,
    LINK,
    DeleteLink,
    DeleteNode,
    NodeRecord,
    Operation,
    PutLink,
    PutMeta,
    PutNode,
    StoreRequest,
)

if TYPE_CHECKING:
    from pypet.services.backend import RecordBackend

logger = logging.getLogger(__name__)

BATCH = 500
"""Nodes that are read and written at a time."""


def _everything(path: str) -> bool:
    return True


def _nothing(path: str) -> bool:
    return False


def has_node(service: RecordBackend, trajectory: str, path: str) -> bool:
    """Return whether a node is stored."""
    try:
        next(
            iter(
                service.read_nodes(
                    trajectory, path, recursive=False, max_depth=None, wants=_nothing
                )
            )
        )
    except DataNotInStorageError:
        return False
    return True


class NodeCopy:
    """Copies nodes into a stored trajectory and takes the copies back after a failure."""

    def __init__(self, service: RecordBackend, trajectory: str) -> None:
        self.service = service
        self.trajectory = trajectory
        self._exists: dict[str, bool] = {"": True}
        self.created: list[str] = []
        """Topmost nodes that were not there before."""
        self.created_links: list[str] = []
        """Links in groups that were there before."""
        self.copied_leaves: list[str] = []
        """Full names, in the source, of the leaves that were copied."""

    def copy(self, source: RecordBackend, trajectory: str, names: Mapping[str, str]) -> None:
        """Copy each node alone from its old to its new full name.

        A node whose name is taken under the same name on both sides is left out with a warning.
        """
        pending: dict[str, str] = {}
        for old, new in names.items():
            if old == new and self._is_there(new):
                logger.warning(
                    "`%s` exists in trajectory `%s` already; that of `%s` is not merged.",
                    new,
                    self.trajectory,
                    trajectory,
                )
                continue
            self._note(new)
            pending[old] = new
            if len(pending) >= BATCH:
                self.write(source, trajectory, pending)
                pending = {}
        if pending:
            self.write(source, trajectory, pending)

    def write(self, source: RecordBackend, trajectory: str, names: Mapping[str, str]) -> None:
        """Read nodes and store them under their new names."""
        operations: list[Operation] = []
        for old, new in names.items():
            (record,) = source.read_nodes(
                trajectory, old, recursive=False, max_depth=None, wants=_everything
            )
            operations.append(as_operation(record, new))
            if record.kind == LEAF:
                self.copied_leaves.append(old)
        self.service.apply(StoreRequest(self.trajectory, tuple(operations)))

    def link(self, links: Mapping[str, str]) -> None:
        """Store links, by full name of link and target."""
        operations = []
        for path, target in links.items():
            if self._is_there(path):
                logger.warning(
                    "`%s` exists in trajectory `%s` already; the link of this name to `%s` is not "
                    "merged.",
                    path,
                    self.trajectory,
                    target,
                )
                continue
            self._note(path)
            if self.created and self.created[-1] == path:
                self.created_links.append(self.created.pop())
            operations.append(PutLink(path, target))
        if operations:
            self.service.apply(StoreRequest(self.trajectory, tuple(operations)))

    def undo(self) -> None:
        """Delete what was copied."""
        for path in reversed(self.created_links):
            if has_node(self.service, self.trajectory, path):
                self.service.apply(StoreRequest(self.trajectory, (DeleteLink(path),)))
        for path in reversed(self.created):
            if has_node(self.service, self.trajectory, path):
                delete(self.service, self.trajectory, [path])

    def _is_there(self, path: str) -> bool:
        known = self._exists.get(path)
        if known is None:
            known = self._exists[path] = has_node(self.service, self.trajectory, path)
        return known

    def _note(self, path: str) -> None:
        """Remember the topmost parent of ``path`` that does not exist yet."""
        parent = path.rpartition(".")[0]
        if not self._is_there(parent):
            self._note(parent)
        elif not self._is_there(path):
            self.created.append(path)
        self._exists[path] = True


def as_operation(record: NodeRecord, path: str) -> PutNode | PutLink:
    """Return the operation that stores a record under another full name."""
    if record.kind == LINK:
        return PutLink(path, record.target or "")
    return PutNode(
        path,
        record.kind == LEAF,
        record.class_name,
        record.comment,
        record.annotations,
        record.items or (),
    )


def delete(service: RecordBackend, trajectory: str, paths: Iterable[str]) -> None:
    """Delete nodes with everything below them."""
    operations = tuple(DeleteNode(path, recursive=True) for path in paths)
    service.apply(StoreRequest(trajectory, operations))


def copy_trajectory(source: RecordBackend, target: RecordBackend, trajectory: str) -> None:
    """Store a whole trajectory in another service, where its name must be free.

    Raises
    ------
    ValueError
        There is a trajectory of this name.
    """
    try:
        taken = trajectory in target.trajectory_names()
    except ValueError:
        taken = False  # there is no storage at all yet
    if taken:
        raise ValueError(
            f"There is a trajectory `{trajectory}` in {target!r} already; nothing was copied."
        )
    meta = source.read_meta(trajectory, with_runs=True)
    assert meta.runs is not None
    target.adopt_settings(meta.settings)
    put = PutMeta(
        meta.info, meta.annotations, meta.runs, meta.explorations, meta.settings, is_new=True
    )
    target.apply(StoreRequest(trajectory, (put,)))
    operations: list[Operation] = []
    for record in source.read_nodes(
        trajectory, "", recursive=True, max_depth=None, wants=_everything
    ):
        if record.path:
            operations.append(as_operation(record, record.path))
        if len(operations) >= BATCH:
            target.apply(StoreRequest(trajectory, tuple(operations)))
            operations.clear()
    if operations:
        target.apply(StoreRequest(trajectory, tuple(operations)))
