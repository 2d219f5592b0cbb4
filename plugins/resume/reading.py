"""Reading the folder of an experiment while it runs, or after it died; nothing is unpickled."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Any

from pypet.catalog.experiments import (
    COMPLETE,
    INTERRUPTED,
    RUNNING,
    Experiment,
    Process,
    experiment_in_file,
    recorded_resume_folders,
)
from pypet.catalog.files import UNREADABLE, in_a_line
from pypet.errors import RefusedPickleError, ResumeError
from pypet.manager import get_manager
from pypet.plugins.resume.folders import experiment_folder, resume_folder, snapshot_path
from pypet.plugins.resume.journal.following import Committed, Follower
from pypet.plugins.resume.journal.synced_file import SUFFIX
from pypet.plugins.resume.locking import LOCK_NAME, is_running, read_holder
from pypet.plugins.resume.run_progress import JournalProgress
from pypet.plugins.resume.snapshots.container import read_header, script_of
from pypet.plugins.resume.snapshots.descriptions import EXPERIMENT_KEY
from pypet.plugins.resume.snapshots.facts import FACTS_KEY
from pypet.plugins.resume.snapshots.processes import identify_process
from pypet.records import MetaRecord, RunRows
from pypet.runs.states import COMMITTED
from pypet.services.transfer import has_node

PATIENCE_SECONDS = 2.0
"""How long to wait for a data file that another process has open."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The readable part of a segment of a journal."""

    path: str
    size: int
    """Bytes up to the end of the last whole frame."""
    damaged: int
    """Bytes among these that are of no whole frame: lost to damage of the disk, or to a crash."""
    torn: int
    """Bytes of an incomplete frame at the end, which is being written or was cut off."""


