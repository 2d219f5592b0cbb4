"""The interface of samplers: they choose the points of a search from the values so far."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pypet.interfaces.feature import Feature

Point = Mapping[str, Any]
"""Values of the searched parameters by the names that the space has, in its order."""

MINIMIZE, MAXIMIZE = "minimize", "maximize"


class Sampler(Feature, ABC):
    """Chooses points; told the value of each when its run has finished.

    Used by one thread of the main process, for one search: `start`, then `tell` with the runs that
    the trajectory has already, then `restore` if an earlier search goes on, then `ask` and `tell`
    as workers become free and runs finish. Many points may be asked for before one is told, and
    values come in the order in which runs finish. Points that were asked for and whose runs did
    not finish, because the process was killed, are executed again and told like all others.

    A class without arguments is made from its name; what has settings is made by the user. It has
    to be picklable if experiments are resumable; what `start` makes need not be part of its state,
    for it is called again.
    """

    capabilities: ClassVar[tuple[str, ...]] = ("learns",)
    learns: ClassVar[bool] = True
    """Points depend on the values told: no more runs are active than there are workers, so that
    points are chosen late. Otherwise points are asked for in larger numbers."""

    @classmethod
    def adapt(cls, thing: Any) -> Sampler | None:
        """Return a sampler that uses ``thing``, an object of a library; None if it is another's.

        Asked for the argument ``sampler`` of `pypet.Environment.search`; the first one that
        returns a sampler gets it.
        """
        return None

    @abstractmethod
    def start(self, space: Mapping[str, Any], *, direction: str, seed: int) -> None:
        """Begin a search.

        Parameters
        ----------
        space
            `pypet.sampling.Range` of each parameter by name.
        direction
            `MINIMIZE` or `MAXIMIZE`.
        seed
            Non-negative integer below 2**63 that all random numbers should depend on; the same
            when a search goes on.

        Raises
        ------
        ValueError
            The sampler cannot search this space.
        """

    @abstractmethod
    def ask(self, n: int) -> Sequence[Point]:
        """Return at most ``n`` further points, ``n >= 1``.

        Fewer, or none, if the sampler has to wait for values. None while no run is active means
        that it has no further points, and ends the search.
        """

    def tell(self, points: Sequence[Point], values: Sequence[float | None]) -> None:
        """Take the objective's values at points, a finite number each.

        None means that the run failed, or that its value is NaN or infinite. The points may be
        others than those of `ask`: runs that the trajectory had before.
        """

    def state(self) -> Mapping[str, Any]:
        """Return what `restore` needs beside the told values, made of what JSON has.

        Called after each `ask`. It is stored together with the points, before their runs start.
        """
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after the last `ask` of an earlier search, whose `state` is given."""
