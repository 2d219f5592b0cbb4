"""The journal of one experiment at a time: its folder, from the first snapshot to the end."""

from __future__ import annotations

import copy
import logging
import os
import shlex
import shutil
import struct
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.errors import NotStoredError
from pypet.interfaces import (
    CommittedRun,
    EnvironmentLike,
    Journal,
    Option,
    Restored,
    Snapshot,
    StorageService,
)
from pypet.options.established import established
from pypet.plugins.resume.folders import experiment_folder, resume_folder, snapshot_path
from pypet.plugins.resume.journal.following import Follower, repeated_runs
from pypet.plugins.resume.journal.frames import Kind, encode
from pypet.plugins.resume.journal.segments import SegmentWriter, SharedSegmentWriter, segment_paths
from pypet.plugins.resume.journal.service import JournaledService
from pypet.plugins.resume.journal.values import decode_value, encode_value
from pypet.plugins.resume.locking import ExperimentLock
from pypet.plugins.resume.snapshots.facts import count_workers
from pypet.services import RecordStorageService
from pypet.support.filesystem import make_durable_folders, sync_folder
from pypet.tree.node import put

if TYPE_CHECKING:
    from pypet.catalog.experiments import Experiment

COMMIT_SECONDS = 1.0
"""As often at the most a storage that is kept open lets others see what it got from the journal."""

_logger = logging.getLogger("pypet")


