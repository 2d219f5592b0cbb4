"""From stored records to live nodes of one trajectory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import DataNotInStorageError, ParameterLockedException, StorageFormatError
from pypet.leaves.base_parameter import BaseParameter, set_left_in_storage
from pypet.leaves.class_lookup import create_class
from pypet.leaves.codec import decode_leaf
from pypet.records import LEAF, LINK, NodeRecord
from pypet.services.backend import RecordBackend
from pypet.tree.node import existing_annotations, set_stored
from pypet.tree.tree import tree_of
from pypet.tree.typed_groups import dynamic_imports_of, load_errors_of

logger = logging.getLogger(__name__)


def nothing(path: str) -> bool:
    """Want the data of no leaf."""
    return False


class NodeLoader:
    """Places the records that one message asks for into the tree of a trajectory."""

    __slots__ = (
        "_policy",
        "_root",
        "_skipped",
        "_tree",
        "as_new",
        "flags",
        "service",
        "trajectory",
    )

    def __init__(
        self,
        service: RecordBackend,
        trajectory: str,
        policy: UnpicklingPolicy,
        skipped: SkippedNodes | None = None,
    ) -> None:
        """Load from ``service``; nodes that fail go to ``skipped``, None: they are errors."""
        self.service = service
        self.trajectory = trajectory
        self._policy = policy
        self._skipped = skipped
        self.as_new = False
        self.flags: Mapping[str, str] | None = None
        """Flags by item name for the next leaves, over those that they were stored with."""
        self._root: Any = None
        self._tree: Any = None

    def set_root(self, root: Any) -> None:
        """Set the trajectory object that the records are loaded into."""
        self._root = root
        self._tree = tree_of(root)
        self._policy.allow(dynamic_imports_of(root))

    def report_skipped(self) -> None:
        """Warn of the nodes that were left out, once for the whole message."""
        if self._skipped is not None and self._root is not None:
            self._skipped.report(self._root)

    # ----- reading records -----------------------------------------------------------------

    def load_nodes(
        self,
        path: str,
        level: int,
        *,
        recursive: bool,
        max_depth: int | None = None,
        with_links: bool = True,
    ) -> None:
        """Load the node at ``path`` and, if ``recursive``, what is below it."""
        links: list[NodeRecord] = []
        failed_before = load_errors_of(self._root)
        for record in self.read_records(path, level, recursive=recursive, max_depth=max_depth):
            if record.kind == LINK:
                links.append(record)
            elif record.path:
                try:
                    self._place(record, level)
                except Exception as error:
                    if self._skipped is not None:
                        self._skip(record, error, self._skipped)
                        continue
                    error.add_note(
                        f"This happened while loading {record.path!r} of trajectory "
                        f"{self.trajectory!r} from {self.service!r}. With `on_error='skip'` "
                        "everything else is loaded."
                    )
                    raise
                if failed_before:
                    failed_before.pop(record.path, None)
        if with_links:
            for record in links:
                self.place_link(record, level)

    def read_records(
        self, path: str, level: int, *, recursive: bool, max_depth: int | None
    ) -> Iterator[NodeRecord]:
        """Return the records of a node and, if ``recursive``, of what is below it."""
        wants = self._wants(level)
        if self._skipped is None:
            return self.service.read_nodes(
                self.trajectory, path, recursive=recursive, max_depth=max_depth, wants=wants
            )
        return self.service.read_intact_nodes(
            self.trajectory,
            path,
            recursive=recursive,
            max_depth=max_depth,
            wants=wants,
            skip=self._skipped.add,
        )

    def _skip(self, record: NodeRecord, error: Exception, skipped: SkippedNodes) -> None:
        """Go on without a node; what is below a group can be loaded even so."""
        skipped.add(record.path, error)
        node = self._tree.get_node(record.path)
        if record.kind == LEAF:
            if node is not None and not (node.v_is_parameter and node.v_locked):
                node.f_empty()  # rather no data than a part of it
        elif node is None:
            self._tree.insert_group(record.path)

    def _wants(self, level: int) -> Callable[[str], bool]:
        if level < constants.LOAD_DATA:
            return nothing
        get_node = self._tree.get_node

        def wants(path: str) -> bool:
            leaf = get_node(path)
            if leaf is None or not leaf.v_is_leaf:
                return True
            if level == constants.OVERWRITE_DATA:
                return not (leaf.v_is_parameter and leaf.v_locked)
            return bool(leaf.f_is_empty())

        return wants

    # ----- placing records -----------------------------------------------------------------

    def _place(self, record: NodeRecord, level: int) -> None:
        node = self._tree.get_node(record.path)
        if record.kind == LEAF:
            if node is None:
                self._new_leaf(record)
            else:
                self._refill_leaf(node, record, level)
        elif node is None:
            self._new_group(record)
        else:
            _refresh(node, record, level)
            set_stored(node, True)

    def _new_group(self, record: NodeRecord) -> None:
        kind = None
        if record.class_name is not None:
            kind = self._class_of(record.path, record.class_name)
        group = self._tree.insert_group(record.path, kind, record.comment)
        if record.annotations:
            group.v_annotations.f_set(**record.annotations)
        set_stored(group, not self.as_new)

    def _class_of(self, path: str, name: str) -> Any:
        if not name.isidentifier():
            raise StorageFormatError(
                f"The stored node {path!r} has a class {name!r:.80}, which cannot be the name of a "
                "class: it is damaged."
            )
        return create_class(name, dynamic_imports_of(self._root))

    def _new_leaf(self, record: NodeRecord) -> None:
        if record.class_name is None:
            raise DataNotInStorageError(
                f"The stored node {record.path!r} does not say which class it has."
            )
        kind = self._class_of(record.path, record.class_name)
        if getattr(kind, "KNOWS_TRAJECTORY", False):
            leaf = kind(record.path, self._root)
        else:
            leaf = kind(record.path)
        if record.comment:
            leaf.v_comment = record.comment
        if record.annotations:
            leaf.v_annotations.f_set(**record.annotations)
        self._fill(leaf, record)
        set_stored(leaf, not self.as_new)
        self._tree.insert_leaf(record.path, leaf)

    def _refill_leaf(self, leaf: Any, record: NodeRecord, level: int) -> None:
        if level == constants.OVERWRITE_DATA:
            if leaf.v_is_parameter and leaf.v_locked:
                return
            leaf.f_empty()
        _refresh(leaf, record, level)
        if level == constants.OVERWRITE_DATA or leaf.f_is_empty():
            self._fill(leaf, record)
        set_stored(leaf, not self.as_new)

    def _fill(self, leaf: Any, record: NodeRecord) -> None:
        if isinstance(leaf, BaseParameter):
            set_left_in_storage(leaf, record.items is None)
        if record.items:
            if leaf.v_is_parameter:
                leaf.f_unlock()
            items = {item.name: item for item in record.items}
            decode_leaf(leaf, items, self.service.encoding, self.flags)
        if leaf.v_is_parameter:
            if self.as_new:
                leaf.f_unlock()
            elif record.items is not None:
                leaf.f_lock()

    def place_link(self, record: NodeRecord, level: int) -> None:
        """Add a link; its target is loaded as a skeleton if it is not in memory."""
        location, _, name = record.path.rpartition(".")
        group = self._tree.get_node(location) if location else self._root
        if group is None or record.target is None:
            return
        if name in group.f_get_links(copy=False) and level != constants.OVERWRITE_DATA:
            return
        try:
            target = self._skeleton(record.target)
        except DataNotInStorageError:
            if self._skipped is not None:
                error = DataNotInStorageError(
                    f"it is a link to {record.target!r}, which could not be loaded"
                )
                self._skipped.add(record.path, error)
                return
            logger.error(
                "The stored link %r points to %r, which does not exist; it is left out.",
                record.path,
                record.target,
            )
            return
        if name in group.f_get_children(copy=False):
            if name not in group.f_get_links(copy=False):
                return
            self._tree.remove_link(group, name)
        self._tree.insert_link(record.path, target)

    def _skeleton(self, path: str) -> Any:
        """Return the node at ``path``, loading the way to it without data if need be."""
        node = self._tree.get_node(path)
        if node is None:
            names = path.split(".")
            for end in range(1, len(names) + 1):
                part = ".".join(names[:end])
                if self._tree.get_node(part) is None:
                    self.load_nodes(
                        part, constants.LOAD_SKELETON, recursive=False, with_links=False
                    )
            node = self._tree.get_node(path)
            if node is None:
                raise DataNotInStorageError(f"There is no stored node {path!r}.")
        return node

    # ----- a path, possibly through links --------------------------------------------------

    def load_path(self, start: str, names: list[str], level: int, *, with_links: bool) -> str:
        """Load all nodes along a path except for the last; return the full name of the last."""
        path = start
        for position, name in enumerate(names, start=1):
            path = f"{path}.{name}" if path else name
            if position == len(names):
                return path
            node = self._tree.get_node(path)
            if node is None or level == constants.OVERWRITE_DATA:
                target = self._link_target(path) if with_links else None
                if target is not None:
                    self.load_nodes(path, level, recursive=False)
                    path = target
                else:
                    self.load_nodes(path, level, recursive=False, with_links=with_links)
        return path

    def _link_target(self, path: str) -> str | None:
        record = next(
            iter(
                self.service.read_nodes(
                    self.trajectory, path, recursive=False, max_depth=None, wants=nothing
                )
            ),
            None,  # a link that leads nowhere
        )
        return record.target if record is not None and record.kind == LINK else None

    # ----- parts of one leaf ---------------------------------------------------------------

    def load_items(
        self, leaf: Any, only: Collection[str] | None, but: Collection[str] | None
    ) -> None:
        """Load chosen items into ``leaf``, whether it is empty or not."""
        if leaf.v_is_parameter and leaf.v_locked:
            raise ParameterLockedException(
                f"Parameter {leaf.v_full_name!r} is locked; unlock it with `f_unlock()` before "
                "you load parts of it."
            )
        seen: set[str] = set()

        def chosen(name: str) -> bool:
            seen.add(name)
            return name in only if only is not None else name not in (but or ())

        for record in self.service.read_nodes(
            self.trajectory,
            leaf.v_full_name,
            recursive=False,
            max_depth=None,
            wants=lambda path: True,
            item_filter=chosen,
        ):
            _refresh(leaf, record, constants.LOAD_SKELETON)
            self._fill(leaf, record)
            set_stored(leaf, True)
        missing = sorted(set(only if only is not None else but or ()) - seen)
        if missing:
            logger.warning(
                "%s: no stored items named %s; there are %s.",
                leaf.v_full_name,
                ", ".join(missing),
                ", ".join(sorted(seen)) or "none",
            )


def _refresh(node: Any, record: NodeRecord, level: int) -> None:
    """Fill in comment and annotations of a node in memory, or replace them at the highest level."""
    replace = level == constants.OVERWRITE_DATA
    if record.comment and (replace or not node.v_comment):
        node.v_comment = record.comment
    elif replace:
        node.v_comment = ""
    annotations = existing_annotations(node)
    if replace and annotations is not None:
        annotations.f_empty()
    if record.annotations and (annotations is None or annotations.f_is_empty()):
        node.v_annotations.f_set(**record.annotations)


# ----- nodes that cannot be loaded ------------------------------------------------------------


logger = logging.getLogger(__name__)

_MAX_LINES = 20
"""Nodes that one warning lists."""


class SkippedNodes:
    """Collects the nodes that one message to ``load`` leaves out."""

    __slots__ = ("_reasons", "_service", "_trajectory")

    def __init__(self, trajectory: str, service: Any) -> None:
        self._trajectory = trajectory
        self._service = service
        self._reasons: dict[str, str] = {}

    def add(self, path: str, error: Exception) -> None:
        """Note why the node of this full name is left out; the first reason counts."""
        self._reasons.setdefault(path, f"{type(error).__name__}: {error}")

    def report(self, root: Any) -> None:
        """Keep the reasons with the trajectory, and list them in a warning if there are any."""
        reasons = self._reasons
        if not reasons:
            return
        load_errors_of(root).update(reasons)
        lines = [f"  {path}: {reason}" for path, reason in list(reasons.items())[:_MAX_LINES]]
        if len(reasons) > _MAX_LINES:
            lines.append(f"  and {len(reasons) - _MAX_LINES} more")
        logger.warning(
            "%d nodes of trajectory `%s` could not be loaded from %r and are left out; "
            "`v_load_errors` keeps the list:\n%s",
            *(len(reasons), self._trajectory, self._service, "\n".join(lines)),
        )
