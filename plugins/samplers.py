"""Samplers that learn nothing: points at random, and of a Sobol' sequence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pypet.interfaces import Point, Sampler
from pypet.markers import hookimpl
from pypet.sampling.designs import UnitPoints, random_unit_points, sobol_unit_points, values_of


class SequenceSampler(Sampler):
    """Takes the points of a sequence one after the other; the state is how many were taken."""

    learns: ClassVar[bool] = False

    def __init__(self) -> None:
        self._space: dict[str, Any] = {}
        self._seed = 0
        self._taken = 0

    def start(self, space: Mapping[str, Any], *, direction: str, seed: int) -> None:
        """Begin the sequence that ``seed`` determines."""
        self._space = dict(space)
        self._seed = seed
        self._taken = 0

    def ask(self, n: int) -> Sequence[Point]:
        """Return the next ``n`` points of the sequence."""
        columns = values_of(self._space, self._unit_points(n))
        self._taken += n
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def state(self) -> Mapping[str, Any]:
        """Return how many points were taken."""
        return {"taken": self._taken}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on behind the points that were taken."""
        self._taken = int(state["taken"])

    def _unit_points(self, n: int) -> UnitPoints:
        raise NotImplementedError


class RandomSampler(SequenceSampler):
    """Independent random points."""

    name: ClassVar[str] = "random"

    def _unit_points(self, n: int) -> UnitPoints:
        return random_unit_points(len(self._space), n, self._seed, skip=self._taken)


class SobolSampler(SequenceSampler):
    """Points of a scrambled Sobol' sequence, which fill the space more evenly than random ones."""

    name: ClassVar[str] = "sobol"
    requires: ClassVar[tuple[str, ...]] = ("scipy",)
    extra: ClassVar[str | None] = "sampling"

    def _unit_points(self, n: int) -> UnitPoints:
        return sobol_unit_points(len(self._space), n, self._seed, skip=self._taken)


@hookimpl
def pypet_register_samplers() -> list[type[Sampler]]:
    """Register the samplers."""
    return [RandomSampler, SobolSampler]
