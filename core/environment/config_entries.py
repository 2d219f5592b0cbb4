"""The config that an environment records about itself, below ``config.environment``."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Container, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet import pypetconstants
from pypet.leaves import Parameter
from pypet.pypetconstants import OVERWRITE_DATA
from pypet.support.processes import main_script
from pypet.trajectory.seeds import ENVIRONMENTS, HEXSHA, SEED, TIMESTAMP
from pypet.tree.tree import tree_of

if TYPE_CHECKING:
    from pypet.interfaces import WrapMode
    from pypet.trajectory import Trajectory

GROUP = ENVIRONMENTS
ADDED_RUNS = "added_runs"
RESUME_FOLDER = "resume_folder"
GROUP_COMMENT = "Settings, times and origins of the environments that used this trajectory."


class Entry(NamedTuple):
    """A config leaf; ``name`` is relative to the group of the environment."""

    name: str
    value: Any
    comment: str


class EnvironmentConfig:
    """Adds leaves below ``config.environment.<name of the environment>``."""

    def __init__(self, trajectory: Trajectory, environment_name: str) -> None:
        self._trajectory = trajectory
        self._prefix = f"{GROUP}.{environment_name}"
        self._first_start: float | None = None
        self._served: Parameter | None = None

    def add_settings(
        self,
        options: Mapping[str, Any],
        timestamp: float,
        hexsha: str,
        seed: int,
        mode: type[WrapMode] | None = None,
        scheduler: str = "",
        url: str | None = None,
    ) -> None:
        """Add and lock what is known when the environment is made.

        ``mode`` is the wrap mode of parallel runs, None without them; ``scheduler`` describes what
        executes them; ``url`` is the address of the server of the mode, if it is known.
        """
        trajectory = self._trajectory
        parallel = mode is not None and options["do_single_runs"]
        for entry in (
            *_settings(options, seed),
            *(_parallel_settings(options, mode, scheduler) if parallel else ()),
            *([_url(url)] if parallel and url is not None else ()),
            *_origins(trajectory.v_name, trajectory.v_timestamp, timestamp, hexsha),
        ):
            self.put(entry).f_lock()

    def put(self, entry: Entry) -> Parameter:
        """Add a leaf, or set the value of the existing one; return it."""
        full_name = f"config.{self._prefix}.{entry.name}"
        leaf: Any = self._trajectory.f_get_default(full_name, shortcuts=False, fast_access=False)
        if leaf is not None:
            leaf.f_unlock()
            leaf.f_set(entry.value)
            return leaf  # type: ignore[no-any-return]
        leaf = self._trajectory.f_add_config(
            Parameter, f"{self._prefix}.{entry.name}", entry.value, comment=entry.comment
        )
        group: Any = self._trajectory.f_get(f"config.{GROUP}", shortcuts=False)
        if not group.v_comment:
            group.v_comment = GROUP_COMMENT
        return leaf  # type: ignore[no-any-return]

    def put_seed(self, seed: int) -> None:
        """Record a seed that replaces the one of `add_settings`."""
        self.put(_seed(seed)).f_lock()

    def put_trajectory(self) -> None:
        """Record name and time of the trajectory again: it has become a stored one."""
        for entry in _trajectory(self._trajectory.v_name, self._trajectory.v_timestamp):
            self.put(entry).f_lock()

    def put_resume_folder(self, folder: str) -> None:
        """Record where the journal of the experiment is, for those who only have the data file."""
        comment = "Folder with the folders of resumable experiments."
        self.put(Entry(RESUME_FOLDER, folder, comment)).f_lock()

    def put_wildcards(self) -> None:
        """Record the wildcard functions with name, docstring and source, if available."""
        functions = tree_of(self._trajectory).wildcards.functions
        for number, (aliases, function) in enumerate(functions.items()):
            for entry in _wildcard(f"wildcards.function_{number}", aliases, function):
                self.put(entry)

    def put_expansion(self) -> None:
        """Record that post-processing expanded the trajectory."""
        self.put(Entry("postproc_expand", True, "Post-processing expanded the trajectory."))

    def put_added_runs(self, number: int, first: int, stop: int) -> None:
        """Record that post-processing added the runs ``first`` to ``stop - 1``.

        For scripts that may be started again; ``number`` counts the expansions from 0.
        """
        comment = "First run that post-processing added, and the first one after them."
        self.put(Entry(f"{ADDED_RUNS}.expansion_{number}", (first, stop), comment)).f_lock()

    def put_url(self, url: str) -> None:
        """Record where the server of the wrap mode listens; each pass may have another port."""
        self._served = self.put(_url(url))
        self._served.f_lock()

    @property
    def start_timestamp(self) -> float:
        """When the first experiment of the environment began, in seconds since the epoch."""
        return time.time() if self._first_start is None else self._first_start

    def set_start(self, timestamp: float) -> None:
        """Keep the time at which the first experiment of the environment began."""
        if self._first_start is None:
            self._first_start = timestamp

    def put_times(self, finish: float, *, store: bool) -> None:
        """Record when the experiments began and ended, in seconds since the epoch.

        With ``store`` the stored values are overwritten.
        """
        start = finish if self._first_start is None else self._first_start
        leaves = [
            self.put(entry)
            for entry in (
                Entry("start_timestamp", start, "Timestamp of the start of the experiment."),
                Entry("finish_timestamp", finish, "Timestamp of the end of the experiment."),
                Entry("runtime", str(timedelta(seconds=finish - start)), "Duration."),
            )
        ]
        if self._served is not None:
            leaves.append(self._served)
        if store:
            self._trajectory.f_store_items(leaves, store_data=OVERWRITE_DATA)


def transfer_config(former: Trajectory, trajectory: Trajectory, name: str) -> EnvironmentConfig:
    """Copy the config of an environment to the trajectory that it resumes.

    ``former`` is the trajectory that the environment was made for, ``name`` the name of the
    environment. Config that the resumed trajectory already has is kept.
    """
    target: Any = trajectory
    branch: Any = tree_of(former).groups.get("config")
    for leaf in () if branch is None else branch.f_iter_leaves():
        full_name = leaf.v_full_name
        if tree_of(target).get_node(full_name) is None:
            twin = Parameter(full_name, leaf.f_get(), leaf.v_comment)
            tree_of(target).insert_leaf(full_name, twin)
            twin.f_lock()
    config = EnvironmentConfig(trajectory, name)
    for entry in (
        Entry("trajectory.name", str(target.v_name), "Name of the trajectory."),
        Entry("trajectory.timestamp", target.v_timestamp, "When the trajectory was made."),
        Entry("resumed", True, "Whether the environment has resumed an experiment."),
    ):
        config.put(entry).f_lock()
    config.put_seed(target._seed)
    return config


def _settings(options: Mapping[str, Any], seed: int) -> Iterator[Entry]:
    """Yield the entries about how runs are executed, if there will be runs, and stored."""
    if options["do_single_runs"]:
        yield Entry("multiproc", bool(options["multiproc"]), "Whether runs run in parallel.")
        for name, comment in (
            ("clean_up_runs", "Whether data of runs is dropped from memory after them."),
            ("resumable", "Whether a crashed experiment can be resumed."),
            ("graceful_exit", "Whether an interruption lets active runs finish."),
        ):
            yield Entry(name, bool(options[name]), comment)
        if options["on_existing"] is not None:
            existing = str(options["on_existing"])
            yield Entry("on_existing", existing, "How it went on with a stored trajectory.")
        yield _seed(seed)
    stores = bool(options["automatic_storing"])
    yield Entry("automatic_storing", stores, "Whether runs and trajectory store themselves.")


def _url(url: str) -> Entry:
    return Entry("url", url, "Where the server of the wrap mode listens.")


def _seed(seed: int) -> Entry:
    return Entry(SEED, seed, "Seed of the random number generators of all runs.")


def _parallel_settings(
    options: Mapping[str, Any], mode: type[WrapMode] | None, scheduler: str
) -> Iterator[Entry]:
    """Yield the entries about workers and how they share the storage."""
    yield Entry("scheduler", scheduler, "What executes the runs.")
    yield Entry("use_pool", bool(options["use_pool"]), "Whether workers stay for many runs.")
    yield Entry("use_scoop", bool(options["use_scoop"]), "Whether SCOOP distributes the runs.")
    yield Entry("ncores", int(options["ncores"]), "Number of workers.")
    if options["start_method"] is not None:
        yield Entry("start_method", str(options["start_method"]), "How processes are started.")
    if options["niceness"] is not None:
        yield Entry("niceness", int(options["niceness"]), "Least nice value of workers.")
    if options["use_pool"]:
        yield Entry("freeze_input", bool(options["freeze_input"]), "Whether runs share input.")
    if not (options["use_pool"] or options["use_scoop"]):
        yield from _caps(options)
        immediate = bool(options["immediate_postproc"])
        yield Entry("immediate_postprocessing", immediate, "Whether it began before all runs.")
    if mode is not None:
        yield Entry("wrap_mode", mode.name, "How workers share the storage service.")
        yield from _mode_settings(options, {option.name for option in mode.options})


def _caps(options: Mapping[str, Any]) -> Iterator[Entry]:
    memory = options["memory_cap"]
    percent, megabytes = memory if isinstance(memory, tuple) else (memory, 0.0)
    yield Entry("cpu_cap", float(options["cpu_cap"]), "No process starts above it, in percent.")
    caps = (float(percent), float(megabytes))
    yield Entry("memory_cap", caps, "The same for memory, and estimated MB a process.")
    yield Entry("swap_cap", float(options["swap_cap"]), "The same for swap, in percent.")


def _mode_settings(options: Mapping[str, Any], read: Container[str]) -> Iterator[Entry]:
    """Yield the entries about options that the wrap mode reads."""
    if "queue_maxsize" in read:
        yield Entry("queue_maxsize", int(options["queue_maxsize"]), "Length of the queue.")
    if "timeout" in read or options["use_scoop"]:
        timeout = options["timeout"]
        seconds = -1.0 if timeout is None else float(timeout)
        yield Entry("timeout", seconds, "Seconds until something is given up, -1.0 for never.")
    if "gc_interval" in read and options["gc_interval"]:
        yield Entry("gc_interval", int(options["gc_interval"]), "Operations between collections.")


def _trajectory(name: Any, timestamp: float) -> Iterator[Entry]:
    yield Entry("trajectory.name", str(name), "Name of the trajectory.")
    yield Entry("trajectory.timestamp", timestamp, "When the trajectory was made.")


def _origins(
    trajectory_name: str, trajectory_timestamp: float, timestamp: float, hexsha: str
) -> Iterator[Entry]:
    """Yield the entries about where data comes from."""
    yield from _trajectory(trajectory_name, trajectory_timestamp)
    yield Entry(TIMESTAMP, timestamp, "When the environment was made.")
    yield Entry(HEXSHA, hexsha, "SHA-1 that identifies the environment.")
    script = main_script()
    if script is not None:
        yield Entry("script", script, "The script that was started.")
    for package, version in pypetconstants.VERSIONS_TO_STORE.items():
        yield Entry(f"versions.{package}", version, f"Version of {package}.")


def _wildcard(
    group: str, aliases: tuple[str, ...], function: Callable[[int], str]
) -> Iterator[Entry]:
    for number, alias in enumerate(aliases):
        yield Entry(f"{group}.wildcard_{number}", alias, "Name of the wildcard.")
    name = getattr(function, "__name__", "")
    if name:
        yield Entry(f"{group}.name", name, "Name of the wildcard function.")
    doc = inspect.getdoc(function)
    if doc:
        yield Entry(f"{group}.doc", doc, "Documentation of the wildcard function.")
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        return  # made in an interactive session, or not in Python
    yield Entry(f"{group}.source", source, "Source code of the wildcard function.")
