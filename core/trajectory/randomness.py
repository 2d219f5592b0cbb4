"""Random numbers that depend on the experiment's seed and on the run, and on nothing else."""

from __future__ import annotations

import hashlib
import secrets

import numpy as np

from pypet.trajectory.recorded_seeds import latest_seed, seed_of_run
from pypet.trajectory.state import TrajectoryState

SEED_BITS = 63
"""A seed drawn at random fits into a signed integer of 64 bits, so it can be stored."""


def draw_seed() -> int:
    """Return a seed from the operating system's source of randomness."""
    return secrets.randbits(SEED_BITS)


class Randomness(TrajectoryState):
    """The part of a trajectory that hands out random number generators."""

    __slots__ = ()

    def f_rng(self, name: str | None = None) -> np.random.Generator:
        """Return the random number generator of the current run.

        It is seeded with the seed of the experiment (option ``seed`` of the environment, drawn
        at random without one), the index of the run and ``name``, so that numbers depend neither
        on the order of the runs nor on where they are executed. Asked again in the same run it
        goes on; it starts again when the trajectory is set to the run again. Different names
        give independent generators. For no particular run there is one more of each name.

        The seed is stored. A loaded trajectory that is set to a completed run gives the numbers
        that this run had: the seed is that of the environment that executed it. In all other
        cases it is that of the current environment, or else of the latest one.

        Notes
        -----
        Made by ``numpy.random.SeedSequence``, whose spawn key is the run index plus one and, with
        a name, the SHA-256 of the name in words of 32 bits.

        Raises
        ------
        TypeError
            The name is no text.
        """
        if not (name is None or isinstance(name, str)):
            raise TypeError(
                f"The name of a random number generator is text, not {name!r}. The seed is an "
                "option of the environment: `seed=`."
            )
        idx = self._idx
        key = (idx, name)
        generator = self._generators.get(key)
        if generator is None:
            words = (idx + 1, *_words(name))
            sequence = np.random.SeedSequence(self._seed_for(idx), spawn_key=words)
            generator = self._generators[key] = np.random.default_rng(sequence)
        return generator

    def _seed_for(self, idx: int) -> int:
        """Return the seed of a run that is or was executed, -1 for none in particular."""
        if idx >= 0 and not self._is_run:
            seed = seed_of_run(self, idx)
            if seed is not None:
                return seed
        return self._current_seed()

    def _current_seed(self) -> int:
        """Return the seed for runs to come, which is that of the runs before if there is one."""
        if self._seed is None:
            latest = latest_seed(self)
            self._seed = draw_seed() if latest is None else latest
        return self._seed


def _words(name: str | None) -> tuple[int, ...]:
    if name is None:
        return ()
    digest = hashlib.sha256(name.encode()).digest()
    return tuple(np.frombuffer(digest, "<u4").tolist())
