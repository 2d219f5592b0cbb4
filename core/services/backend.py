"""The interface of storage backends, which store records and return them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any, ClassVar, Self

from pypet.encoding.unpickling import NEVER, UnpicklingPolicy, unpickling
from pypet.errors import (
    NoSuchServiceError,
    PypetError,
    RefusedPickleError,
    StorageFormatError,
    VersionMismatchError,
)
from pypet.interfaces.storage import StorageService
from pypet.moved import FormerMethod
from pypet.records import (
    DAMAGED,
    Digest,
    Finding,
    Item,
    MetaRecord,
    NodeRecord,
    StoredNode,
    StoreRequest,
    digest_of,
    stored_node,
)
from pypet.services.early import EarlyNodes
from pypet.services.node_views import NodeView, RecordView, read_one
from pypet.services.transfer import NodeCopy, copy_trajectory


class RecordBackend(StorageService, ABC):
    """The part of `pypet.services.RecordStorageService` that knows a medium, but no nodes.

    Implementations guarantee: applying a request twice has the effect of applying it once; an
    operation that fails leaves everything that was stored before readable; arrays of a request
    are only used during `apply` (keep copies), and returned values belong to the caller.
    """

    encoding: str = "utf8"
    """How text is encoded in items."""
    unpickle: str = "trust"
    """Which pickles in the storage are loaded; see `pypet.encoding.unpickling`."""
    joins_runs: ClassVar[bool] = True
    """Whether requests of several runs may be applied as one."""
    early: EarlyNodes | None = None
    """Nodes that the current experiment has stored before its first run."""
    durable: bool = False
    """Whether stored data survives a loss of power as soon as others can see it.

    Set by `durable_commits`. Applies from the next commit on, and is pickled. Services without
    commits to a disk ignore it.
    """
    before_commit: Callable[[], None] | None = None
    """Called right before data becomes visible to others; an exception prevents that.

    Set by journals, to sync the data that a commit relies on. It must not use the storage, which
    is locked during the call. Belongs to the process that set it: pickled or forked copies do not
    call it.
    """
    commit_interval: float = 0.2
    """Seconds after which an open storage makes applied requests visible to others.

    For services that delay this; `flush` does it at any time.
    """
    config_group: ClassVar[str | None] = None
    """Name of the group below ``config`` that holds the settings of this service."""

    # ----- what a backend implements -------------------------------------------------------

    @abstractmethod
    def apply(self, request: StoreRequest) -> None:
        """Carry out the operations of a request, in order.

        Raises
        ------
        ValueError
            An operation other than `PutMeta` names a trajectory that was never stored.
        RuntimeError
            A trajectory that should be new exists already.
        DataNotInStorageError
            Something to delete does not exist, and the request is not replayed.
        TypeError
            A node to delete has children, and the request is neither recursive nor replayed.
        OSError
            The medium refuses. If `is_applied`, the request was
            carried out, and only a pending commit failed: others see it after the next one.
        """

    @abstractmethod
    def trajectory_names(self) -> list[str]:
        """Return the names of all stored trajectories in index order.

        Raises
        ------
        ValueError
            There is no storage yet.
        """

    @abstractmethod
    def read_meta(self, trajectory: str, *, with_runs: bool) -> MetaRecord:
        """Return the data about a trajectory itself, with its run table on request.

        A backend that keeps the errors of runs (`RunRows.errors`) returns them with the table;
        without them, failed runs look like those that were not run after loading.

        Raises
        ------
        ValueError
            The trajectory does not exist; the message lists those that do.
        """

    @abstractmethod
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
        """Yield the node at ``path`` and, if ``recursive``, its descendants.

        Parents come before their children; below one group, groups and leaves come in
        alphabetical order and links last; nothing below a link is followed. ``max_depth`` counts
        levels below ``path``. ``wants(full_name)`` is called right before the record of a leaf is
        created, and returns whether to read its items; ``item_filter(name)`` selects among them.

        Raises
        ------
        ValueError
            The trajectory is not there.
        DataNotInStorageError
            There is no node at ``path``.
        """

    # ----- what a backend may override -----------------------------------------------------

    def stored_child_names(
        self, trajectory_name: str, path: str, *, limit: int, timeout: float
    ) -> list[str]:
        """Return names below a node; see `pypet.interfaces.StorageService`.

        By default they are those of the first ``limit`` records of `read_intact_nodes`; nothing
        is unpickled.
        """
        found: list[str] = []
        depth = path.count(".") + 1 if path else 0
        with self.reading(), unpickling(UnpicklingPolicy(NEVER)):
            records = self.read_intact_nodes(
                trajectory_name,
                path,
                recursive=True,
                max_depth=1,
                wants=lambda name: False,
                skip=lambda name, error: found.append(name),
            )
            # The first one is the node itself.
            found += [record.path for record in islice(records, limit + 1)]
            del records  # ends a generator before its source is closed
        below = [name.rpartition(".")[2] for name in found if name and name.count(".") == depth]
        return below[:limit]

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
        """Yield the records of `read_nodes` that can be read, and call ``skip`` for the others.

        ``skip(full_name, error)`` gets the full name of a node that cannot be read; nothing below
        it is yielded. By default reading ends with the first one, and the name is ``path``;
        override this if reading can continue with the next node.

        Raises
        ------
        ValueError
            The trajectory is not there.
        DataNotInStorageError
            There is no node at ``path``.
        """
        try:
            yield from self.read_nodes(
                trajectory, path, recursive=recursive, max_depth=max_depth, wants=wants
            )
        except (StorageFormatError, RefusedPickleError) as error:
            skip(path, error)

    def view_node(
        self, trajectory: str, path: str = "", *, wants: Callable[[str], bool]
    ) -> NodeView:
        """Return a view of a node, by default the root, for access to single nodes.

        For reading a little of many nodes. ``wants(full_name)`` is whether the items of a leaf
        are likely to be needed. Views are used within `reading`, and within `exclusive` if there
        are threads.

        Raises
        ------
        ValueError
            The trajectory is not there.
        DataNotInStorageError
            There is no such node.
        """
        record = read_one(self, trajectory, path, with_items=False)
        return RecordView(self, trajectory, record, wants)

    def verify(self, trajectory: str) -> Iterator[Finding]:
        """Read all stored data of a trajectory, and yield the problems found.

        Nothing is unpickled. Not supported by default.

        Raises
        ------
        NoSuchServiceError
            The service cannot verify its data.
        ValueError
            The trajectory is not there.
        StorageFormatError
            Nothing of it can be read.
        """
        raise NoSuchServiceError(f"{type(self).__name__} cannot verify what it keeps.")

    def inspect_meta(self, trajectory: str) -> tuple[MetaRecord, tuple[str, ...]]:
        """Return the data about a trajectory with its run table, and which parts are damaged.

        For ``pypet show``, like the next two methods. Override them if data can be shown without
        reading values, or although it is damaged.

        Raises
        ------
        ValueError
            The trajectory is not there.
        StorageFormatError
            It cannot be read.
        """
        return self.read_meta(trajectory, with_runs=True), ()

    def inspect_digests(self) -> Iterator[tuple[str, Digest | Exception]]:
        """Yield name and digest of each trajectory, or why it cannot be read.

        For lists of many files: override it if this is possible with less reading.

        Raises
        ------
        OSError, ValueError, StorageFormatError
            Nothing can be read.
        """
        for name in self.trajectory_names():
            yield name, self._digest(name)

    def _digest(self, trajectory: str) -> Digest | Exception:
        try:
            return digest_of(self.inspect_meta(trajectory)[0])
        except (OSError, PypetError, VersionMismatchError, ValueError) as error:
            return error

    def inspect_nodes(self, trajectory: str) -> Iterator[StoredNode]:
        """Yield all nodes of a trajectory without values, damaged ones with the problem.

        Errors are those of `inspect_meta`.
        """
        damaged: list[StoredNode] = []
        for record in self.read_intact_nodes(
            trajectory,
            "",
            recursive=True,
            max_depth=None,
            wants=lambda name: True,
            skip=lambda name, error: damaged.append(
                StoredNode(name, DAMAGED, problem=" ".join(str(error).split()))
            ),
        ):
            yield stored_node(record)
        yield from damaged

    def inspect_items(self, trajectory: str, path: str) -> tuple[Item, ...]:
        """Return the items of the leaf at ``path``.

        Raises
        ------
        ValueError
            The trajectory is not there.
        RefusedPickleError, StorageFormatError
            An item cannot be read.
        """
        nodes = self.read_nodes(
            trajectory, path, recursive=False, max_depth=None, wants=lambda name: True
        )
        return next(iter(nodes)).items or ()

    def has_writer(self) -> bool | None:
        """Return whether a process has the storage open for writing; None if that is unknown."""
        return None

    def has_pending_commit(self) -> bool:
        """Return whether a commit is to be completed whose writer was killed."""
        return False

    def exclusive(self, *others: RecordBackend) -> AbstractContextManager[Any]:
        """Lock the storage, and those of ``others``, for this thread in a ``with`` block.

        Messages that load, merge or copy are processed in such a block. It is reentrant, but a
        service that is needed later has to be among ``others`` from the start. By default there is
        no lock, and the service must not be used by several threads at once.
        """
        return nullcontext()

    def open(self) -> None:
        """Open the storage and keep it open until `close`."""

    def close(self) -> None:
        """Write everything and close the storage."""

    let_go = FormerMethod("close_on_exit")

    def flush(self) -> None:
        """Make everything that was applied durable."""

    def try_flush(self, *, durable: bool) -> bool:
        """Make what was applied visible to others, and with ``durable`` safe from a loss of power.

        Returns False if this has to wait because others are reading the storage; the data is
        kept until then. By default it is always done.
        """
        self.flush()
        return True

    @contextmanager
    def durable_commits(self, *, interval: float | None = None) -> Iterator[None]:
        """Make every commit survive a loss of power within a ``with`` block, see `durable`.

        ``interval`` replaces `commit_interval` within the block, because journaled data need
        not be committed as often. Both are restored afterwards.
        """
        former = self.durable, self.commit_interval
        self.durable = True
        if interval is not None:
            self.commit_interval = interval
        try:
            yield
        finally:
            self.durable, self.commit_interval = former

    def check_file_message(self, msg: str, trajectory: str | None) -> None:
        """Raise ValueError if a message to open, flush or close is not possible now.

        ``trajectory`` is the name in the message.
        """

    def relocate(self, *, filename: str | None = None, file_title: str | None = None) -> None:
        """Follow the location keywords that may come with any message."""

    def adopt_settings(self, settings: Mapping[str, Any]) -> None:
        """Take over settings of a trajectory: those found under ``config.<config_group>`` before
        meta data is stored, and those read back from the storage when it is loaded."""

    def settings(self) -> Mapping[str, tuple[Any, str]]:
        """Return the current settings with comments, by name below the config group."""
        return {}

    def for_preparing(self) -> Self:
        """Return a service that prepares requests like this one, without access to stored data.

        Workers get it, inherited or pickled, if another process applies the requests.
        """
        return self

    def packed(self, request: StoreRequest) -> StoreRequest:
        """Return a request prepared so that applying it is as fast as possible.

        Called in the process that created the request, before it is sent or waits for a lock, so
        that work such as compression is done in parallel.
        """
        return request

    def unpacked(self, item: Item) -> Item:
        """Return an item of a request that `packed` returned as it was before, or any other."""
        return item

    def grown(self, stored: Item, added: Item, options: Mapping[str, Any]) -> Item:
        """Return the state of a stored item after one of its name was put without overwriting.

        ``options`` are those of `PutNode`. By default it does not change; override this in a
        backend that appends to items with some options.
        """
        return stored

    def wants_summary(self, path: str, comment: str) -> bool:
        """Return whether `PutNode.summary` of the leaf at ``path`` will be read."""
        return False

    def delete_trajectory(self, trajectory: str) -> None:
        """Delete everything about a trajectory; ValueError if it is not there."""
        raise NoSuchServiceError(f"{type(self).__name__} deletes no trajectories.")

    def access_data(
        self,
        trajectory: str,
        path: str,
        item_name: str,
        request: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> Any:
        """Create, read or change shared data: an item of a leaf that stays in the storage.

        ``request`` names a method of the stored object, called with ``args`` and ``kwargs``, or
        an attribute if both are None. Every such service supports the requests
        ``create_shared_data``, ``pandas_put``, ``pandas_get``, ``pandas_select``,
        ``make_shared``, ``make_ordinary`` and ``__thenode__``, the stored object itself.

        Raises
        ------
        NoSuchServiceError
            The service does not support shared data.
        DataNotInStorageError
            There is no such leaf or item.
        """
        raise NoSuchServiceError(
            f"{type(self).__name__} keeps no shared data, so {request!r} of item {item_name!r} of "
            f"{path!r} is not possible. Use the HDF5 storage service, or ordinary results."
        )

    @contextmanager
    def kept_open(self, trajectory_name: str) -> Iterator[Self]:
        """Keep the storage open within a ``with`` block, unless it is open already."""
        if self.is_open:
            yield self
            return
        self.open()
        self.is_kept_open = True
        try:
            yield self
        finally:
            self.is_kept_open = False
            self.close()

    # ----- other places --------------------------------------------------------------------

    def beside(self, filename: str | None) -> Self:
        """Return the service of the same kind for another file; self for None.

        Raises
        ------
        NoSuchServiceError
            The service has no files.
        """
        if filename is None:
            return self
        raise NoSuchServiceError(
            f"{type(self).__name__} has no files, so there is no {filename!r} beside it."
        )

    def backup_service(self, trajectory: str, filename: str | None) -> Self:
        """Return the service for a backup; ``filename`` None means the default file.

        Raises
        ------
        NoSuchServiceError
            The service makes no backups.
        """
        raise NoSuchServiceError(f"{type(self).__name__} makes no backups.")

    def node_copy(self, trajectory: str) -> NodeCopy:
        """Return what copies nodes into a stored trajectory."""
        return NodeCopy(self, trajectory)

    def copy_to(self, target: RecordBackend, trajectory: str) -> None:
        """Copy a whole trajectory into another service of the same kind.

        Raises
        ------
        ValueError
            There is a trajectory of this name in the other service.
        """
        copy_trajectory(self, target, trajectory)


_ATTRIBUTE = "_request_is_applied"


def note_applied(error: OSError) -> None:
    """Mark an error of `RecordBackend.apply` as raised after the request was carried out.

    The request is part of the data that waits for the next commit.
    """
    setattr(error, _ATTRIBUTE, True)


def is_applied(error: BaseException) -> bool:
    """Return whether an error was marked; only in the process in which it was raised."""
    return bool(getattr(error, _ATTRIBUTE, False))
