"""Seeds of random numbers: drawn, and recorded by environments in memory or in the storage."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from pypet import pypetconstants as constants
from pypet.errors import DataNotInStorageError, NoSuchServiceError
from pypet.runs.information import run_information
from pypet.tree.storage import load_below, load_data_of

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


def latest_seed(traj: Any, but: str | None = None) -> int | None:
    """Return the seed of the environment that was made last, None without any.

    ``but`` is the name of an environment that does not count.
    """
    found = _search(traj, lambda record: record.environment != but)
    return found[-1].seed if found else None


def seed_of_run(traj: Any, idx: int) -> int | None:
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


def _search(traj: Any, fits: Any) -> list[RecordedSeed]:
    """Return the fitting records in order of time; look into the storage if none is in memory."""
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


def _in_memory(traj: Any) -> Iterator[RecordedSeed]:
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


def _value(traj: Any, environment: Any, name: str) -> Any:
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