class ExperimentJournal(Journal):
    """Keeps ``environment.ecnt``, the latest snapshot, and segments in the resume folder."""

    name: ClassVar[str] = "resume"
    extra: ClassVar[str | None] = "resume"
    options: ClassVar[tuple[Option, ...]] = established(
        "resumable", "resume_folder", "delete_resume", "commit_interval"
    )

    @classmethod
    def experiment(
        cls, path: str, trajectory: str, parent: str | os.PathLike[str] | None
    ) -> Experiment | None:
        """Return the journaled state of an experiment; see `Journal.experiment`."""
        # Deferred: each environment imports this module.
        from pypet.plugins.resume.reading import ExperimentReader, folder_of_file

        folder = folder_of_file(path, trajectory, parent)
        return None if folder is None else ExperimentReader(folder).read()

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Read where the resume folder is; nothing is created yet.

        Raises
        ------
        ValueError
            The operating system lacks what it takes.
        """
        if os.name != "posix":
            raise ValueError(
                "resumable=True needs file locks as Linux and macOS have them; on this system run "
                "without, and execute what is missing after a crash by loading the trajectory."
            )
        self._options = options
        self._parent = resume_folder(options["resume_folder"])
        self._interval = float(options["commit_interval"])
        self._folder: str | None = None
        self._lock: ExperimentLock | None = None
        self._segment: SegmentWriter | None = None
        self._service: JournaledService | None = None
        self._storage: Any = None
        self._storage_before: Any = None
        self._durable_commits = ExitStack()
        self._environment: EnvironmentLike | None = None
        self._committed: set[int] = set()
        self._follower: Follower | None = None
        self._synced_at = 0.0
        self._ended: str | None = None
        """Folder of the experiment that this environment executed before."""

    @property
    def resume_folder(self) -> str:
        """Absolute path of the folder with the folders of experiments."""
        return self._parent

    # ----- before the runs -----------------------------------------------------------------

    def check_vacant(self, trajectory_name: str) -> None:
        """Raise RuntimeError if there is an experiment in the folder that can be resumed.

        Without a snapshot it is one that was over, or had not begun, when its process died.
        """
        folder = experiment_folder(self._parent, trajectory_name)
        if folder == self._ended:
            return  # the storage has all of that, and another call of the environment goes on
        if os.path.exists(snapshot_path(folder)):
            raise RuntimeError(
                f"The resume folder {folder} has the journal of an experiment already. Go on with "
                f"it by `env.resume({trajectory_name!r}, {self._parent!r})`, see what became of "
                f"it by `pypet status {folder}`, or delete the folder if it is not needed."
            )

    def begin(self, environment: EnvironmentLike, snapshot: Snapshot) -> None:
        """Make the folder, and write the first snapshot into it."""
        check_can_be_journaled(snapshot.trajectory.v_storage_service)
        name = snapshot.trajectory.v_name
        folder = experiment_folder(self._parent, name)
        make_durable_folders(folder)
        self._environment = environment
        try:
            self._lock = ExperimentLock(folder, workers=count_workers(self._options))
            self._lock.acquire()
            former = segment_paths(folder)
            if not os.path.exists(snapshot_path(folder)):
                _remove_segments(former)  # before a snapshot lets them count
            self._take(folder, snapshot.trajectory.v_storage_service)
            self.renew(snapshot)
            _remove_segments(former)
            sync_folder(self._parent)
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Remove the folder of an experiment that did not begin."""
        folder = self._folder
        self._let_go()
        if folder is not None:
            with suppress(OSError):
                _remove(folder)

    def _take(self, folder: str, storage: Any) -> None:
        self._folder = folder
        self._storage = storage
        self._storage_before = copy.copy(storage)
        # The journal is what makes runs safe: the storage may lag behind.
        interval = max(self._interval, COMMIT_SECONDS)
        self._durable_commits.enter_context(storage.durable_commits(interval=interval))

    def renew(self, snapshot: Snapshot) -> None:
        """Replace the snapshot."""
        from pypet.plugins.resume.snapshot_file import save

        assert self._folder is not None
        assert self._environment is not None
        trajectory: Any = snapshot.trajectory
        # While runs are active it has what they store with instead.
        present = trajectory.v_storage_service
        put(trajectory, "_storage_service", self._storage)
        try:
            save(self._folder, self._environment, snapshot, self._storage_before)
        finally:
            put(trajectory, "_storage_service", present)

    # ----- runs ----------------------------------------------------------------------------

    def service(self, service: StorageService, *, shared: bool) -> StorageService:
        """Return what appends to the journal; see `Journal.service`."""
        assert self._folder is not None
        assert isinstance(service, RecordStorageService)
        if self._segment is None:
            self._segment = (SharedSegmentWriter if shared else SegmentWriter)(self._folder)
        if shared and self._follower is None:
            self._follower = Follower(self._folder)
        self._service = JournaledService(
            service,
            self._folder,
            self._segment,
            committed=self._committed,
            follower=self._follower if shared else None,
            interval=self._interval,
        )
        return self._service

    def encode_value(self) -> Callable[[Any], bytes]:
        """Return what pickles return values."""
        return encode_value

    def decode_value(self) -> Callable[[bytes], Any]:
        """Return what unpickles return values."""
        return decode_value

    def runs_started(self, indices: Sequence[int]) -> None:
        """Append which runs were handed to the scheduler."""
        if self._segment is not None:
            payload = struct.pack(f"<{len(indices)}q", *indices)
            self._segment.append(encode(Kind.STARTED, [payload], started=time.time()))

    def check(self) -> None:
        """Sync if that is due, and raise for runs that could not be stored."""
        service = self._service
        if service is None:
            return
        now = time.monotonic()
        if now - self._synced_at >= self._interval:
            self._synced_at = now
            service.sync()
        self._raise(service.take_failures())

    def settle(self, completed: Sequence[int]) -> None:
        """Apply everything to the storage that is only in the journal."""
        service, self._service = self._service, None
        if service is None:
            return
        if service.is_shared:
            with service.kept_open(str(self._name)):
                service.apply_committed()
        service.sync()
        self._storage.before_commit = None
        failures = service.take_failures()
        if service.is_shared:
            for run in completed:
                if run not in self._committed and run not in failures:
                    failures[run] = RuntimeError(
                        f"what run {run} has stored is not in the journal {self._folder}"
                    )
        self._raise(failures)

    def committed_untold(self, runs: Collection[int]) -> list[CommittedRun]:
        """Return which of these runs were committed; see `Journal.committed_untold`."""
        from pypet.plugins.resume.restoring import committed_of

        assert self._folder is not None
        repeated = repeated_runs(self._folder)
        if not repeated and self._follower is not None and self._committed.isdisjoint(runs):
            return []
        runs = {*runs, *repeated}
        if not runs:
            return []
        try:
            found = committed_of(runs, self._folder, self._storage, self._name)
        except Exception:
            _logger.exception("The journal cannot be read now; resume the experiment later.")
            return []
        self._committed.update(each.index for each in found)
        return found

    @property
    def _name(self) -> str:
        assert self._environment is not None
        return self._environment.trajectory.v_name

    def _raise(self, failures: Mapping[int, Exception]) -> None:
        if not failures:
            return
        runs = sorted(failures)
        causes = {run: f"{type(error).__name__}: {error}" for run, error in failures.items()}
        raise NotStoredError(
            f"Data of {len(runs)} runs was not stored, for instance of run {runs[0]}: "
            f"{causes[runs[0]]}. They do not count as completed; resuming executes them again.",
            runs,
            causes=causes,
            is_general=False,
        ) from failures[runs[0]]

    # ----- the end -------------------------------------------------------------------------

    def end(self, *, completed: bool) -> None:
        """Remove the folder after success, unless it is to be kept."""
        folder = self._folder
        self._let_go()
        if folder is None:
            return
        self._ended = folder
        if not completed:
            parent, name = os.path.split(folder)
            _logger.warning(
                "To execute the runs that are not completed: "
                "pypet.Environment(resumable=True, ...).resume(%r, %r)\n"
                "Or on the command line: pypet resume %s",
                name,
                parent,
                shlex.quote(folder),
            )
        elif self._options["delete_resume"]:
            _remove(folder)

    def _let_go(self) -> None:
        storage, segment, lock = self._storage, self._segment, self._lock
        self._storage_before = None
        self._folder = self._storage = self._segment = self._lock = self._service = None
        self._environment = self._follower = None
        self._committed = set()
        self._durable_commits.close()
        try:
            if segment is not None:
                segment.close()
        except OSError as error:
            # What the journal lacks may not get to the storage later, so that refuses it for good.
            _logger.error("The journal cannot be synchronized: %s", error)
        else:
            if storage is not None:
                storage.before_commit = None
        finally:
            if lock is not None:
                lock.release()

    # ----- going on ------------------------------------------------------------------------

    def restore(
        self,
        environment: EnvironmentLike,
        name: str,
        folder: Any,
        given: Mapping[str, Any],
        *,
        force: bool,
    ) -> Restored:
        """Read the snapshot, and bring what was committed to the storage; see `Journal.restore`."""
        from pypet.plugins.resume.restoring import restore

        parent = self._parent if folder is None else resume_folder(folder)
        own = experiment_folder(parent, name)
        if not os.path.isdir(own):
            raise FileNotFoundError(
                f"There is no experiment {name!r} to resume in {parent}: there is no folder {own}. "
                "`resume_folder` is the folder above it; with `add_time` the name has the time, "
                "too."
            )
        self._parent = parent
        self._environment = environment
        self._lock = ExperimentLock(own, workers=count_workers(self._options))
        self._lock.acquire()
        try:
            restored, self._committed, self._follower = restore(
                own, environment, given, force=force
            )
            self._take(own, restored.snapshot.trajectory.v_storage_service)
        except BaseException:
            self._let_go()
            raise
        return restored


