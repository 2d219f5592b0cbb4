"""The interface of journals, which make experiments resumable."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.interfaces.environment import EnvironmentLike, TrajectoryLike
from pypet.interfaces.feature import Feature
from pypet.interfaces.storage import StorageService

if TYPE_CHECKING:
    from pypet.catalog.experiments import Experiment


class Snapshot(NamedTuple):
    """Everything needed to resume an experiment, except for the data that its runs stored."""

    trajectory: TrajectoryLike
    job: Any
    """Run function and arguments, a `pypet.environment.job.Job`."""
    postprocessing: Any
    """A `pypet.environment.pipeline.PostProcessing`, or None."""
    start_timestamp: float
    """When the experiment began, in seconds since the epoch."""
    results: list[tuple[int, Any]]
    """Return values of runs so far, as post-processing has left them."""


class Restored(NamedTuple):
    """A resumed experiment: the latest snapshot, and the runs committed since."""

    snapshot: Snapshot
    results: list[tuple[int, Any]]
    """Those of the snapshot, and then indices and return values of the runs that were committed
    since, by index."""
    context: AbstractContextManager[Any] = nullcontext()
    """Context in which to execute the experiment: its main script is that of the process."""


class CommittedRun(NamedTuple):
    """A run that was committed, but whose outcome was never reported."""

    index: int  # type: ignore[assignment]  # hides the method of tuples, which is not needed
    value: Any
    started: float
    """In seconds since the epoch, as is the next one."""
    finished: float


class Journal(Feature, ABC):
    """Records data of runs of resumable experiments until it is safe in the storage.

    One is created for each environment with ``resumable=True``, in the main process. `begin` is
    called before the experiment touches the storage, `service` for each pass over the runs, `end`
    when everything is stored; `restore` instead of `begin` if an experiment is resumed.
    """

    @abstractmethod
    def __init__(self, options: Mapping[str, Any]) -> None:
        """Check the options.

        Raises
        ------
        ValueError
            An option is wrong, or a package that it needs is missing.
        """

    @property
    def resume_folder(self) -> str | None:
        """Absolute path of the folder that has the folders of experiments; None without one.

        It is stored in the config of the environment, where `experiment` can find it.
        """
        return None

    @abstractmethod
    def check_vacant(self, trajectory_name: str) -> None:
        """Raise RuntimeError if there is a journal of another experiment in its place."""

    @abstractmethod
    def begin(self, environment: EnvironmentLike, snapshot: Snapshot) -> None:
        """Write the first snapshot; from now on the experiment can be resumed.

        Raises
        ------
        ValueError
            The storage service cannot be journaled.
        Exception
            Something in the snapshot cannot be pickled.
        """

    @abstractmethod
    def abandon(self) -> None:
        """Remove everything that `begin` created: the experiment could not be stored at all."""

    @abstractmethod
    def renew(self, snapshot: Snapshot) -> None:
        """Replace the snapshot: the trajectory was expanded, which is not stored yet."""

    @abstractmethod
    def service(self, service: StorageService, *, shared: bool) -> StorageService:
        """Return the service that stores through the journal, for one pass over the runs.

        With ``shared``, workers store with copies of it; otherwise one process stores for all
        runs.
        """

    @abstractmethod
    def encode_value(self) -> Callable[[Any], bytes]:
        """Return the function that encodes return values of runs; it can be pickled."""

    @abstractmethod
    def decode_value(self) -> Callable[[bytes], Any]:
        """Return the function that decodes values encoded by `encode_value`."""

    @abstractmethod
    def runs_started(self, indices: Sequence[int]) -> None:
        """Record which runs were submitted to the scheduler."""

    @abstractmethod
    def check(self) -> None:
        """Raise if data of committed runs cannot be stored; called while a scheduler waits.

        Raises
        ------
        NotStoredError
            ``runs`` are the indices of those runs; they are named once.
        """

    @abstractmethod
    def settle(self, completed: Sequence[int]) -> None:
        """Apply everything that runs have committed to the storage, at the end of a pass.

        ``completed`` are the runs of the pass that were reported as completed.

        Raises
        ------
        NotStoredError
            Some were not committed, or could not be stored.
        """

    @abstractmethod
    def committed_untold(self, runs: Collection[int]) -> list[CommittedRun]:
        """Return which of these runs were committed, after `settle`; the storage has their data.

        ``runs`` were submitted and are not completed according to their scheduler, or failed once.
        A process may have died between the commit of a run and its report. Other runs that were
        executed twice according to the journal are added.
        """

    @abstractmethod
    def end(self, *, completed: bool) -> None:
        """Finish: the experiment is over, and stored if ``completed``. Safe to call twice."""

    @classmethod
    def experiment(
        cls, path: str, trajectory: str, parent: str | os.PathLike[str] | None
    ) -> Experiment | None:
        """Return the journal of the experiment that a trajectory of a file belongs to.

        Called to inspect a file, in any process, even while the experiment runs: nothing
        may be changed or unpickled. ``parent`` is the folder with the folders of experiments; None
        for those that the file names (`pypet.catalog.recorded_resume_folders`), and the default
        of the option. Returns None by default, and if there is no journal of the experiment.
        """
        return None

    @abstractmethod
    def restore(
        self,
        environment: EnvironmentLike,
        name: str,
        folder: Any,
        given: Mapping[str, Any],
        *,
        force: bool,
    ) -> Restored:
        """Restore the experiment with this trajectory name in a resume folder (None: the option).

        ``given`` are the options of the environment that the user has given; those that define the
        experiment must not differ. Afterwards the storage has the data of all committed runs, and
        they are completed in the trajectory of the snapshot.

        Raises
        ------
        FileNotFoundError
            There is no such experiment.
        ResumeError
            The experiment has changed, and ``force`` is not given; or it is running.
        StorageFormatError
            The snapshot is damaged, or of a version that cannot be read.
        """
