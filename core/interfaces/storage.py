"""The contract of storage services: messages in, messages out.

A service may be called from the main process and, if a wrap mode allows it, from workers, but from
several threads at once only if it says so, and then each with a trajectory of its own. Callers
may change the passed node as soon as ``store`` has returned; a service keeps copies, not
references. Data accepted by ``store`` can be read by ``load`` of the same service immediately; it
is durable once the service was flushed or closed.

Most backends do not implement this class but `pypet.services.RecordStorageService`, which converts
messages about live nodes to plain records and back, and only leaves the storage of records.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pypet.interfaces.feature import Feature

if TYPE_CHECKING:
    from pypet.records import MetaRecord
    from pypet.records.run_rows import RunSelection


class StorageService(Feature):
    """Stores and loads trajectories, or parts of them.

    The messages are the constants of `pypet.pypetconstants` (``TRAJECTORY``, ``LEAF``,
    ``GROUP``, ``TREE``, ``LIST``, ``SINGLE_RUN``, ``DELETE``, ...); for each, the trajectory
    says which further arguments it sends. Keyword ``trajectory_name`` comes with every message
    about data.
    """

    capabilities: ClassVar[tuple[str, ...]] = (
        "multiproc_safe",
        "multihost_safe",
        "keeps_data",
        "main_process_only",
        "supports_loading",
    )
    multiproc_safe: bool = False
    """May be used by several processes of one host at once without a wrap mode."""
    multihost_safe: bool = False
    """The same for processes of several hosts. A service that is `multiproc_safe` only, for example
    by locks of the operating system, is wrapped where workers may be on other hosts."""
    keeps_data: ClassVar[bool] = True
    """Stored data can be loaded again."""
    main_process_only: ClassVar[bool] = False
    """The data lives in the memory of the main process: only serial runs and modes that store
    there are possible."""
    supports_loading: ClassVar[bool] = True
    """``load`` works; False for senders of queueing wrap modes."""

    file_extensions: ClassVar[tuple[str, ...]] = ()
    """Endings of files or folders of the service, ``('.sqlite', '.db')``, in lower case: with them,
    ``filename`` alone chooses it. The first one is that of files that pypet names."""

    filename: str | os.PathLike[str] | None = None
    """The file or folder that holds the data; None for services without one."""
    is_kept_open: bool = False
    """The storage is open because of `kept_open`, without an ``OPEN_FILE``."""
    early: Any = None
    """Nodes that the current experiment has stored before its first run, see
    `pypet.services.early`; set by the environment. Services that ignore it store such
    nodes again only with `OVERWRITE_DATA`."""

    @property
    def is_open(self) -> bool:
        """Whether the service keeps its storage open between messages."""
        return False

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> Any:
        """Store ``stuff_to_store`` as ``msg`` says.

        Raises
        ------
        NoSuchServiceError
            The message is unknown, or some data has a type that the service cannot hold.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `store`.")

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Load into ``stuff_to_load`` as ``msg`` says.

        Raises
        ------
        NoSuchServiceError
            The message is unknown.
        DataNotInStorageError
            What should be loaded was never stored.
        """
        raise NotImplementedError(f"{type(self).__name__} does not implement `load`.")

    def kept_open(self, trajectory_name: str) -> AbstractContextManager[Any]:
        """Keep the storage open within a ``with`` block, to save opening it for each message.

        The run loop enters it around the runs of the main process. Services without anything
        to open inherit this one, which does nothing.
        """
        return nullcontext(self)

    def reading(self) -> AbstractContextManager[Any]:
        """Keep the storage open for reading within a ``with`` block, if that saves anything.

        Enter it to load many single items one after the other.
        """
        return nullcontext(self)

    def trajectory_names(self) -> list[str] | None:
        """Return the names of all stored trajectories in index order; None if that is unknown.

        Raises
        ------
        ValueError
            There is no storage yet.
        """
        return None

    def stored_child_names(
        self, trajectory_name: str, path: str, *, limit: int, timeout: float
    ) -> list[str]:
        """Return the names of at most ``limit`` stored nodes and links directly below ``path``.

        For tab completion: read names only, and wait at most about ``timeout`` seconds for others
        who use the storage. Services that cannot list nodes inherit this one, which returns none.
        What it raises is taken for no names.
        """
        return []

    def close_on_exit(self) -> None:
        """Write everything and leave the storage to others, in a process that is about to end.

        The storage is closed afterwards all the same. Services override this if they have a
        quicker way to write when the process ends, because memory need not be tidied up.
        """
        return

    # ----- experiments -----------------------------------------------------------------------

    def watched(self, trajectory_name: str) -> AbstractContextManager[Any]:
        """Insist within a ``with`` block on the storage as it is when the block begins.

        The environment enters it around an experiment, when the trajectory has been stored. In
        the block, storing and loading detect if the storage was removed, replaced or overwritten,
        and raise `pypet.errors.StorageLostError` instead of creating or using another one.
        So do copies of the service in other processes. Services whose data cannot vanish inherit
        this method, which does nothing.
        """
        return nullcontext(self)

    def check_in_place(self, trajectory_name: str) -> bool:
        """Check, within `watched`, that stored data still exists.

        Returns
        -------
        bool
            False if stored data may be missing: the storage was replaced by a copy of itself, or
            could not be written when it was closed.

        Raises
        ------
        StorageLostError
            It does not exist any more.
        Exception
            Whatever opening the storage raises; then nothing is known.
        """
        return True

    def generation(self, trajectory_name: str) -> str | None:
        """Return what distinguishes a stored trajectory from others of its name; None without.

        A new one is created when an experiment begins, and copies of the storage keep it.

        Raises
        ------
        ValueError
            There is no such trajectory.
        """
        return None

    def abandon_run(self, run: int, started: float) -> None:
        """Drop data that an attempt at a run has stored, unless others see it already.

        The attempt failed. ``run`` is the index of the run, ``started`` is in seconds since the
        epoch. Only journals hold such data back; others inherit this method, which does nothing.
        """
        return

    def finalize(self) -> None:
        """Finish the experiment; called when all of it was stored."""
        return

    def rescue_services(self, trajectory_name: str) -> Iterable[StorageService]:
        """Return services that may store the data if this one cannot, in the order to try.

        Each is new and empty, and has a ``filename``, which is shown to users. The
        environment asks when it could not store a trajectory at the end of an experiment.
        """
        return ()


@runtime_checkable
class InspectsRuns(Protocol):
    """A service that can read some rows of a run table without reading all of it."""

    def inspect_runs(self, trajectory: str, select: RunSelection) -> MetaRecord | None:
        """Return the data about a trajectory, whose run table has only the rows of some runs.

        Annotations are left out. None if that is not possible, or not faster than reading the whole
        table: because all runs are selected, say, or the table is damaged.

        Raises
        ------
        ValueError
            The trajectory is not there.
        OSError, StorageFormatError
            The file cannot be read.
        """
