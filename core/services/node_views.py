"""Looking at stored nodes one by one, from the root down, without loading them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pypet.errors import DataNotInStorageError
from pypet.records import GROUP, Item, NodeRecord

if TYPE_CHECKING:
    from pypet.services.backend import RecordBackend


class NodeView(Protocol):
    """A stored node that is read as far as it is asked for.

    Views belong to the block in which `RecordBackend.view_nodes` gave the first one. They may cache
    what they read, so keep no more of them than are needed.
    """

    @property
    def path(self) -> str:
        """Full name of the node; ``''`` for the root."""

    @property
    def kind(self) -> str:
        """``'group'``, ``'leaf'`` or ``'link'``."""

    @property
    def class_name(self) -> str | None:
        """As in `NodeRecord`."""

    @property
    def comment(self) -> str:
        """As in `NodeRecord`."""

    @property
    def target(self) -> str | None:
        """As in `NodeRecord`."""

    def names(self) -> Collection[str]:
        """Return the names of the children, links among them; none for leaves and links.

        Raises
        ------
        StorageFormatError
            The node is damaged.
        """

    def child(self, name: str) -> NodeView | None:
        """Return the child of this name, None if there is none.

        Raises
        ------
        StorageFormatError
            It, or this node, is damaged.
        """

    def number_of(self, name: str) -> tuple[str, Any] | None:
        """Return comment and value of the child of this name without a view of it.

        None unless the child is a `Result` with one item, of type int, float or bool, or if to
        know would take as long as with a view.
        """

    def items(self, *, scalars_only: bool = False) -> tuple[Item, ...]:
        """Return the items of a leaf; with ``scalars_only`` others may be left out.

        Raises
        ------
        RefusedPickleError
            Something that pandas or PyTables would unpickle may not be.
        StorageFormatError
            An item is damaged.
        """

    def numbers(self) -> Mapping[str, Any] | None:
        """Return the values of a leaf by name, if all are of type int, float or bool.

        None if some are not, or if it would take as long as `items` to know.
        """


class RecordView:
    """A view made of the records of any backend; children are read together."""

    __slots__ = ("_backend", "_children", "_record", "_trajectory", "_wants")

    def __init__(
        self,
        backend: RecordBackend,
        trajectory: str,
        record: NodeRecord,
        wants: Callable[[str], bool],
    ) -> None:
        """View the node of ``record``; ``wants(full_name)`` says whose items are read at once."""
        self._backend = backend
        self._trajectory = trajectory
        self._record = record
        self._wants = wants
        self._children: dict[str, RecordView] | None = None

    @property
    def path(self) -> str:
        return self._record.path

    @property
    def kind(self) -> str:
        return self._record.kind

    @property
    def class_name(self) -> str | None:
        return self._record.class_name

    @property
    def comment(self) -> str:
        return self._record.comment

    @property
    def target(self) -> str | None:
        return self._record.target

    def names(self) -> Collection[str]:
        return self._known_children().keys()

    def child(self, name: str) -> RecordView | None:
        return self._known_children().get(name)

    def number_of(self, name: str) -> None:
        return None

    def _known_children(self) -> dict[str, RecordView]:
        children = self._children
        if children is None:
            children = {}
            if self._record.kind == GROUP:
                records = self._backend.read_nodes(
                    self._trajectory,
                    self._record.path,
                    recursive=True,
                    max_depth=1,
                    wants=self._wants,
                )
                next(records)  # the node itself
                for record in records:
                    name = record.path.rpartition(".")[2]
                    children[name] = RecordView(
                        self._backend, self._trajectory, record, self._wants
                    )
            self._children = children
        return children

    def items(self, *, scalars_only: bool = False) -> tuple[Item, ...]:
        items = self._record.items
        if items is None:
            record = read_one(self._backend, self._trajectory, self._record.path, with_items=True)
            items = record.items or ()
        return items

    def numbers(self) -> None:
        return None


def read_one(backend: RecordBackend, trajectory: str, path: str, *, with_items: bool) -> NodeRecord:
    """Return the record of one node.

    Raises
    ------
    DataNotInStorageError
        There is no such node.
    """
    records = backend.read_nodes(
        trajectory, path, recursive=False, max_depth=None, wants=lambda name: with_items
    )
    for record in records:
        return record
    raise DataNotInStorageError(f"The stored link {path!r} leads nowhere.")
