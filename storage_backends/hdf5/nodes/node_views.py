"""Views of single nodes in a file, read from their headers where these are plain.

A walk through the tree reads every node on its way. A table of runs needs a few leaves of each run,
whose addresses are in the header of the group of the run: a view reads nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from h5py import h5g, h5o

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import UnpicklingPolicy
from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.records import GROUP, LEAF, LINK, Item, NodeRecord
from pypet.storage_backends.hdf5.encoding.attributes import (
    attribute_names,
    read_comment,
    read_flag,
    read_text,
)
from pypet.storage_backends.hdf5.encoding.layout import CLASS_NAME, COLLECTION, COMMENT, IS_LEAF
from pypet.storage_backends.hdf5.files.damage import damage_reported
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.nodes.item_opening import ItemOpener
from pypet.storage_backends.hdf5.nodes.item_reading import ItemReader
from pypet.storage_backends.hdf5.nodes.plain_nodes import PlainNodes
from pypet.storage_backends.hdf5.nodes.tree_reading import TreeReader
from pypet.storage_backends.hdf5.objects.groups import child_addresses, hdf5_path
from pypet.storage_backends.hdf5.objects.header_patterns import Header
from pypet.storage_backends.hdf5.objects.paths import OwnPaths, check_unambiguous
from pypet.storage_backends.hdf5.objects.reading_limits import SizeLimit, Visits

_OVERVIEW = b"overview"
_RESULT = "Result"
"""The class whose items are its values."""


class ViewedFile:
    """An open file with what all views of one trajectory share."""

    def __init__(
        self,
        file: OpenFile,
        trajectory: str,
        policy: UnpicklingPolicy,
        limit: SizeLimit | None,
        *,
        checksums: bool,
    ) -> None:
        self.file = file
        self.trajectory = trajectory
        self.policy = policy
        self.plain = PlainNodes(file)
        self.limit = limit
        self.at = ""
        """The node that was viewed last, for messages."""
        self.visits = Visits(
            file.id.get_filesize() if file.id is not None else 0,
            lambda: f"Node {self.at!r} of trajectory {trajectory!r} in {file.path}",
        )
        opener = ItemOpener(file, OwnPaths(file.id), self.visits, limit, self.plain.has_own_values)
        self.items = ItemReader(file, policy, opener, checksums=checksums)
        self._reader = TreeReader(file, trajectory, checksums=checksums)
        self._reader.prepare(lambda path: False, None, policy, limit)

    def view(self, path: str) -> FileView | LinkView:
        """Return the view of a node.

        Raises
        ------
        DataNotInStorageError
            There is no such node.
        """
        self.at = path
        record = self._record(path)
        if record is None:
            raise DataNotInStorageError(f"The stored link {path!r} leads nowhere.")
        return LinkView(self, path) if record.kind == LINK else FileView(self, path, None)

    def target_of(self, path: str) -> str | None:
        """Return the full name of the node that a link leads to, None if it is broken."""
        record = self._record(path)
        return None if record is None else record.target

    def _record(self, path: str) -> NodeRecord | None:
        """Return the record of a node without items, None for a broken link."""
        with self.about(path):
            return next(self._reader.read(path, recursive=False, max_depth=None), None)

    def about(self, path: str) -> AbstractContextManager[None]:
        """Enter a block in which what fails is damage of a node."""
        return damage_reported(
            self.file.path, lambda: f"Node {path!r} of trajectory {self.trajectory!r}"
        )

    @contextmanager
    def opened(self, path: str) -> Iterator[h5g.GroupID]:
        """Open the group of a node in a block; what fails in the block is damage of the node."""
        with self.about(path):
            yield h5g.open(self.file.id, hdf5_path(self.trajectory, path))


class FileView:
    """The view of a node in the file; see `pypet.services.node_views.NodeView`."""

    __slots__ = (
        "_address",
        "_children",
        "_generation",
        "_header",
        "_of",
        "_parent",
        "class_name",
        "comment",
        "kind",
        "path",
        "target",
    )

    def __init__(
        self, of: ViewedFile, path: str, address: int | None, parent: FileView | None = None
    ) -> None:
        """View the node at ``path``, which hard links lead to, with its header at ``address``."""
        self._of = of
        self._parent = parent
        self.path = path
        self._address = address
        self._generation = of.file.generation
        self._children: dict[bytes, int | None] | None = None
        self.target: str | None = None
        self.class_name: str | None = None
        self.comment = ""
        header = of.plain.header(address)
        record = None if header is None else of.plain.pathless_record(header)
        if record is None:
            self._header: Header | None = None
            self._open()
        else:
            self._header = header
            self.kind, self.class_name, self.comment = (
                record.kind,
                record.class_name,
                record.comment,
            )

    def _open(self) -> None:
        """Read the attributes through the library; annotations, maybe pickled, are left out."""
        with self._of.opened(self.path) as group:
            self._address = h5o.get_info(group).addr
            names = attribute_names(group)
            is_leaf = IS_LEAF in names and read_flag(group, IS_LEAF)
            self.kind = LEAF if is_leaf else GROUP
            if CLASS_NAME in names:
                self.class_name = read_text(group, CLASS_NAME)
            if COMMENT in names:
                self.comment = read_comment(group, COMMENT)

    # ----- children ------------------------------------------------------------------------

    def names(self) -> Collection[str]:
        """Return the names of the children; see `NodeView.names`."""
        children = self._children
        if children is None:
            children = self._read_children()
        # A name that is damaged is that of no child: who looks for it will miss it.
        return [raw.decode("utf8", "replace") for raw in children]

    def child(self, name: str) -> FileView | LinkView | None:
        """Return a child; see `NodeView.child`."""
        children = self._children
        if children is None:
            children = self._read_children()
        try:
            address = children[name.encode("utf8")]
        except KeyError:
            return None
        of = self._of
        path = of.at = f"{self.path}.{name}" if self.path else name
        if address is None:
            return LinkView(of, path)
        of.visits.count_address(address)
        if self._generation != of.file.generation:
            address = None  # another process may have stored since
        return FileView(of, path, address, self)

    def number_of(self, name: str) -> tuple[str, Any] | None:
        """Return comment and value of a plain result; see `NodeView.number_of`."""
        children = self._children
        if children is None:
            children = self._read_children()
        address = children.get(name.encode("utf8"))
        of = self._of
        if address is None or self._generation != of.file.generation:
            return None
        plain = of.plain
        header = plain.header(address)
        if header is None or len(header.links) != 1:
            return None
        record = plain.pathless_record(header)
        if record is None or record.kind != LEAF or record.class_name != _RESULT:
            return None
        numbers = plain.numbers(header)
        if numbers is None:
            return None
        (value,) = numbers.values()
        return record.comment, value

    def _is_within_itself(self) -> bool:
        above = self._parent
        while above is not None:
            if above._address == self._address:
                return True
            above = above._parent
        return False

    def _read_children(self) -> dict[bytes, int | None]:
        """Return addresses of the children by name, None for links."""
        found: dict[bytes, int | None]
        of = self._of
        if self.kind != GROUP:
            found = {}
        elif self._is_within_itself():
            raise StorageFormatError(
                f"Group {self.path!r} of trajectory {of.trajectory!r} in {of.file.path} is one of "
                "the groups that it is in: there is no end to what is below it."
            )
        elif self._header is not None and self._generation == of.file.generation:
            found = dict(self._header.links)
        else:
            with of.opened(self.path) as group:
                children, links = child_addresses(group)
                check_unambiguous(children, links, of.file.path)
                found = {**dict(children), **dict.fromkeys(links)}
            self._generation = of.file.generation
        of.visits.count(len(found))
        if not self.path:
            found.pop(_OVERVIEW, None)
        self._children = found
        return found

    # ----- items ---------------------------------------------------------------------------

    def items(self, *, scalars_only: bool = False) -> tuple[Item, ...]:
        """Return the items of a leaf; see `NodeView.items`."""
        of = self._of
        header = self._header
        is_same = self._generation == of.file.generation
        if header is not None and is_same:
            arrays = of.plain.items(header, None)
            if arrays is not None:
                if of.limit is not None:
                    size = sum(array.value.nbytes for array in arrays)
                    of.limit.charge(size, size, f"Node {self.path!r} in {of.file.path}")
                return arrays
        wants: Callable[[str], bool] | None = None
        if scalars_only:
            others = self._known_as_no_scalars()
            wants = lambda name: name not in others  # noqa: E731
        with of.opened(self.path) as group:
            links = header.links if header is not None and is_same else None
            return of.items.read(group, hdf5_path(of.trajectory, self.path), wants, links)

    def numbers(self) -> dict[str, Any] | None:
        """Return items that are all numbers; see `NodeView.numbers`."""
        of = self._of
        header = self._header
        if header is None or self._generation != of.file.generation:
            return None
        return of.plain.numbers(header)

    def _known_as_no_scalars(self) -> set[str]:
        """Return the names of items whose headers say that they are not scalars."""
        if self._header is None:
            with self._of.opened(self.path) as group:
                found, _ = child_addresses(group)
        else:
            found = [(link.name, link.address) for link in self._header.links]
        names = set()
        for raw, address in found:
            header = self._of.plain.header(address)
            if header is None:
                continue
            if header.is_group or header.attributes.get(COLLECTION) != constants.COLL_SCALAR:
                names.add(raw.decode("utf8"))
        return names


class LinkView:
    """The view of a link, which has no children."""

    __slots__ = ("_of", "_target", "path")

    kind = LINK
    class_name = None
    comment = ""

    def __init__(self, of: ViewedFile, path: str) -> None:
        self._of = of
        self.path = path

    @property
    def target(self) -> str | None:
        """Full name of the node that it leads to, None if it is broken."""
        return self._of.target_of(self.path)

    def names(self) -> Collection[str]:
        """Return nothing: a link is not followed."""
        return ()

    def child(self, name: str) -> None:
        """Return None: a link is not followed."""

    def number_of(self, name: str) -> None:
        """Return None: a link is not followed."""

    def items(self, *, scalars_only: bool = False) -> tuple[Item, ...]:
        """Return nothing: a link is not followed."""
        return ()

    def numbers(self) -> None:
        """Return None: a link is not followed."""
