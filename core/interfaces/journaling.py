"""The contract of journals: what makes an experiment resumable."""

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
    """Everything that an experiment is resumed from but what its runs stored."""

    trajectory: TrajectoryLike
    job: Any
    """Run function and arguments, a `pypet.environment.job.Job`."""
    postprocessing: Any
    """A `pypet.environment.pipeline.PostProcessing`, or None."""
    start_timestamp: float
    """When the experiment began, in seconds since the epoch."""
    results: list[tuple[int, Any]]
    """What runs have returned so far, as post-processing has left it."""


class Restored(NamedTuple):
    """An experiment that goes on: the latest snapshot, with what its runs did since."""

    snapshot: Snapshot
    results: list[tuple[int, Any]]
    """Those of the snapshot, and then indices and return values of the runs that were committed
    since, by index."""
    context: AbstractContextManager[Any] = nullcontext()
    """In which the experiment is to be executed: the main script is that of the experiment."""


class CommittedRun(NamedTuple):
    """A run that was committed, but whose outcome was never reported."""

    index: int  # type: ignore[assignment]  # hides the method of tuples, which is not needed
    value: Any
    started: float
    """In seconds since the epoch, as is the next one."""
    finished: float


class Journal(Feature, ABC):
    """Records what runs of resumable experiments store until it is safe in the storage.

    Made once per environment with ``resumable=True``, in the main process. `begin` comes before
    the storage is touched by the experiment, `service` around each round of runs, `end` when
    everything is stored; `restore` instead of `begin` where an experiment is resumed.
    """

    @abstractmethod
    def __init__(self, options: Mapping[str, Any]) -> None:
        """Check the options.

        Raises
        ------
        ValueError
            An option is wrong, or a package that it needs is missing.
        """

    @abstractmethod
    def check_vacant(self, trajectory_name: str) -> None:
        """Raise RuntimeError if the journal of another experiment is in the way."""

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
        """Remove what `begin` has made: the experiment could not be stored at all."""

    @abstractmethod
    def renew(self, snapshot: Snapshot) -> None:
        """Replace the snapshot, before what is new in it is stored: the trajectory was expanded."""

    @abstractmethod
    def service(self, service: StorageService, *, shared: bool) -> StorageService:
        """Return what stores through the journal, for the runs of one round.

        ``shared`` says that workers use copies of it by themselves; otherwise one process
        stores for all runs.
        """

    @abstractmethod
    def encode_value(self) -> Callable[[Any], bytes]:
        """Return the function, which can be pickled, that encodes what runs return."""

    @abstractmethod
    def decode_value(self) -> Callable[[bytes], Any]:
        """Return the function that makes what runs return of what `encode_value` made of it."""

    @abstractmethod
    def runs_started(self, indices: Sequence[int]) -> None:
        """Note which runs were handed to the scheduler."""

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
        """Bring everything that runs have committed to the storage, at the end of a round.

        ``completed`` are the runs of the round that were reported to be completed.

        Raises
        ------
        NotStoredError
            Some were not committed, or could not be stored.
        """

    @abstractmethod
    def committed_untold(self, runs: Collection[int]) -> list[CommittedRun]:
        """Return which of these runs were committed, after `settle`; the storage has their data.

        ``runs`` were handed out and are not completed as far as their scheduler knows, or failed
        once. A process may have died between the commit of a run and its report. Others that the
        journal knows to have been executed twice are added.
        """

    @abstractmethod
    def end(self, *, completed: bool) -> None:
        """Finish: the experiment is over, and stored if ``completed``. Safe to call twice."""

    @classmethod
    def experiment(
        cls, path: str, trajectory: str, parent: str | os.PathLike[str] | None
    ) -> Experiment | None:
        """Return what is journaled of the experiment that a trajectory of a file belongs to.

        Called by whoever looks at a file, in any process, also while the experiment runs: nothing
        may be changed or unpickled. ``parent`` is the folder with the folders of experiments, None
        for the default of the option. By default no journal tells anything, as where there is none
        of this experiment.
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
        """Take up the experiment with this trajectory name in a resume folder (None: the option).

        ``given`` are the options of the environment that the user has given: those that say what
        the experiment is must not say something else. Afterwards the storage has the data of all
        runs that were committed, and the trajectory of the snapshot knows that they are completed.

        Raises
        ------
        FileNotFoundError
            There is no such experiment.
        ResumeError
            The experiment is not the same any more, and ``force`` is not given; or it is running.
        StorageFormatError
            The snapshot is damaged, or none that this version can read.
        """
