"""Walking the tree of a trajectory in the file, node by node."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from h5py import h5, h5g, h5l, h5o

from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import DataNotInStorageError, PypetError, StorageFormatError
from pypet.records import GROUP, LEAF, LINK, NodeRecord
from pypet.storage_backends.hdf5.encoding.annotations import read_annotations
from pypet.storage_backends.hdf5.encoding.attributes import (
    attribute_names,
    read_comment,
    read_flag,
    read_text,
)
from pypet.storage_backends.hdf5.encoding.layout import (
    CLASS_NAME,
    COMMENT,
    IS_LEAF,
    SERVICE,
    STORED_AS,
)
from pypet.storage_backends.hdf5.files.damage import as_damage
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.nodes.item_opening import ItemOpener
from pypet.storage_backends.hdf5.nodes.item_reading import ItemFilter, ItemReader
from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes
from pypet.storage_backends.hdf5.objects.groups import child_addresses, hdf5_path
from pypet.storage_backends.hdf5.objects.header_patterns import Header
from pypet.storage_backends.hdf5.objects.paths import (
    OwnPaths,
    ParentGroups,
    check_unambiguous,
    link_info,
    link_text,
)
from pypet.storage_backends.hdf5.objects.reading_limits import (
    SizeLimit,
    TooManyVisitsError,
    Visits,
)

logger = logging.getLogger(__name__)

_OVERVIEW = b"overview"

Wants = Callable[[str], bool]
Skip = Callable[[str, Exception], None]


def first_child_names(file: OpenFile, trajectory: str, path: str, limit: int) -> list[str]:
    """Return the names of at most ``limit`` children and links of a stored group.

    No other object is opened, so that this is fast for groups of any size.

    Raises
    ------
    DataNotInStorageError
        There is no such group.
    """
    try:
        group = h5g.open(file.id, hdf5_path(trajectory, path))
    except (KeyError, ValueError) as error:
        raise DataNotInStorageError(
            f"There is no stored group {path!r} of trajectory {trajectory!r} in {file.path}."
        ) from error
    names: list[str] = []

    def note(name: bytes) -> bool | None:
        if path or name != _OVERVIEW:
            names.append(name.decode("utf8", "replace"))
        return True if len(names) >= limit else None  # True ends it

    group.links.iterate(note, order=h5.ITER_NATIVE)
    return sorted(names)


class _Level:
    """A group whose children are being visited."""

    __slots__ = (
        "address",
        "children",
        "depth",
        "generation",
        "group",
        "links",
        "path",
        "position",
    )

    def __init__(
        self,
        path: str,
        depth: int,
        group: h5g.GroupID | None,
        generation: int,
        header: Header | None = None,
    ) -> None:
        self.path = path
        self.depth = depth
        self.group = group
        """None if it was not necessary to open it."""
        self.generation = generation
        self.address: int | None = None
        """Where its header is, according to the link that led to it."""
        self.position = 0
        self.children: list[tuple[bytes, int | None]]
        self.links: list[bytes]
        if header is None:
            self.children, self.links = child_addresses(group)
        else:
            links = sorted(header.links)
            self.children = [(name, address) for name, address in links if address is not None]
            self.links = [name for name, address in links if address is None]


class TreeReader:
    """Reads nodes of one trajectory from an open file.

    It serves many reads, one after the other, if `prepare` is called before each of them.
    """

    def __init__(self, file: OpenFile, trajectory: str, *, checksums: bool) -> None:
        self._file = file
        self._trajectory = trajectory
        self._checksums = checksums
        self._paths = OwnPaths(file.id)
        self._plain = PlainNodes(file)
        self._parents = ParentGroups(file, trajectory, self._paths)
        self.is_busy = False
        """Whether a read is under way."""
        self.at = ""
        """The node that is being read, for messages."""

    def prepare(
        self,
        wants: Wants,
        item_filter: ItemFilter | None,
        policy: UnpicklingPolicy,
        limit: SizeLimit | None = None,
        skip: Skip | None = None,
    ) -> None:
        """Set the options of the next read; ``skip`` is called for nodes that cannot be read.

        Without it a read ends with the first one, by its exception.
        """
        file = self._file
        self._wants = wants
        self._item_filter = item_filter
        self._policy = policy
        self._limit = limit
        self._skip = skip
        self._visits = Visits(
            file.id.get_filesize() if file.id is not None else 0,
            lambda: f"Node {self.at!r} of trajectory {self._trajectory!r} in {file.path}",
        )
        opener = ItemOpener(file, self._paths, self._visits, limit, self._plain.has_own_values)
        self._items = ItemReader(file, policy, opener, checksums=self._checksums)

    def read(self, path: str, *, recursive: bool, max_depth: int | None) -> Iterator[NodeRecord]:
        """Yield the node at ``path`` and, if asked for, those below it.

        Raises
        ------
        DataNotInStorageError
            There is no such node.
        StorageFormatError
            A group is linked below itself, or the values of an item are not in the file, or take
            more memory than allowed.
        """
        self.is_busy = True
        try:
            yield from self._read(path, recursive=recursive, max_depth=max_depth)
        finally:
            self.is_busy = False

    def _read(self, path: str, *, recursive: bool, max_depth: int | None) -> Iterator[NodeRecord]:
        self.at = path
        location, _, name = path.rpartition(".")
        parent = self._parents.group(location) if path else self._file.id
        raw = (name if path else self._trajectory).encode("utf8")
        place = None if parent is None else link_info(parent, raw)
        if place is None:
            raise DataNotInStorageError(
                f"There is no stored node {path!r} of trajectory {self._trajectory!r} in "
                f"{self._file.path}."
            )
        if place.type != h5l.TYPE_HARD:
            link = self._link(parent, path, raw)
            if link is not None:
                yield link
            return
        try:
            found = self._visit_plain(place.u, path, 0)
            record, level = found or self._visit(h5g.open(parent, raw), path, 0)
        except Exception as error:
            self._skip_or_raise(path, error)
            return
        yield record
        if recursive and record.kind == GROUP and (max_depth is None or max_depth > 0):
            yield from self._below(level, place.u, max_depth)

    def _skip_or_raise(self, path: str, error: Exception) -> None:
        if isinstance(error, TooManyVisitsError):
            raise error
        if self._skip is None:
            if isinstance(error, PypetError):
                error.add_note("To load everything else, use `on_error='skip'`.")
            raise error
        what = f"Node {path!r} of trajectory {self._trajectory!r}"
        self._skip(path, as_damage(error, self._file.path, what))

    def _own_paths(self) -> OwnPaths:
        self._paths.follow(self._file.id)
        return self._paths

    def _open(self, path: str) -> h5g.GroupID | None:
        try:
            return h5g.open(self._file.id, hdf5_path(self._trajectory, path))
        except ValueError:
            return None

    # ----- walking ---------------------------------------------------------------------------

    def _below(
        self, top: Callable[[], _Level], address: int | None, max_depth: int | None
    ) -> Iterator[NodeRecord]:
        entered = self._entered(top, self.at, address)
        stack = [] if entered is None else [entered]
        above = {address}
        while stack:
            level = stack[-1]
            if level.position >= len(level.children):
                stack.pop()
                above.discard(level.address)
                if level.links:
                    yield from self._links(level)
                continue
            raw, address = level.children[level.position]
            level.position += 1
            if raw == _OVERVIEW and not level.path:
                continue
            name = raw.decode("utf8")
            self.at = path = f"{level.path}.{name}" if level.path else name
            depth = level.depth + 1
            try:
                found = self._visit_plain(address, path, depth) if self._is_same(level) else None
                if found is None:
                    self._visits.count_address(address)
                    group = self._child(level, raw)
                    if group is None:
                        continue
                    found = self._visit(group, path, depth)
                record, below = found
                is_group = record.kind == GROUP
                if is_group and address in above:
                    raise StorageFormatError(
                        f"Group {path!r} of trajectory {self._trajectory!r} in {self._file.path} "
                        "contains itself, so there is no end to what is below it. "
                        "Remove this link, or load other parts of the file."
                    )
            except Exception as error:
                self._skip_or_raise(path, error)
                continue
            yield record
            if is_group and (max_depth is None or depth < max_depth):
                entered = self._entered(below, path, address)
                if entered is not None:
                    above.add(address)
                    stack.append(entered)

    def _entered(
        self, below: Callable[[], _Level], path: str, address: int | None
    ) -> _Level | None:
        """Return the level below a group, None if it cannot be read and that is no error."""
        try:
            level = below()
            level.address = address
            if level.links:
                check_unambiguous(level.children, level.links, self._file.path)
            self._visits.count(len(level.links), len(level.children))
        except Exception as error:
            self._skip_or_raise(path, error)
            return None
        return level

    def _is_same(self, level: _Level) -> bool:
        """Return whether the file was not closed since its addresses were read."""
        return level.generation == self._file.generation

    def _child(self, level: _Level, name: bytes) -> h5g.GroupID | None:
        parent = self._group(level)
        try:
            return h5g.open(parent, name)
        except ValueError:
            child = h5o.open(parent, name)
            if h5o.get_info(child).type == h5o.TYPE_GROUP:
                raise
            if STORED_AS in attribute_names(child):
                raise StorageFormatError(
                    f"Node {level.path!r} of trajectory {self._trajectory!r} in {self._file.path} "
                    f"has the item {name.decode()!r}, but does not say by SRVC_LEAF that it is a "
                    "leaf: the file is damaged there."
                ) from None
            logger.warning("%r in %s is not a node and left out.", name.decode(), self._file.path)
            return None

    def _group(self, level: _Level) -> Any:
        """Return the open group of a level, opened again if the file was closed since."""
        if level.group is None or not self._is_same(level):
            level.group = h5g.open(self._file.id, hdf5_path(self._trajectory, level.path))
            level.generation = self._file.generation
        return level.group

    def _visit(
        self, group: h5g.GroupID, path: str, depth: int
    ) -> tuple[NodeRecord, Callable[[], _Level]]:
        """Return the record of an open node and what makes the level of its children."""
        generation = self._file.generation
        record = self._record(group, path)

        def below() -> _Level:
            now = self._file.generation
            return _Level(path, depth, group if now == generation else self._open(path), now)

        return record, below

    def _visit_plain(
        self, address: int | None, path: str, depth: int
    ) -> tuple[NodeRecord, Callable[[], _Level]] | None:
        """Return the same for a plain node that needs not be opened, None for others."""
        header = self._plain.header(address)
        if header is None:
            return None
        record = self._plain.record(header, path)
        if record is None:
            return None
        if record.kind == LEAF and self._wants(path):
            self._visits.count(len(header.links))
            arrays = self._plain.items(header, self._item_filter)
            if arrays is None:
                group = self._open(path)
                location = hdf5_path(self._trajectory, path)
                items = self._items.read(group, location, self._item_filter, header.links)
                record = record._replace(items=items)
            else:
                if self._limit is not None:
                    size = sum(array.value.nbytes for array in arrays)
                    self._limit.charge(size, size, f"Node {path!r} in {self._file.path}")
                record = record._replace(items=arrays)
        generation = self._file.generation
        return record, lambda: _Level(path, depth, None, generation, header)

    # ----- records ---------------------------------------------------------------------------

    def _record(self, group: h5g.GroupID, path: str) -> NodeRecord:
        names = attribute_names(group)
        is_leaf = False
        class_name = None
        comment = ""
        for name in names:
            if not name.startswith(SERVICE):
                continue
            if name == IS_LEAF:
                is_leaf = read_flag(group, name)
            elif name == CLASS_NAME:
                class_name = read_text(group, name)
            elif name == COMMENT:
                comment = read_comment(group, name)
        annotations = read_annotations(group, names, self._policy, path)
        if not is_leaf:
            return NodeRecord(path, GROUP, class_name, comment, annotations)
        items = None
        if self._wants(path):
            items = self._items.read(group, hdf5_path(self._trajectory, path), self._item_filter)
        return NodeRecord(path, LEAF, class_name, comment, annotations, items)

    # ----- links -----------------------------------------------------------------------------

    def _links(self, level: _Level) -> Iterator[NodeRecord]:
        for raw in level.links:
            name = raw.decode("utf8")
            path = f"{level.path}.{name}" if level.path else name
            try:
                record = self._link(self._group(level), path, raw)
            except Exception as error:
                self._skip_or_raise(path, error)
                continue
            if record is not None:
                yield record

    def _link(self, group: Any, path: str, raw: bytes) -> NodeRecord | None:
        """Return the record of a link; None, with an error in the log, if it leads nowhere.

        It is not followed: its target may be in another file, or no file but a device.
        """
        if group.links.get_info(raw).type != h5l.TYPE_SOFT:
            logger.error(
                "The link %s in %s is left out: it leads to %s, and not to another node.",
                *(path, self._file.path, link_text(group, raw)),
            )
            return None
        target = group.links.get_val(raw)
        root = f"/{self._trajectory}/"
        if not target.startswith(root.encode()) or not self._own_paths().lead_to(target):
            logger.error(
                "The link %s in %s is broken, its target is %s.",
                *(path, self._file.path, target.decode("utf8", "replace")),
            )
            return None
        return NodeRecord(path, LINK, target=target.decode("utf8")[len(root) :].replace("/", "."))
