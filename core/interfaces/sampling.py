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
    """Chooses points, and gets the value of each when its run has finished.

    Used by one thread of the main process, for one search: `start`, then `tell` with the runs that
    the trajectory has already, then `restore` if an earlier search is continued, then `ask` and
    `tell` as workers become free and runs finish. `ask` may be called many times before the first
    `tell`, and values arrive in the order in which runs finish. Points whose runs did not finish,
    because the process was killed, are executed again and passed to `tell` like all others.

    A class without arguments is instantiated by its name; a sampler with settings by the user. It
    has to be picklable for resumable experiments; attributes that `start` creates need not be part
    of the pickle, because it is called again.
    """

    capabilities: ClassVar[tuple[str, ...]] = ("learns",)
    learns: ClassVar[bool] = True
    """Whether points depend on earlier values. If so, no more runs are active than there are
    workers, so that points are chosen late. Otherwise many points are requested at a time."""

    @classmethod
    def adapt(cls, thing: Any) -> Sampler | None:
        """Return a sampler that wraps ``thing``, an object of a library; None if it cannot.

        Called with the argument ``sampler`` of `pypet.Environment.search`, for each registered
        class until one returns a sampler.
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
            Non-negative integer below 2**63 from which all random numbers should be derived; the
            same when a search is continued.

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

        None means that the run failed, or that its value is NaN or infinite. Points may not
        originate from `ask`: those of runs that the trajectory had before.
        """

    def state(self) -> Mapping[str, Any]:
        """Return what `restore` needs in addition to the values, in types that JSON supports.

        Called after each `ask`. It is stored together with the points, before their runs start.
        """
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue after the last `ask` of an earlier search, whose `state` is given."""