def _remove(folder: str) -> None:
    """Remove the folder of an experiment, first of all the snapshot.

    Segments without their snapshot say nothing any more, however much of the folder is left. But
    a snapshot without segments would say that no run was committed.
    """
    with suppress(FileNotFoundError):
        os.remove(snapshot_path(folder))
        sync_folder(folder)
    try:
        shutil.rmtree(folder)
    except OSError as error:  # which names only what is in the folder
        raise OSError(
            error.errno,
            f"The folder of an experiment that needs it no more cannot be removed ({error}); "
            "delete it",
            folder,
        ) from error


def _remove_segments(paths: Iterable[str]) -> None:
    for path in paths:
        with suppress(FileNotFoundError):
            os.remove(path)


def check_can_be_journaled(service: Any) -> None:
    """Raise ValueError unless a storage service takes requests and keeps them."""
    if not isinstance(service, RecordStorageService):
        raise ValueError(
            f"resumable=True does not work with the storage service {service!r}: it has to be a "
            "`pypet.services.RecordStorageService`, such as 'hdf5'."
        )
    if service.main_process_only or not service.keeps_data:
        raise ValueError(
            f"resumable=True does not work with the storage service {service!r}: nothing of what "
            "it keeps is left after a crash. Use one that stores on a disk, such as 'hdf5'."
        )
