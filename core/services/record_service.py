"""A storage service in two halves: messages to records here, records to a medium in a backend."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from pypet import pypetconstants as constants
from pypet.encoding.unpickling import Unpickling, unpickling
from pypet.errors import NoSuchServiceError
from pypet.interfaces.storage import StorageService
from pypet.records import MetaRecord, NodeRecord, StoreRequest
from pypet.services.direct_messages import DIRECT
from pypet.services.load_messages import LOADERS
from pypet.services.loading import Loading
from pypet.services.settings import note_settings
from pypet.services.store_messages import PREPARERS
from pypet.services.storing import Storing
from pypet.services.transfer import NodeCopy, copy_trajectory

_LOCATION_KEYWORDS = ("filename", "file_title")


class RecordStorageService(StorageService, ABC):
    """Turns messages about live nodes into records; a backend keeps these.

    A backend implements `apply`, `trajectory_names`, `read_meta` and `read_nodes`, and whatever
    it has to open, close and flush. Guarantees that it owes: a request applied twice has the
    effect of once; an operation that fails leaves everything that was stored before readable;
    arrays of a request are its own only during `apply` (keep copies), and what it gives back
    belongs to the caller.
    """

    encoding: str = "utf8"
    """How text is encoded in items."""
    unpickle: str = "trust"
    """What is loaded of pickles in the storage; see `pypet.encoding.unpickling`."""
    config_group: ClassVar[str | None] = None
    """Name of the group below ``config`` that holds the settings of this service."""
    is_kept_open: bool = False
    """Open because of `kept_open`, so that whoever opens and closes it meanwhile need not."""

    # ----- what a backend implements -------------------------------------------------------

    @abstractmethod
    def apply(self, request: StoreRequest) -> None:
        """Carry out the operations of a request, in order.

        Raises
        ------
        ValueError
            An operation other than `PutMeta` names a trajectory that was never stored.
        RuntimeError
            A trajectory that should be new is already there.
        DataNotInStorageError
            Something to delete is not there, and the request is not replayed.
        TypeError
            A node to delete has children, and neither is that asked for nor the request replayed.
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
        """Return the data about a trajectory itself, with its run table if asked for.

        Raises
        ------
        ValueError
            The trajectory is not there; the message names those that are.
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
        levels below ``path``. ``wants(full_name)`` is asked right before the record of a leaf is
        made, whether its items are to be read; ``item_filter(name)`` then chooses among them.

        Raises
        ------
        ValueError
            The trajectory is not there.
        DataNotInStorageError
            There is no node at ``path``.
        """

    # ----- what a backend may override -----------------------------------------------------

    def open(self) -> None:
        """Open the storage and keep it open until `close`."""

    def close(self) -> None:
        """Write everything and close the storage."""

    def let_go(self) -> None:
        """Write everything and leave the storage to others, in a process that is about to end.

        Memory need not be tidied up; nothing is asked of the service afterwards.
        """
        self.close()

    def flush(self) -> None:
        """Make everything that was applied durable."""

    def check_file_message(self, msg: str, trajectory: str | None) -> None:
        """Raise ValueError if a message to open, flush or close makes no sense now.

        ``trajectory`` is the name that came with it.
        """

    def relocate(self, *, filename: str | None = None, file_title: str | None = None) -> None:
        """Follow the location keywords that may come with any message."""

    def adopt_settings(self, settings: Mapping[str, Any]) -> None:
        """Take over settings of a trajectory: those found under ``config.<config_group>`` before
        meta data is stored, and those read back from the storage when it is loaded."""

    def settings(self) -> Mapping[str, tuple[Any, str]]:
        """Return the present settings with a comment each, by name below the config group."""
        return {}

    def for_preparing(self) -> RecordStorageService:
        """Return a service that prepares requests as this one does; it needs no stored data.

        Workers get it, inherited or pickled, where another process applies the requests.
        """
        return self

    def packed(self, request: StoreRequest) -> StoreRequest:
        """Return a request in the form in which it takes the least time to apply.

        Called where the request was made, before it travels or waits for a lock: what can be
        done there, compressing for instance, is done by many processes at once.
        """
        return request

    def wants_summary(self, path: str, comment: str) -> bool:
        """Return whether `PutNode.summary` of the leaf at ``path`` will be read."""
        return False

    def beside(self, filename: str | None) -> RecordStorageService:
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

    def backup_service(self, trajectory: str, filename: str | None) -> RecordStorageService:
        """Return the service that a backup goes to; ``filename`` None is the default place.

        Raises
        ------
        NoSuchServiceError
            The service makes no backups.
        """
        raise NoSuchServiceError(f"{type(self).__name__} makes no backups.")

    def node_copy(self, trajectory: str) -> NodeCopy:
        """Return what copies nodes into a stored trajectory."""
        return NodeCopy(self, trajectory)

    def copy_to(self, target: RecordStorageService, trajectory: str) -> None:
        """Copy a whole trajectory into another service of the same kind.

        Raises
        ------
        ValueError
            There is a trajectory of this name in the other service.
        """
        copy_trajectory(self, target, trajectory)

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
        an attribute if both are None. Requests that every such service knows are
        ``create_shared_data``, ``pandas_put``, ``pandas_get``, ``pandas_select``,
        ``make_shared``, ``make_ordinary`` and ``__thenode__``, the stored object itself.

        Raises
        ------
        NoSuchServiceError
            The service keeps no shared data.
        DataNotInStorageError
            There is no such leaf or item.
        """
        raise NoSuchServiceError(
            f"{type(self).__name__} keeps no shared data, so {request!r} of item {item_name!r} of "
            f"{path!r} is not possible. Use the HDF5 storage service, or ordinary results."
        )

    # ----- the contract of storage services ------------------------------------------------

    @contextmanager
    def kept_open(self, trajectory_name: str) -> Iterator[RecordStorageService]:
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

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store ``stuff_to_store`` as ``msg`` says; see `pypet.interfaces.StorageService`.

        Raises
        ------
        NoSuchServiceError
            The message is unknown, or a value has a type that cannot be stored.
        ValueError
            Keyword ``trajectory_name`` is missing, or the trajectory was never stored.
        """
        self._relocate(kwargs)
        if msg in _FILE_MESSAGES:
            self.check_file_message(msg, kwargs.pop("trajectory_name", None))
            getattr(self, _FILE_MESSAGES[msg])()
            return None
        direct = DIRECT.get(msg)
        if direct is not None:
            return direct(self, stuff_to_store, *args, **kwargs)
        prepared = self.prepare(msg, stuff_to_store, *args, **kwargs)
        if prepared.request.operations:
            self.apply(prepared.request)
        prepared.confirm()
        return None

    def prepare(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Storing:
        """Return the request that a message stands for without applying it.

        Wrap modes send ``prepare(...).request`` to where it can be applied and call
        ``confirm()``, which marks the nodes as stored.
        """
        trajectory = kwargs.pop("trajectory_name", None)
        if trajectory is None:
            raise ValueError(f"Message {msg!r} to {type(self).__name__} lacks `trajectory_name=`.")
        preparer = PREPARERS.get(msg)
        if preparer is None:
            raise self._unknown(msg, "store", [*PREPARERS, *DIRECT, *_FILE_MESSAGES])
        storing = Storing(self, trajectory)
        preparer(storing, stuff_to_store, *args, **kwargs)
        return storing

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load into ``stuff_to_load`` as ``msg`` says; see `pypet.interfaces.StorageService`.

        Raises
        ------
        NoSuchServiceError
            The message is unknown.
        ValueError
            The trajectory or its index is missing or wrong, or arguments contradict each other.
        DataNotInStorageError
            The node is not in the storage.
        RefusedPickleError
            Something is pickled that `unpickle` does not let in.
        """
        self._relocate(kwargs)
        name = kwargs.pop("trajectory_name", None)
        index = kwargs.pop("trajectory_index", None)
        loader = LOADERS.get(msg)
        if loader is None:
            raise self._unknown(msg, "load", LOADERS)
        with self.reading(), unpickling(Unpickling(self.unpickle)) as rule:
            loading = Loading(self, self._find_trajectory(name, index), rule)
            loader(loading, stuff_to_load, *args, **kwargs)

    def join(self, trajectory: Any) -> None:
        """Become the service of ``trajectory`` and, if it is new, note the settings there.

        Settings that the trajectory holds already are left alone: they win when it is stored.
        """
        if self.config_group is not None and not trajectory.v_stored:
            note_settings(trajectory, self.config_group, self.settings())
        trajectory.v_storage_service = self

    def _relocate(self, kwargs: dict[str, Any]) -> None:
        location = {key: kwargs.pop(key) for key in _LOCATION_KEYWORDS if key in kwargs}
        if location:
            self.relocate(**location)

    def _find_trajectory(self, name: str | None, index: int | None) -> str:
        if (name is None) == (index is None):
            raise ValueError(
                "Give the name or the index of the trajectory to load; "
                f"{'both were' if name is not None else 'neither was'} given."
            )
        if name is not None:
            return name
        names = self.trajectory_names()
        if not -len(names) <= index < len(names):  # type: ignore[operator]
            raise ValueError(
                f"There is no trajectory with index {index}; there are {len(names)}: "
                f"{', '.join(names) or 'none is stored'}."
            )
        return names[index]  # type: ignore[index]

    def _unknown(self, msg: str, verb: str, known: Any) -> NoSuchServiceError:
        return NoSuchServiceError(
            f"{type(self).__name__} does not know the message {msg!r} to {verb}. "
            f"It knows {', '.join(sorted(known))}."
        )


_FILE_MESSAGES = {
    constants.OPEN_FILE: "open",
    constants.CLOSE_FILE: "close",
    constants.FLUSH: "flush",
}