@dataclass(frozen=True, slots=True)
class ExperimentReport(Experiment):
    """The information about an experiment in its journal."""

    header: Mapping[str, Any] = field(default_factory=dict)
    """Of the snapshot; empty if it cannot be read."""
    segments: tuple[Segment, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """What the snapshot says of the experiment; see `collect_facts`."""
        facts: dict[str, Any] = self.header.get(FACTS_KEY, {})
        return facts

    @property
    def function(self) -> str | None:
        """Name of the run function, and where it is."""
        described = self.header.get(EXPERIMENT_KEY, {}).get("function")
        if not described:
            return None
        reference = described.get("reference") or {}
        place = reference.get("path") or reference.get("module")
        return f"{described['name']} of {place}" if place else str(described["name"])

    @property
    def script(self) -> str | None:
        """Path of the main script; None in a session, or if it is unknown."""
        script = script_of(self.header) if self.header else None
        return None if script is None else script.path


class ExperimentReader:
    """Reads the folder of an experiment, again and again only what is new in it."""

    def __init__(self, folder: str) -> None:
        """Nothing is read yet."""
        self.folder = folder
        self._follower = Follower(folder)
        self._commits: dict[int, Committed] = {}

    def read(self) -> ExperimentReport:
        """Return what is known now.

        Raises
        ------
        FileNotFoundError
            The folder is gone, as it is after an experiment that was completed.
        """
        folder, problems = self.folder, list[str]()
        runs_now = is_running(folder)
        header = self._header(problems)
        facts = header.get(FACTS_KEY, {})
        process = _process_of(folder, facts.get("workers"))
        if runs_now and process is not None and _is_gone(process):
            runs_now = False
            problems.append(
                f"Processes that the experiment has started are still there, although its main "
                f"process {process.pid} is gone; it cannot be resumed before they end."
            )
        self._follow()
        name = facts.get("trajectory") or os.path.basename(os.path.abspath(folder))
        file = facts.get("file")
        meta = None if file is None else self._meta(file, name, problems)
        total = self._length(facts.get("runs"), meta)
        rows = None if meta is None else meta.runs
        progress = JournalProgress(total, rows)
        counted = list(self._counted())
        if not runs_now and file is not None:
            lost = runs_without_data(file, name, counted, rows)
            counted = [each for each in counted if each.run not in lost]
        progress.follow(
            counted,
            self._follower,
            facts.get("workers") if process is None else process.workers,
            process.since if runs_now and process is not None else None,
        )
        is_complete = total > 0 and progress.count(COMMITTED) == total
        segments = tuple(
            Segment(each.path, each.position, each.damaged, each.rest)
            for each in self._follower.readers
        )
        problems += [
            f"{each.path}: {each.damaged} bytes are damaged; runs that they belong to count as "
            "not committed"
            for each in segments
            if each.damaged
        ]
        return ExperimentReport(
            time.time(),
            name,
            file,
            RUNNING if runs_now else COMPLETE if is_complete else INTERRUPTED,
            progress,
            process,
            process.since if runs_now and process is not None else None,
            folder,
            tuple(problems),
            header,
            segments,
        )

    def _header(self, problems: list[str]) -> dict[str, Any]:
        try:
            return read_header(snapshot_path(self.folder))
        except FileNotFoundError:
            problems.append(f"{self.folder} has no snapshot: the experiment died as it began.")
        except UNREADABLE as error:
            problems.append(in_a_line(error))
        return {}

    def _follow(self) -> None:
        for each in self._follower.new_commits():
            self._commits.setdefault(each.run, each)

    def _counted(self) -> Iterator[Committed]:
        discarded = self._follower.discarded
        for run, each in list(self._commits.items()):
            if each.attempt in discarded:
                del self._commits[run]
            else:
                yield each

    def _meta(self, file: str, name: str, problems: list[str]) -> MetaRecord | None:
        if not os.path.exists(file):
            if self._commits:
                problems.append(f"The file {file} is gone.")
            return None
        try:
            return read_meta(file, name)
        except BlockingIOError:
            return None  # what is in the journal is the same and more
        except UNREADABLE as error:
            if "There is no trajectory" not in str(error) or self._commits:
                problems.append(in_a_line(error))
            return None

    def _length(self, known: int | None, meta: MetaRecord | None) -> int:
        """Return how many runs there are; a snapshot may be older or younger than the file."""
        if known is not None:
            return known
        seen = max((*self._commits, *self._follower.started), default=-1) + 1
        return seen if meta is None else max(seen, meta.info.length)


def _process_of(folder: str, workers: int | None) -> Process | None:
    holder = read_holder(folder)
    try:
        assert holder is not None
        workers = holder.get("workers", workers)
        return Process(
            int(holder["pid"]),
            str(holder["host"]),
            float(holder["since"]),
            None if workers is None else int(workers),
        )
    except (AssertionError, KeyError, TypeError, ValueError):
        return None


def _is_gone(process: Process) -> bool:
    """Return whether a process of this host is surely dead."""
    if process.host != platform.node():
        return False
    try:
        identify_process(process.pid)
    except ProcessLookupError:
        return True
    return False


# ----- data files ------------------------------------------------------------------------------


def service_of(path: str, **options: Any) -> Any:
    """Return the service that reads a file and unpickles nothing.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no file or folder {path}.")
    return new_service(path, **{"unpickle": "never", "lock_timeout": PATIENCE_SECONDS, **options})


def new_service(path: str, **options: Any) -> Any:
    """Return the service for a file that may not be there yet."""
    kind: Any = get_manager().storage_service("hdf5")
    return kind(filename=os.path.abspath(path), **options)


def read_meta(path: str, trajectory: str) -> MetaRecord:
    """Return the information of a file about a trajectory and its runs; other damage is ignored.

    Raises
    ------
    OSError, ValueError, StorageFormatError
        The file or the trajectory is not there, or cannot be read.
    """
    meta: MetaRecord = service_of(path).inspect_meta(trajectory)[0]
    return meta


def runs_without_data(
    path: str, trajectory: str, commits: Iterable[Committed], rows: RunRows | None
) -> set[int]:
    """Return which committed runs do not count, as their large data never got to the file.

    Such data is not in the journal. ``rows`` are those of the run table, if there is one.
    """
    done = set() if rows is None else set(rows.idx[rows.completed != 0].tolist())
    nodes = {each.run: each.node for each in commits if each.node and each.run not in done}
    if not nodes or not os.path.exists(path):
        return set(nodes)
    service = service_of(path)
    try:
        with service.reading():
            return {run for run, node in nodes.items() if not _has_node(service, trajectory, node)}
    except UNREADABLE:
        return set()  # damage of the file is reported elsewhere


def _has_node(service: Any, trajectory: str, path: str) -> bool:
    try:
        return has_node(service, trajectory, path)
    except RefusedPickleError:
        return True  # an annotation of it is pickled


def report_of_file(path: str, trajectory: str) -> ExperimentReport:
    """Return the state in a file without a journal; see `experiment_in_file` for errors."""
    known = experiment_in_file(path, trajectory)
    return ExperimentReport(*(getattr(known, each.name) for each in fields(Experiment)))


# ----- finding experiments ---------------------------------------------------------------------


def is_experiment(folder: str) -> bool:
    """Return whether a folder is that of one experiment: it has a snapshot or a journal."""
    try:
        names = os.listdir(folder)
    except (NotADirectoryError, FileNotFoundError):
        return False
    return any(
        name in (LOCK_NAME, os.path.basename(snapshot_path(""))) or name.endswith(SUFFIX)
        for name in names
    )


def experiments_in(folder: str) -> list[str]:
    """Return the folders of experiments: this one, or those in it, in alphabetical order.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    if is_experiment(folder):
        return [folder]
    with os.scandir(folder) as entries:
        return sorted(each.path for each in entries if each.is_dir() and is_experiment(each.path))


def folder_of_file(path: str, trajectory: str, parent: str | os.PathLike[str] | None) -> str | None:
    """Return the folder of the experiment with a trajectory of a file, None without one.

    ``parent`` is the folder that it is in; None: one of those that the config of the trajectory
    names, the latest first, or else the default one. The snapshot has to name the file in turn, so
    that neither a copy of a file nor a manipulated one leads to the journal of another experiment.

    Raises
    ------
    OSError
        The folder cannot be read.
    """
    if parent is None:
        for recorded in recorded_resume_folders(path, trajectory):
            folder = experiment_folder(recorded, trajectory)
            with suppress(OSError, ValueError):  # it may be on another machine, or be anything
                if _stores_into(folder, path):
                    return folder
    folder = experiment_folder(resume_folder(parent), trajectory)
    return folder if _stores_into(folder, path) else None


def _stores_into(folder: str, path: str) -> bool:
    """Return whether a folder is that of an experiment with this data file."""
    if not is_experiment(folder):
        return False
    try:
        file = read_header(snapshot_path(folder))[FACTS_KEY].get("file")
    except UNREADABLE:
        return False
    return file is not None and os.path.realpath(file) == os.path.realpath(path)


def the_experiment(path: str, parent: str) -> str:
    """Return the folder of the experiment that a user means by a folder, or by its main script.

    Raises
    ------
    FileNotFoundError
        There is none.
    ResumeError
        There are several.
    """
    if os.path.isdir(path):
        found = experiments_in(path)
        where = f"in {path}"
    elif not os.path.exists(path):
        raise FileNotFoundError(f"There is neither a folder nor a script {path}.")
    else:
        if not os.path.isdir(parent):
            raise FileNotFoundError(
                f"There is no resume folder {parent}; give the one of the experiments of {path} "
                "with --resume-folder."
            )
        found = [each for each in experiments_in(parent) if _is_started_by(each, path)]
        where = f"of {path} in {parent}"
    if not found:
        raise FileNotFoundError(f"There is no experiment {where} that could be resumed.")
    if len(found) > 1:
        raise ResumeError(
            f"There are {len(found)} experiments {where}; name the folder of one: "
            f"{', '.join(found)}."
        )
    return found[0]


def _is_started_by(folder: str, script: str) -> bool:
    try:
        started = script_of(read_header(snapshot_path(folder)))
    except UNREADABLE:
        return False
    return started is not None and os.path.realpath(started.path) == os.path.realpath(script)
