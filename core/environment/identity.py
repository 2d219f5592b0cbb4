"""Who an environment is: its name and hash, and the handle that a pickle of it gives.

Log files, plugins and running processes belong to the process of the environment. A handle can be
asked for names, options and trajectory but executes nothing; unpickling one starts and opens
nothing.
"""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.pypetconstants import VERSION
from pypet.support.arguments import is_integer
from pypet.support.time_format import format_time

if TYPE_CHECKING:
    from pypet.environment.plugin_set import PluginSet
    from pypet.interfaces import EnvironmentLike, Versioning
    from pypet.trajectory import Trajectory

_PROCESS_BOUND = frozenset(
    ("_plugins", "_config", "_existing", "_postprocessing", "_seed_choice", "_summary")
)
"""Attributes of an environment that stay out of pickles."""

SHORT_HEXSHA_LENGTH = 7

_PLAIN = frozenset((int, float, complex, bool, str, bytes, type(None)))


class Identity(NamedTuple):
    """``timestamp`` is in seconds since the epoch, ``time`` the same as formatted local time."""

    name: str
    hexsha: str
    timestamp: float
    time: str


def make_identity(
    trajectory_name: str, trajectory_timestamp: float, timestamp: float, revision: str | None
) -> Identity:
    """Return the identity of an environment made at ``timestamp``.

    ``revision`` is the SHA-1 of a commit that was made for the environment; without one the
    hash comes from the name and the time of the trajectory, the time of the environment and the
    version of pypet.
    """
    hexsha = revision
    if hexsha is None:
        text = f"{trajectory_name}{trajectory_timestamp!r}{timestamp!r}{VERSION}"
        hexsha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    formatted = format_time(timestamp)
    name = f"environment_{hexsha[:SHORT_HEXSHA_LENGTH]}_{formatted}"
    return Identity(name, hexsha, timestamp, formatted)


def identify(environment: EnvironmentLike, versionings: Sequence[Versioning]) -> Identity:
    """Return the identity of a new environment; it names the revision that versioning made."""
    trajectory = environment.trajectory
    is_new = trajectory is not environment.options["trajectory"]
    timestamp = trajectory.v_timestamp if is_new else time.time()
    revisions = [versioning.snapshot(environment) for versioning in versionings]
    revision = next((made for made in revisions if made is not None), None)
    return make_identity(trajectory.v_name, trajectory.v_timestamp, timestamp, revision)


class EnvironmentHandle:
    """The part of an environment that a pickle of it has, and that plugins may use."""

    _trajectory: Trajectory
    _identity: Identity
    _options: dict[str, Any]
    _current_idx: int
    _plugins: PluginSet | None
    """None for a handle that was unpickled."""

    @property
    def trajectory(self) -> Trajectory:
        """The trajectory that the environment runs."""
        return self._trajectory

    @property
    def traj(self) -> Trajectory:
        """The same as `trajectory`."""
        return self._trajectory

    @property
    def name(self) -> str:
        """``environment_<7 characters of hexsha>_<time>``; names the group in the config."""
        return self._identity.name

    @property
    def hexsha(self) -> str:
        """SHA-1 of the commit that was made for the environment, else of names and times."""
        return self._identity.hexsha

    @property
    def timestamp(self) -> float:
        """When the environment was made, in seconds since the epoch; with a new trajectory, when
        that was made."""
        return self._identity.timestamp

    @property
    def time(self) -> str:
        """The timestamp as local time, ``2015_10_21_04h29m00s``."""
        return self._identity.time

    @property
    def options(self) -> Mapping[str, Any]:
        """The values of all options, also those of plugins, by name."""
        return MappingProxyType(self._options)

    @property
    def current_idx(self) -> int:
        """Index, from 0, of the run at which the next call begins; it skips completed runs.

        After all runs were executed it is the number of runs, after an error or interruption the
        first run that is not completed. Can be set.
        """
        return self._current_idx

    @current_idx.setter
    def current_idx(self, index: int) -> None:
        if not is_integer(index):
            raise TypeError(f"`current_idx` is the index of a run, not {index!r}.")
        if index < 0:
            raise ValueError(f"`current_idx` is 0 for the first run, {index} for none.")
        self._current_idx = int(index)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state of a handle: identity, trajectory, and options that can be pickled."""
        state = {name: value for name, value in vars(self).items() if name not in _PROCESS_BOUND}
        return {**state, "_options": _portable_options(self._options, self._trajectory)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become a handle; nothing is started, opened or configured."""
        vars(self).update(state, _plugins=None)

    def __repr__(self) -> str:
        return f"<Environment {self.name} for Trajectory {self._trajectory.v_name}>"

    def _live_plugins(self, method: str) -> PluginSet:
        """Return the plugins of the environment.

        Raises
        ------
        RuntimeError
            This is a handle, so that ``method`` is not available.
        """
        if self._plugins is None:
            raise RuntimeError(
                f"{method} is not available: this is a handle of {self.name}, which was pickled. "
                "It has the options and the trajectory, but cannot execute anything. Use the "
                "environment itself, in the process that made it, or give the trajectory to a new "
                "environment: Environment(handle.trajectory, ...)."
            )
        return self._plugins


def _portable_options(options: Mapping[str, Any], trajectory: Any) -> dict[str, Any]:
    """Return the options whose values can be pickled; an executor, for instance, cannot."""
    return {
        name: value
        for name, value in options.items()
        if type(value) in _PLAIN or value is trajectory or _is_portable(value)
    }


def _is_portable(value: Any) -> bool:
    try:
        pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # classes raise whatever they like
        return False
    return True
