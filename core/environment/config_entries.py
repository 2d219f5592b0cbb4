"""What an environment notes about itself below ``config.environment``."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet import pypetconstants
from pypet.leaves import Parameter
from pypet.pypetconstants import OVERWRITE_DATA

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

GROUP = "environment"
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

    def add_settings(
        self, options: Mapping[str, Any], timestamp: float, hexsha: str, seed: int
    ) -> None:
        """Add and lock what is known when the environment is made."""
        trajectory = self._trajectory
        for entry in (
            *_settings(options, seed),
            *_origins(str(trajectory.v_name), trajectory.v_timestamp, timestamp, hexsha),
        ):
            self.put(entry).f_lock()

    def put(self, entry: Entry) -> Parameter:
        """Add a leaf, or overwrite the value of the one that is there; return it."""
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

    def put_wildcards(self) -> None:
        """Note the wildcard functions, as far as is known about each."""
        functions = self._trajectory._tree.wildcards.functions
        for number, (aliases, function) in enumerate(functions.items()):
            for entry in _wildcard(f"wildcards.function_{number}", aliases, function):
                self.put(entry)

    def put_expansion(self) -> None:
        """Note that post-processing enlarged the trajectory."""
        self.put(Entry("postproc_expand", True, "Post-processing expanded the trajectory."))

    def put_times(self, start: float, finish: float, *, store: bool) -> None:
        """Note when the experiment began and ended, in seconds since the epoch.

        With ``store`` the values replace those that are stored already.
        """
        leaves = [
            self.put(entry)
            for entry in (
                Entry("start_timestamp", start, "Timestamp of the start of the experiment."),
                Entry("finish_timestamp", finish, "Timestamp of the end of the experiment."),
                Entry("runtime", str(timedelta(seconds=finish - start)), "Duration."),
            )
        ]
        if store:
            self._trajectory.f_store_items(leaves, store_data=OVERWRITE_DATA)


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
        yield Entry("seed", seed, "Seed of the random number generators of all runs.")
    stores = bool(options["automatic_storing"])
    yield Entry("automatic_storing", stores, "Whether runs and trajectory store themselves.")


def _origins(
    trajectory_name: str, trajectory_timestamp: float, timestamp: float, hexsha: str
) -> Iterator[Entry]:
    """Yield the entries about where data comes from."""
    yield Entry("trajectory.name", trajectory_name, "Name of the trajectory.")
    yield Entry("trajectory.timestamp", trajectory_timestamp, "When the trajectory was made.")
    yield Entry("timestamp", timestamp, "When the environment was made.")
    yield Entry("hexsha", hexsha, "SHA-1 that identifies the environment.")
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    if script is not None:
        yield Entry("script", str(script), "The script that was started.")
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
