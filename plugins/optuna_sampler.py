"""Searches by Optuna: its samplers choose the points, told the values of all runs so far.

The study is in memory only. What it consists of, points and values, is in the trajectory anyway,
and a study is made of that again when a search goes on.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from pypet.interfaces import Point, Sampler
from pypet.markers import hookimpl
from pypet.sampling.ranges import Choice, Integers, Range
from pypet.support.optional import require

_PLAIN = (bool, int, float, str, type(None))
"""Types of options that Optuna can have in a study."""
_SEED_BITS = 32
"""Seeds of Optuna are those of `numpy.random.RandomState`."""

_logger = logging.getLogger(__name__)


class OptunaSampler(Sampler):
    """Asks a sampler of Optuna for points.

    Parameters
    ----------
    sampler
        An `optuna.samplers.BaseSampler`; None: the tree-structured Parzen estimator
        (`optuna.samplers.TPESampler`), which takes the points of active runs into account and is
        seeded by the search.
    """

    name: ClassVar[str] = "optuna"
    requires: ClassVar[tuple[str, ...]] = ("optuna",)
    extra: ClassVar[str | None] = "optuna"

    def __init__(self, sampler: Any = None) -> None:
        self._given = sampler
        self._space: dict[str, Range] = {}
        self._direction = ""
        self._seed = 0
        self._asked = 0
        self._study: Any = None
        self._distributions: dict[str, Any] = {}
        self._active: dict[tuple[Any, ...], deque[int]] = {}
        """Numbers of trials that were not told yet, by point."""

    @classmethod
    def adapt(cls, thing: Any) -> Sampler | None:
        """Return a sampler for a sampler of Optuna."""
        samplers = sys.modules.get("optuna.samplers")  # loaded by whoever has a sampler of it
        if samplers is None or not isinstance(thing, samplers.BaseSampler):
            return None
        return cls(thing)

    @property
    def study(self) -> Any:
        """The `optuna.study.Study` of the search, None before it has begun."""
        return self._study

    def start(self, space: Mapping[str, Any], *, direction: str, seed: int) -> None:
        """Make a study without trials."""
        optuna = require("optuna", plugin=self.name, extra=self.extra)
        self._space, self._direction, self._seed = dict(space), direction, seed
        self._asked = 0
        self._active = {}
        self._distributions = {name: _distribution(each) for name, each in space.items()}
        sampler = self._given or self._default_sampler()
        with _quiet():
            self._study = optuna.create_study(direction=direction, sampler=sampler)

    def ask(self, n: int) -> Sequence[Point]:
        """Begin ``n`` trials and return their points."""
        points = []
        for _ in range(n):
            with _quiet():
                trial = self._study.ask(self._distributions)
            point = {name: self._value(name, trial.params[name]) for name in self._space}
            self._active.setdefault(self._key(point), deque()).append(trial.number)
            points.append(point)
        self._asked += n
        return points

    def tell(self, points: Sequence[Point], values: Sequence[float | None]) -> None:
        """End the trials of these points; other points become trials that have ended."""
        optuna = require("optuna", plugin=self.name, extra=self.extra)
        states = optuna.trial.TrialState
        for point, value in zip(points, values, strict=True):
            state = states.FAIL if value is None else states.COMPLETE
            active = self._active.get(self._key(point))
            with _quiet():
                if active:
                    self._study.tell(active.popleft(), value, state=state)
                elif all(self._space[name].contains(each) for name, each in point.items()):
                    self._study.add_trial(
                        optuna.trial.create_trial(
                            params={name: self._param(name, each) for name, each in point.items()},
                            distributions=self._distributions,
                            value=value,
                            state=state,
                        )
                    )
                else:
                    _logger.debug("Not within the space, so no trial: %r", point)

    def state(self) -> Mapping[str, Any]:
        """Return how many trials were begun."""
        return {"asked": self._asked}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Use other random numbers than the trials that were begun already."""
        self._asked = int(state["asked"])
        if self._given is not None:
            self._given.reseed_rng()
        else:
            self._study.sampler = self._default_sampler()

    def __getstate__(self) -> dict[str, Any]:
        # `start` makes the study again.
        return {**vars(self), "_study": None, "_distributions": {}, "_active": {}}

    def _default_sampler(self) -> Any:
        optuna = require("optuna", plugin=self.name, extra=self.extra)
        sequence = np.random.SeedSequence([self._seed, self._asked])
        seed = int(sequence.generate_state(1)[0]) % 2**_SEED_BITS
        with _quiet():
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)

    def _key(self, point: Point) -> tuple[Any, ...]:
        return tuple(self._param(name, point[name]) for name in self._space)

    def _param(self, name: str, value: Any) -> Any:
        """Return a value as Optuna has it: options that it cannot have are numbers there."""
        options = _numbered_options(self._space[name])
        if options is None:
            return value
        return next(place for place, each in enumerate(options) if Choice((each,)).contains(value))

    def _value(self, name: str, param: Any) -> Any:
        options = _numbered_options(self._space[name])
        return param if options is None else options[param]


def _numbered_options(held: Range) -> tuple[Any, ...] | None:
    """Return the options of a range that Optuna knows by number; None if it has the values."""
    if isinstance(held, Choice) and not all(type(each) in _PLAIN for each in held.options):
        return held.options
    return None


def _distribution(held: Range) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(held, Choice):
        numbered = _numbered_options(held)
        options = held.options if numbered is None else range(len(numbered))
        return CategoricalDistribution(tuple(options))
    described = held.describe()
    kind = IntDistribution if isinstance(held, Integers) else FloatDistribution
    return kind(described["low"], described["high"], log=described["log"])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from logging each trial, and from warning that a feature may still change."""
    logger = logging.getLogger("optuna")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=_experimental_warning())
            yield
    finally:
        logger.setLevel(level)


def _experimental_warning() -> type[Warning]:
    from optuna.exceptions import ExperimentalWarning

    return ExperimentalWarning


@hookimpl
def pypet_register_samplers() -> list[type[Sampler]]:
    """Register the sampler."""
    return [OptunaSampler]
