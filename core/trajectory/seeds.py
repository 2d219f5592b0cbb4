"""Seeds of random numbers: drawn, and recorded by environments in memory or in the storage."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError, NoSuchServiceError
from pypet.runs.information import run_information
from pypet.tree.storage import load_below, load_data_of

if TYPE_CHECKING:
    from pypet.trajectory.state import TrajectoryState

ENVIRONMENTS = "environment"
"""Group below ``config`` that has a group for each environment."""
SEED = "seed"
TIMESTAMP = "timestamp"
HEXSHA = "hexsha"

_NOT_STORED = (DataNotInStorageError, NoSuchServiceError, ValueError)


SEED_BITS = 63
"""A seed drawn at random fits into a signed integer of 64 bits, so it can be stored."""


def draw_seed() -> int:
    """Return a seed from the operating system's source of randomness."""
    return secrets.randbits(SEED_BITS)


def make_generator(seed: int, idx: int, name: str | None) -> np.random.Generator:
    """Return a new generator of random numbers for run ``idx``, -1 for no particular run."""
    sequence = np.random.SeedSequence(seed, spawn_key=(idx + 1, *_words(name)))
    return np.random.default_rng(sequence)


def _words(name: str | None) -> tuple[int, ...]:
    if name is None:
        return ()
    digest = hashlib.sha256(name.encode()).digest()
    return tuple(np.frombuffer(digest, "<u4").tolist())


class RecordedSeed(NamedTuple):
    """Seed of one environment; ``timestamp``, in seconds since the epoch, is when it was made."""

    timestamp: float
    environment: str
    hexsha: str
    seed: int


def latest_seed(traj: TrajectoryState, but: str | None = None) -> int | None:
    """Return the seed of the environment that was made last, None without any.

    ``but`` is the name of an environment that does not count.
    """
    found = _search(traj, lambda record: record.environment != but)
    return found[-1].seed if found else None


def seed_of_run(traj: TrajectoryState, idx: int) -> int | None:
    """Return the seed of the environment that executed a run, None if that is not known."""
    try:
        run = run_information(traj._runs, idx)
    except KeyError:
        return None
    if not run["completed"]:
        return None
    short = run["short_environment_hexsha"]
    found = _search(traj, lambda record: bool(short) and record.hexsha.startswith(short))
    # Environments of one commit have the same hash: it was the last one before the run.
    before = [record for record in found if record.timestamp <= run["timestamp"]]
    return (before or found)[-1].seed if found else None


def _search(traj: TrajectoryState, fits: Any) -> list[RecordedSeed]:
    """Return the fitting records in order of time; search the storage if none is in memory."""
    found = sorted(filter(fits, _in_memory(traj)))
    if not found and traj._stored:
        try:
            load_below(
                traj,
                f"config.{ENVIRONMENTS}",
                recursive=True,
                load_data=constants.LOAD_SKELETON,
                with_links=False,
            )
        except _NOT_STORED:
            return []
        found = sorted(filter(fits, _in_memory(traj)))
    return found


def _in_memory(traj: TrajectoryState) -> Iterator[RecordedSeed]:
    group = traj._tree.get_node(f"config.{ENVIRONMENTS}")
    if group is None or group._is_leaf:
        return
    for environment in list(group._children.values()):
        if environment._is_leaf:
            continue
        values = [_value(traj, environment, name) for name in (TIMESTAMP, HEXSHA, SEED)]
        if None not in values:
            timestamp, hexsha, seed = values
            yield RecordedSeed(float(timestamp), environment._name, str(hexsha), int(seed))


def _value(traj: TrajectoryState, environment: Any, name: str) -> Any:
    """Return the value of one entry, loaded if need be, None without one."""
    leaf = environment._children.get(name)
    if leaf is None or not leaf._is_leaf:
        return None
    if leaf.f_is_empty():
        try:
            load_data_of(traj._tree, leaf)
        except _NOT_STORED:
            return None
    return None if leaf.f_is_empty() else leaf.f_get()


class SeedChoice:
    """Chooses the seed of an environment; made before the storage service is replaced.

    A seed that was drawn gives way to one that is found later, as long as no number depends on it:
    of a stored trajectory that the script continues, or that is loaded after the environment was
    made.
    """

    def __init__(self, trajectory: TrajectoryState, given: int | None) -> None:
        self._trajectory = trajectory
        seed = given if given is not None else trajectory._seed
        if seed is None:
            seed = latest_seed(trajectory)
        self._is_drawn = seed is None
        self._seed = draw_seed() if seed is None else seed

    def set(self, stored_seed: Callable[[], int | None]) -> int:
        """Set the seed of the trajectory and return it.

        ``stored_seed`` is called if the seed was drawn; it returns that of a stored trajectory
        which the script continues, None without one.
        """
        if self._is_drawn:
            known = stored_seed()
            if known is not None:
                self._seed, self._is_drawn = known, False
        self._trajectory._seed = self._seed
        return self._seed

    def adopt_loaded(self, trajectory: TrajectoryState, environment_name: str) -> int | None:
        """Replace a drawn seed by that of a trajectory which was loaded since; return the new one.

        Called before the first runs, with the trajectory that they use.
        """
        if not self._is_drawn:
            return None
        self._is_drawn = False
        if trajectory._generators:
            return None  # random numbers of the seed that was drawn are in use
        seed = latest_seed(trajectory, but=environment_name)
        if seed is not None:
            trajectory._seed = seed
        return seed
