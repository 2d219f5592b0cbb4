"""The state of an experiment: whether it runs, how far it is, and how long it will take."""

from __future__ import annotations

import operator
import os
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pypet.catalog.files import UNREADABLE, check_has, service_for
from pypet.catalog.progress import RunProgress
from pypet.encoding.unpickling import NEVER, UnpicklingPolicy, unpickling
from pypet.errors import UnknownPluginError
from pypet.leaves.codec import decode_leaf
from pypet.leaves.parameter import Parameter
from pypet.manager import get_manager
from pypet.records import MetaRecord, RunRows
from pypet.records.run_rows import NOT_STARTED
from pypet.runs.states import COMMITTED

RUNNING, INTERRUPTED, COMPLETE = "running", "interrupted", "complete"
"""States of experiments: a process executes it; none does, and runs are missing or failed; all runs
are completed."""
_ENVIRONMENTS = "config.environment"
_LEAVES = ("timestamp", "finish_timestamp", "multiproc", "wrap_mode")
_RESUME_FOLDER = "resume_folder"
_RECENT_SECONDS = 10.0
"""A file that changed within this time is being written, where each run opens and closes it: run
tables are stored every five seconds at least while runs complete."""


@dataclass(frozen=True, slots=True)
class Process:
    """Who executes an experiment, or did last."""

    pid: int
    host: str
    since: float
    """When it took the experiment up, in seconds since the epoch."""
    workers: int | None
    """How many runs it executes at a time; None if that is unknown."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment at one moment."""

    at: float
    """That moment, in seconds since the epoch."""
    trajectory: str
    file: str | None
    """Absolute path of the data file; None if it is unknown."""
    state: str | None
    """`RUNNING`, `INTERRUPTED` or `COMPLETE`; None if nothing tells whether it is running."""
    progress: RunProgress
    process: Process | None = None
    """None if it is unknown."""
    since: float | None = None
    """When the process that executes it now took it up; None unless it is running."""
    folder: str | None = None
    """The folder of its journal; None if all that is known is in the file."""
    problems: tuple[str, ...] = ()
    """What is there but cannot be read."""


def experiment(
    path: str, trajectory: str, *, resume_folder: str | os.PathLike[str] | None = None
) -> Experiment:
    """Return the state of the experiment that a trajectory of a file belongs to.

    A journal knows more than the file does: what runs have committed is there first, and so is
    who executes the experiment. It is looked for in ``resume_folder``, by default in the folders
    that the file names, and in the one that `Environment` takes by default. Without a journal, the
    run table of the file counts, and whether a process has the file open for writing.

    Raises
    ------
    DataNotInStorageError
        There is no such trajectory.
    OSError, ValueError, StorageFormatError
        There is no such file, or it or the trajectory cannot be read.
    """
    for journal in get_manager().journals():
        found: Experiment | None = journal.experiment(path, trajectory, resume_folder)
        if found is not None:
            return found
    return experiment_in_file(path, trajectory)


def experiment_in_file(path: str, trajectory: str) -> Experiment:
    """Return what a file alone tells of an experiment; errors are those of `experiment`."""
    service = service_for(path)
    names = check_has(service, path, trajectory)
    meta: MetaRecord = service.inspect_meta(trajectory)[0]
    progress = RunProgress(max(meta.info.length, len(meta.runs or ())), meta.runs)
    state = since = None
    if progress.count(COMMITTED) == len(progress.states):
        state = COMPLETE
    else:
        state = _state(service, path, meta, names)
    if state == RUNNING and meta.runs is not None:
        since = _begin_of_latest(meta.runs)
    return Experiment(time.time(), trajectory, os.path.abspath(path), state, progress, since=since)


def recorded_resume_folders(path: str, trajectory: str) -> list[str]:
    """Return the folders for journals of resumable experiments that a trajectory's config names.

    They are absolute paths, that of the latest environment first; a file of unknown origin can
    name anything. There are none if the file cannot be read.
    """
    try:
        service = service_for(path)
    except UNREADABLE:
        return []
    environments = _environments(service, trajectory, ("timestamp", _RESUME_FOLDER))
    folders = (each.get(_RESUME_FOLDER) for each in environments)
    absolute = (each for each in folders if isinstance(each, str) and os.path.isabs(each))
    return list(dict.fromkeys(absolute))


