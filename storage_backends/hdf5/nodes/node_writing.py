"""Putting nodes into the file: new subtrees from templates, the rest node by node."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from h5py import h5g

from pypet.records import FrameItem, Item, PutNode
from pypet.storage_backends.hdf5.encoding.annotations import annotate
from pypet.storage_backends.hdf5.encoding.attributes import (
    TRUE,
    attribute_names,
    check_size,
    encode_attribute,
    read_flag,
    replace_attribute,
    write_attribute,
)
from pypet.storage_backends.hdf5.encoding.layout import (
    CLASS_NAME,
    COMMENT,
    IS_LEAF,
)
from pypet.storage_backends.hdf5.frames.frame_writing import PendingFrame
from pypet.storage_backends.hdf5.nodes.item_writing import nested_group, write_item
from pypet.storage_backends.hdf5.objects.groups import create_group, has_child, is_link, remove
from pypet.storage_backends.hdf5.objects.rollback import Rollback
from pypet.storage_backends.hdf5.objects.templates import (
    TEMPLATES,
    BatchShape,
    batch_shape,
    describe_group,
    may_stay_small,
)
from pypet.storage_backends.hdf5.settings.creation_options import (
    CreationOptions,
    check_options,
    creation_options,
    pandas_options,
)
from pypet.storage_backends.hdf5.settings.settings import EXPLORED, OVERVIEWS, SUMMARIES, Settings
from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache
from pypet.storage_backends.hdf5.trajectories.overview_tables import explored_row, leaf_row
from pypet.storage_backends.hdf5.trajectories.summaries import Summary

logger = logging.getLogger(__name__)

_REPLACEMENT = b"__new_item__"


class _KeptComment(NamedTuple):
    """The comment to store with a leaf."""

    text: str
    summary: Summary | None
    """Where to record it as the first of its kind; None if it is not the first."""


_NO_COMMENT = _KeptComment("", None)


class NodeWriter:
    """Carries out the `PutNode` operations of one request."""

    def __init__(
        self, cache: TrajectoryCache, settings: Settings, done: Callable[[int], None]
    ) -> None:
        """``done(count)`` is called for nodes that are written."""
        self._cache = cache
        self._done = done
        self._settings = settings
        self._filters = settings.filters
        self.frames: list[PendingFrame] = []
        """Pandas items, to be written when all others are."""

    # ----- batches ---------------------------------------------------------------------------

    def put(self, nodes: Iterable[PutNode]) -> None:
        """Put nodes; those at and below one missing group are made together."""
        groups = self._cache.groups
        batches: dict[str, list[PutNode]] = {}
        for node in nodes:
            if node.path in groups and _adds_nothing(node):
                continue
            root = _topmost_unknown(groups, node.path)
            if root in batches:
                batches[root].append(node)
            else:
                batches[root] = [node]
        for root, batch in batches.items():
            self._put_batch(root, batch)

    def _put_batch(self, root: str, nodes: list[PutNode]) -> None:
        location, _, name = root.rpartition(".")
        parent = self._cache.group(location)
        if parent is None:
            raise ValueError(f"{root!r} cannot be stored: {location!r} is not a group in the file.")
        raw = name.encode("utf8")
        shape = batch_shape(root, nodes)
        if (
            shape is not None
            and len(nodes) > 1
            and not TEMPLATES.is_worth_it(self._filters, shape.shape)
        ):
            shape = None
        # Copying fails if the name is taken, which is rare: asking first would cost every run a
        # call.
        is_likely = shape is not None and TEMPLATES.knows(self._filters, shape.shape)
        if is_likely or not has_child(parent, raw):
            if shape is not None and self._copy_batch(parent, raw, root, nodes, shape):
                return
            is_new = not has_child(parent, raw)
        else:
            is_new = False
        if is_new:
            self._make_first(parent, raw, root, nodes)
        elif is_link(parent, raw):
            raise ValueError(
                f"{root!r} cannot be stored: there is a link of this name. Delete it first."
            )
        else:
            group = self._cache.remember(root, h5g.open(parent, raw))
            for node in nodes:
                if node.path == root:
                    self._complete(group, node)
        below = [node for node in nodes if node.path != root]
        self._done(len(nodes) - len(below))
        if below:
            self.put(below)

    def _copy_batch(
        self,
        parent: h5g.GroupID,
        name: bytes,
        root: str,
        nodes: list[PutNode],
        shape: BatchShape,
    ) -> bool:
        """Make a new subtree from a template; return False if its nodes go one by one."""
        try:
            TEMPLATES.copy_subtree(
                parent, name, root, nodes, self._filters, shape.shape, shape.copied
            )
        except (TypeError, ValueError, KeyError, OSError, RuntimeError) as err:
            # The name is taken; or storing the nodes one by one will raise the error that names
            # one.
            logger.debug("%s is stored node by node: %s", root, err)
            return False
        direct = {id(node): items for node, items in shape.direct}
        skip = len(root)
        filled = 0
        for position, node in enumerate(nodes):
            items = direct.get(id(node), ())
            if not (node.annotations or items):
                if not node.is_leaf:
                    if not node.comment:
                        continue
                else:
                    comment = self._comment_of_new(node)
                    if not comment.text:
                        self._leaf_created(node, comment)
                        continue
            path = name + node.path[skip:].replace(".", "/").encode("utf8")
            try:
                self._fill_new(h5g.open(parent, path), node, items)
            except BaseException:
                self._remove_leaves(nodes[position + 1 :])
                raise
            filled += 1
            self._done(1)
        self._done(len(nodes) - filled)
        return True

    def _remove_leaves(self, nodes: Iterable[PutNode]) -> None:
        """Remove leaves of a copied subtree of which only part is there yet."""
        for node in nodes:
            if node.is_leaf:
                remove(self._cache.file.id, self._cache.hdf5_path(node.path))

    def _make_first(
        self, parent: h5g.GroupID, name: bytes, root: str, nodes: list[PutNode]
    ) -> None:
        """Make the topmost of new nodes alone, those that are it and a plain group otherwise."""
        own = [node for node in nodes if node.path == root]
        first = own[0] if own else PutNode(root, False, None, "", {}, ())
        if first.is_leaf:
            group = self._make_bare(parent, name, root, first)
            self._fill_new(group, first, first.items)
        elif may_stay_small(root, nodes):
            group = self._make_bare(parent, name, root, first)
            self._fill_new(group, first, ())
        else:
            group = create_group(parent, name, self._filters)
            self._fill_new(group, first, ())
            if first.class_name is not None:
                write_attribute(group, CLASS_NAME, encode_attribute(first.class_name))
        self._cache.remember(root, group)
        for node in own[1:]:
            self._complete(group, node)

    def _make_bare(self, parent: h5g.GroupID, name: bytes, path: str, node: PutNode) -> h5g.GroupID:
        """Make a node without what differs from node to node, from a template if there are any."""
        bare = [node._replace(path=path, items=(), options={}, comment="", annotations={})]
        shape = batch_shape(path, bare)
        if shape is None:  # templates are switched off
            group = create_group(parent, name, self._filters)
            describe_group(group, node)
            return group
        TEMPLATES.copy_subtree(parent, name, path, bare, self._filters, shape.shape, ())
        return h5g.open(parent, name)

    def _fill_new(self, group: h5g.GroupID, node: PutNode, items: Iterable[Item]) -> None:
        """Add to a new node what was not copied; what fails leaves neither leaf nor notes."""
        with Rollback(self._cache, node, self.frames) as rollback:
            if node.is_leaf:
                rollback.created(self._cache.hdf5_path(node.path))
            if node.annotations:
                annotate(group, node.annotations, (), replace=False)
            if items:
                self._write_items(group, node, items, rollback)
            self._when_whole(rollback, group, lambda whole: self._describe_new(whole, node))

    def _describe_new(self, group: h5g.GroupID, node: PutNode) -> None:
        """Write the comment of a new node, and list it if it is a leaf."""
        if not node.is_leaf:
            if node.comment:
                write_attribute(group, COMMENT, encode_attribute(node.comment))
            return
        comment = self._comment_of_new(node)
        if comment.text:
            write_attribute(group, COMMENT, encode_attribute(comment.text))
        self._leaf_created(node, comment)

    def _when_whole(
        self, rollback: Rollback, group: h5g.GroupID, finish: Callable[[h5g.GroupID], None]
    ) -> None:
        """Do what comes last for a node: now, or when its frames are written."""
        if self.frames and self.frames[-1].rollback is rollback:
            rollback.finish = lambda: finish(self._cache.group(rollback.node.path))
        else:
            finish(group)

    # ----- nodes that exist ------------------------------------------------------------------

    def _complete(self, group: h5g.GroupID, node: PutNode) -> None:
        """Add to an existing node what is missing, or replace what is to be overwritten."""
        known = attribute_names(group)
        replace = node.overwrite is True
        with Rollback(self._cache, node, self.frames) as rollback:
            check_size(COMMENT, encode_attribute(node.comment))
            if node.items or node.overwrite:
                self._write_items(group, node, node.items, rollback)
            if node.annotations or replace:
                annotate(group, node.annotations, known, replace=replace)
            self._when_whole(rollback, group, lambda whole: self._describe(whole, node, known))

    def _describe(self, group: h5g.GroupID, node: PutNode, known: list[bytes]) -> None:
        """Add what an existing node lacks of its description, or replace it."""
        replace = node.overwrite is True
        # A bare group may be left behind by an older version or a parent of something.
        is_new = node.is_leaf and not (IS_LEAF in known and read_flag(group, IS_LEAF))
        if is_new:
            replace_attribute(group, IS_LEAF, TRUE)
        if not node.is_leaf:
            comment = _KeptComment(node.comment, None)
        elif is_new or replace:
            comment = self._comment_of_new(node)
        else:
            comment = _NO_COMMENT
        if comment.text and (replace or COMMENT not in known):
            replace_attribute(group, COMMENT, encode_attribute(comment.text))
        if node.class_name is not None and (replace or CLASS_NAME not in known):
            replace_attribute(group, CLASS_NAME, encode_attribute(node.class_name))
        if is_new:
            self._leaf_created(node, comment)
        elif comment.summary is not None:
            comment.summary.note(node)

    # ----- the overview ----------------------------------------------------------------------

    def _comment_of_new(self, node: PutNode) -> _KeptComment:
        """Return the comment to store with a new leaf: none if another leaf has the same."""
        comment = node.comment
        if not comment:
            return _NO_COMMENT
        branch = node.path.partition(".")[0]
        table = SUMMARIES.get(branch)
        if table is None or not self._settings.tables[table]:
            return _KeptComment(comment, None)
        summary = self._cache.summary(branch)
        if summary.knows(comment):
            is_purged = self._settings.purge_duplicate_comments
            return _NO_COMMENT if is_purged else _KeptComment(comment, None)
        return _KeptComment(comment, summary)

    def _leaf_created(self, node: PutNode, comment: _KeptComment) -> None:
        """Add a new leaf to the tables that list it, after all of it was written."""
        if comment.summary is not None:
            comment.summary.note(node)
        table = OVERVIEWS.get(node.path.partition(".")[0])
        if table is None:
            return
        tables = self._settings.tables
        if tables[table]:
            self._cache.table(table).add(leaf_row(node))
        if node.exploration is not None and tables[EXPLORED]:
            self._cache.table(EXPLORED).add(explored_row(node))

    # ----- items -----------------------------------------------------------------------------

    def _write_items(
        self, leaf: h5g.GroupID, node: PutNode, items: Iterable[Item], rollback: Rollback
    ) -> None:
        has_frames = any(isinstance(item, FrameItem) for item in items)
        check_options(node.options, node.path, has_frames=has_frames)
        options = creation_options(node.options, self._filters)
        chosen = node.overwrite if isinstance(node.overwrite, frozenset) else frozenset()
        for item in items:
            replace = node.overwrite is True or item.name in chosen
            is_old = self._write_item(leaf, node, item, options, rollback, replace=replace)
            if item.name in chosen and not is_old:
                logger.warning(
                    "Item %r of %s should be overwritten, but was not stored before.",
                    item.name,
                    node.path,
                )
        unknown = chosen - {item.name for item in items}
        if unknown:
            logger.warning(
                "%s has no items named %s to overwrite.", node.path, ", ".join(sorted(unknown))
            )

    def _write_item(
        self,
        leaf: h5g.GroupID,
        node: PutNode,
        item: Item,
        options: CreationOptions,
        rollback: Rollback,
        *,
        replace: bool,
    ) -> bool:
        """Write one item unless it is there and to stay; return whether it was there."""
        *nested, name = item.name.split(".")
        group = leaf
        base = self._cache.hdf5_path(node.path)
        if nested:
            group = nested_group(leaf, nested, options.filters, node.path)
            base += b"/" + "/".join(nested).encode("utf8")
        raw = name.encode("utf8")
        is_old = has_child(group, raw)
        if is_old and not replace:
            if isinstance(item, FrameItem) and node.options.get("append"):
                self._postpone(node, item, rollback, base, raw, raw)
            return True
        target = _REPLACEMENT if is_old else raw
        if is_old and has_child(group, target):  # left behind by a process that was killed
            group.unlink(target)
        rollback.created(base + b"/" + target)
        if isinstance(item, FrameItem):
            self._postpone(node, item, rollback, base, target, raw)
            return is_old
        write_item(group, target, item, options)
        if is_old:
            group.unlink(raw)
            group.move(target, raw)
        return is_old

    def _postpone(
        self,
        node: PutNode,
        item: FrameItem,
        rollback: Rollback,
        base: bytes,
        target: bytes,
        name: bytes,
    ) -> None:
        self.frames.append(
            PendingFrame(
                item,
                rollback,
                (base + b"/" + target).decode("utf8"),
                (base + b"/" + name).decode("utf8") if target != name else None,
                pandas_options(node.options),
                self._settings,
                node.call,
            )
        )


def _adds_nothing(node: PutNode) -> bool:
    """Return whether a group is put that needs only to exist."""
    return not (
        node.is_leaf
        or node.comment
        or node.annotations
        or node.overwrite
        or node.class_name is not None
    )


def _topmost_unknown(groups: Mapping[str, Any], path: str) -> str:
    """Return ``path`` or that of its highest parent that is not among the open groups."""
    parent = path.rpartition(".")[0]
    if parent in groups or not parent:
        return path
    while True:
        path, parent = parent, parent.rpartition(".")[0]
        if parent in groups or not parent:
            return path
