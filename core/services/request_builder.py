"""From live nodes to the operations of one store request."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from pypet import pypetconstants as constants
from pypet.leaves.codec import encode_leaf, stored_class_name
from pypet.records import (
    NO_RUN,
    CommitRun,
    Exploration,
    Operation,
    PutLink,
    PutNode,
    StoreRequest,
)
from pypet.runs.table import RunTable
from pypet.services.backend import RecordBackend
from pypet.tree.node import existing_annotations, parent_of, set_stored
from pypet.tree.typed_groups import identify_call, root_of, run_in_progress

_RANGE_ENTRIES_SHOWN = constants.HDF5_STRCOL_MAX_RANGE_LENGTH // 3 + 10
_PLAIN_GROUPS = frozenset(
    ("NNGroupNode", "ConfigGroup", "ParameterGroup", "DerivedParameterGroup", "ResultGroup")
)
"""Group classes that follow from the place in the tree and are not recorded."""
_NO_ANNOTATIONS: Mapping[str, Any] = {}


class Origin(NamedTuple):
    """Who sends a message: one attempt at a run, or `OUTSIDE`; see `pypet.records.StoreRequest`."""

    run: int = NO_RUN
    started: float = 0.0


OUTSIDE = Origin()


def origin_of(stuff: Any) -> Origin:
    """Return the run that a node, a trajectory or a list of entries is stored by."""
    if isinstance(stuff, list):
        if not stuff:
            return OUTSIDE
        stuff = stuff[0][1]
    attempt = run_in_progress(root_of(stuff))
    return OUTSIDE if attempt is None else Origin(*attempt)


class RequestBuilder:
    """Collects what one message stores: operations, and the nodes that will then be stored."""

    __slots__ = ("_nodes", "_operations", "commit", "origin", "run_table", "service", "trajectory")

    def __init__(self, service: RecordBackend, trajectory: str, origin: Origin = OUTSIDE) -> None:
        self.service = service
        self.trajectory = trajectory
        self.origin = origin
        self.commit: CommitRun | None = None
        self.run_table: RunTable | None = None
        """The table whose changed rows are part of the request."""
        self._operations: list[Operation] = []
        self._nodes: list[Any] = []

    @property
    def request(self) -> StoreRequest:
        """The request to apply; without operations there is nothing to do."""
        run, started = self.origin
        operations = tuple(self._operations)
        return StoreRequest(self.trajectory, operations, False, run, started, self.commit)

    def confirm(self) -> None:
        """Mark what was collected as stored; to be called once the request was accepted."""
        for node in self._nodes:
            set_stored(node, True)
        if self.run_table is not None:
            self.run_table.mark_stored()
        early = self.service.early
        if early is not None and early.nodes:
            early.forget(self._nodes)

    def add(self, operation: Operation, node: Any = None) -> None:
        """Append an operation; ``node`` counts as stored when the request is confirmed."""
        self._operations.append(operation)
        if node is not None:
            self._nodes.append(node)

    # ----- single nodes --------------------------------------------------------------------

    def put_leaf(
        self,
        leaf: Any,
        level: int = constants.STORE_DATA,
        *,
        flags: Mapping[str, str] | None = None,
        overwrite: bool | frozenset[str] = False,
        options: Mapping[str, Any] = _NO_ANNOTATIONS,
    ) -> None:
        """Add one leaf with its data, as far as the level asks for it."""
        if level == constants.STORE_NOTHING:
            return
        early = self.service.early
        if early is not None and id(leaf) in early.nodes:
            asks_for_nothing_new = level != constants.OVERWRITE_DATA and not (
                overwrite or flags or options
            )
            if asks_for_nothing_new and early.is_unchanged(leaf):
                return
            level = constants.OVERWRITE_DATA
        if level == constants.STORE_DATA_SKIPPING and leaf.v_stored:
            return
        if level == constants.OVERWRITE_DATA:
            overwrite = True
        path = leaf.v_full_name
        comment = leaf.v_comment
        service = self.service
        self.add(
            PutNode(
                path,
                True,
                stored_class_name(leaf),
                comment,
                annotations_of(leaf),
                () if leaf.f_is_empty() else encode_leaf(leaf, service.encoding, flags),
                overwrite,
                leaf.f_val_to_str() if service.wants_summary(path, comment) else None,
                _exploration_of(leaf),
                options,
                identity_of_call(leaf) if options else 0,
            ),
            leaf,
        )

    def put_group(self, group: Any, level: int = constants.STORE_DATA) -> None:
        """Add one group without its children."""
        if level == constants.STORE_NOTHING:
            return
        early = self.service.early
        if early is not None and id(group) in early.nodes:
            if level != constants.OVERWRITE_DATA and early.is_unchanged(group):
                return
            level = constants.OVERWRITE_DATA
        if level == constants.STORE_DATA_SKIPPING and group.v_stored:
            return
        class_name = group.f_get_class_name()
        self.add(
            PutNode(
                group.v_full_name,
                False,
                None if class_name in _PLAIN_GROUPS else class_name,
                group.v_comment,
                annotations_of(group),
                (),
                level == constants.OVERWRITE_DATA,
            ),
            group,
        )

    def put_link(self, group: Any, name: str, target: Any) -> None:
        """Add a link of ``group``, and before it its target if that was never stored."""
        if not target.v_stored:
            self.put_path(target, constants.STORE_DATA_SKIPPING)
        location = group.v_full_name
        self.add(PutLink(f"{location}.{name}" if location else name, target.v_full_name))

    def put_path(self, node: Any, level: int) -> None:
        """Add a node alone, after those of its parents that were never stored."""
        missing: list[Any] = []
        parent = parent_of(node)
        while parent is not None and not parent.v_is_root and not parent.v_stored:
            missing.append(parent)
            parent = parent_of(parent)
        for group in reversed(missing):
            self.put_group(group, level)
        self.put_node(node, level)

    def put_node(self, node: Any, level: int) -> None:
        """Add a leaf or a group without its children."""
        if node.v_is_leaf:
            self.put_leaf(node, level)
        else:
            self.put_group(node, level)

    # ----- trees ---------------------------------------------------------------------------

    def put_below(
        self, group: Any, level: int, *, with_links: bool, depth_left: int | None
    ) -> None:
        """Add everything below ``group``, at most ``depth_left`` levels."""
        pending: list[tuple[Any, int | None]] = [(group, depth_left)]
        while pending:
            parent, left = pending.pop()
            if left is not None and left <= 0:
                continue
            below = None if left is None else left - 1
            links = parent.f_get_links(copy=False)
            subgroups = []
            for name, child in parent.f_get_children(copy=False).items():
                if name in links:
                    if with_links:
                        self.put_link(parent, name, child)
                elif child.v_is_leaf:
                    self.put_leaf(child, level)
                else:
                    self.put_group(child, level)
                    subgroups.append((child, below))
            pending.extend(reversed(subgroups))


def annotations_of(node: Any) -> Mapping[str, Any]:
    """Return the annotations of a node without making any for a node that has none."""
    annotations = existing_annotations(node)
    return _NO_ANNOTATIONS if annotations is None else annotations.f_to_dict()


def _exploration_of(leaf: Any) -> Exploration | None:
    if not (leaf.v_is_parameter and leaf.v_explored and leaf.f_has_range()):
        return None
    values = leaf.f_get_range(copy=False)
    return Exploration(len(values), ", ".join(map(repr, values[:_RANGE_ENTRIES_SHOWN])))


# ----- calls that may be applied again --------------------------------------------------------


_BYTES = 8


def identity_of_call(leaf: Any) -> int:
    """Return a number for one storing call about ``leaf``, from 1 to 2**64 - 1.

    In a run of an environment it follows from the run, so that a run that is executed again
    after it failed makes the same calls as before. Anywhere else it is drawn.
    """
    identity = identify_call(root_of(leaf), leaf.v_full_name)
    if identity is None:
        return secrets.randbits(8 * _BYTES) or 1
    text = repr(identity)
    digest = hashlib.blake2b(text.encode("utf8", "replace"), digest_size=_BYTES).digest()
    return int.from_bytes(digest, "little") or 1