def _state(service: Any, path: str, meta: MetaRecord, names: list[str]) -> str | None:
    """Return the state of an experiment some of whose runs are not completed."""
    environment = _latest_environment(service, meta.info.name)
    if "finish_timestamp" in environment:
        return INTERRUPTED
    is_written = service.has_writer()
    if is_written:
        return RUNNING if _is_latest(service, meta, names) else INTERRUPTED
    if environment.get("multiproc") and _is_opened_by_runs(environment.get("wrap_mode")):
        age = time.time() - os.path.getmtime(path)
        return RUNNING if age < _RECENT_SECONDS and _is_latest(service, meta, names) else None
    return None if is_written is None else INTERRUPTED


def _is_opened_by_runs(mode: Any) -> bool:
    """Return whether nobody keeps the file open with a wrap mode."""
    try:
        return get_manager().wrap_mode(str(mode)).stores_in_workers
    except UnknownPluginError:
        return True


def _is_latest(service: Any, meta: MetaRecord, names: list[str]) -> bool:
    """Return whether of all trajectories of a file it was this one that was worked on last."""
    activity = _activity(meta)
    for name in names:
        if name == meta.info.name:
            continue
        try:
            if _activity(service.inspect_meta(name)[0]) > activity:
                return False
        except UNREADABLE:  # it is described as such where the file is listed
            continue
    return True


def _activity(meta: MetaRecord) -> float:
    """Return when something was last started, in seconds since the epoch."""
    runs = meta.runs
    started = np.zeros(0) if runs is None else runs.timestamp[runs.timestamp != NOT_STARTED]
    known = started[np.isfinite(started)]
    return max(meta.info.timestamp, float(known.max()) if len(known) else 0.0)


def _begin_of_latest(runs: RunRows) -> float | None:
    """Return when the environment that executed runs last began with them."""
    started = runs.timestamp != NOT_STARTED
    if not started.any():
        return None
    latest = runs.environment[started][np.argmax(runs.timestamp[started])]
    return float(runs.timestamp[started & (runs.environment == latest)].min())


def _latest_environment(service: Any, trajectory: str) -> Mapping[str, Any]:
    """Return what the config of a trajectory has of its latest environment, by name of the leaf.

    ``finish_timestamp`` is there only if the environment came to its regular end.
    """
    return next(iter(_environments(service, trajectory, _LEAVES)), {})


def _environments(
    service: Any, trajectory: str, leaves: Collection[str]
) -> list[Mapping[str, Any]]:
    """Return what the config of a trajectory has of its environments, the latest first.

    Those without a time are left out.
    """
    environments: dict[str, dict[str, Any]] = {}
    for name, leaf, value in _config_values(service, trajectory, leaves):
        environments.setdefault(name, {})[leaf] = value
    timed = [each for each in environments.values() if isinstance(each.get("timestamp"), float)]
    return sorted(timed, key=operator.itemgetter("timestamp"), reverse=True)


def _config_values(
    service: Any, trajectory: str, leaves: Collection[str]
) -> Iterator[tuple[str, str, Any]]:
    """Yield environment, leaf and value of what is wanted of the config."""
    depth = _ENVIRONMENTS.count(".") + 3
    nodes = service.read_intact_nodes(
        trajectory,
        _ENVIRONMENTS,
        recursive=True,
        max_depth=2,
        wants=lambda name: name.count(".") == depth - 1 and name.rpartition(".")[2] in leaves,
        skip=lambda name, error: None,  # described as damaged where the trajectory is shown
    )
    try:
        for node in nodes:
            parts = node.path.split(".")
            if not node.items or len(parts) != depth:
                continue
            leaf = Parameter(node.path)
            with unpickling(UnpicklingPolicy(NEVER)):
                decode_leaf(leaf, {item.name: item for item in node.items})
            yield parts[-2], parts[-1], leaf.f_get_default()
    except (*UNREADABLE, TypeError):  # not there, or what is there is no such parameter
        return
