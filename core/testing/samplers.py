"""The conformance suite of samplers: say how to make one, and maybe which space it searches."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pypet.environment import Environment
from pypet.interfaces import MAXIMIZE, MINIMIZE, Point, Sampler
from pypet.sampling import Range, choice, integers, uniform
from pypet.testing.features import FeatureConformance

MOST = 6
"""Number of points that the suite asks for at once."""


_MIDDLE = np.array([0.5])


def objective(traj: Any) -> float:
    """Run function of the suite's searches; every third run fails."""
    if traj.v_idx % 3 == 2:
        raise ArithmeticError("the suite lets this run fail")
    return float(traj.x**2)


class SamplerConformance(FeatureConformance):
    """What every sampler does."""

    feature: ClassVar[type[Sampler]]
    space: ClassVar[Mapping[str, Range]] = {
        "x": uniform(-1, 1),
        "rate": uniform(1e-3, 1, log=True),
        "n": integers(1, 9),
        "size": integers(1, 1000, log=True),
        "mode": choice(["fast", "slow"]),
    }

    def make_sampler(self) -> Sampler:
        """Return a new sampler."""
        return self.feature()

    def started(self, seed: int = 1, direction: str = MINIMIZE) -> Sampler:
        """Return a sampler that searches the space."""
        sampler = self.make_sampler()
        sampler.start(self.space, direction=direction, seed=seed)
        return sampler

    def value(self, point: Point) -> float:
        """Return a value that depends on the first parameter that is a number."""
        numbers = [each for each in point.values() if isinstance(each, int | float)]
        return float(sum(numbers[:1]))

    def told_of(self, sampler: Sampler, rounds: int) -> list[dict[str, Any]]:
        """Ask for one point after the other, tell its value, and return the points."""
        points = []
        for _ in range(rounds):
            for point in sampler.ask(1):
                sampler.tell([point], [self.value(point)])
                points.append(dict(point))
        return points

    def test_points_are_in_the_space_and_not_more_than_asked_for(self) -> None:
        sampler = self.started()
        for n in (1, MOST, 2):
            points = sampler.ask(n)
            assert len(points) <= n
            for point in points:
                assert list(point) == list(self.space)
                assert all(self.space[name].contains(value) for name, value in point.items())
            sampler.tell(points, [self.value(point) for point in points])

    def test_the_first_ask_gives_a_point(self) -> None:
        assert self.started().ask(1)

    def test_values_come_in_any_order_and_some_are_missing(self) -> None:
        for direction in (MINIMIZE, MAXIMIZE):
            sampler = self.started(direction=direction)
            points = list(sampler.ask(MOST))
            for place, point in enumerate(reversed(points)):
                sampler.tell([point], [None if place % 2 else self.value(point)])
            assert sampler.ask(1)

    def test_points_of_others_are_accepted_inside_the_space_and_outside(self) -> None:
        sampler = self.started()
        inside = self.started(seed=2).ask(2)
        outside = dict.fromkeys(self.space, 10**6)
        points = [*inside, inside[0], outside]
        sampler.tell(points, [1.0, None, 2.0, 3.0][: len(points)])
        assert sampler.ask(1)

    def test_one_after_the_other_the_seed_decides(self) -> None:
        first, second = (self.told_of(self.started(), MOST) for _ in range(2))
        assert first == second
        assert self.told_of(self.started(seed=2), MOST) != first

    def test_the_state_is_json_and_an_earlier_search_goes_on_with_other_points(self) -> None:
        sampler = self.started()
        points = self.told_of(sampler, MOST)
        state = json.loads(json.dumps(dict(sampler.state())))
        later = self.started()
        later.tell(points, [self.value(point) for point in points])
        later.restore(state)
        further = self.told_of(later, MOST)
        assert further
        assert not any(point in points for point in further)

    def test_it_can_be_pickled_and_started_again(self) -> None:
        sampler = self.started()
        self.told_of(sampler, 2)
        twin = pickle.loads(pickle.dumps(sampler))
        twin.start(self.space, direction=MINIMIZE, seed=1)
        assert self.told_of(twin, 3) == self.told_of(self.started(), 3)

    def test_an_environment_searches_with_it(self, environment: Environment) -> None:
        for name in self.space:
            if name != "x":
                environment.traj.f_add_parameter(name, self.space[name].values_at(_MIDDLE)[0])
        environment.traj.f_get("x", fast_access=False).f_set(0.0)
        traj = environment.search(
            objective, self.make_sampler(), None, self.space, max_runs=2 * MOST
        )
        assert len(traj) == 2 * MOST
        states = [traj.f_get_run_states(index) for index in range(len(traj))]
        assert states == ["failed" if index % 3 == 2 else "completed" for index in range(len(traj))]
