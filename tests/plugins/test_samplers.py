"""The built-in samplers pass the suite of samplers; searches by Optuna."""

from __future__ import annotations

import logging
import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import Environment
from pypet.interfaces import MAXIMIZE, MINIMIZE
from pypet.plugins.optuna_sampler import OptunaSampler
from pypet.plugins.samplers import RandomSampler, SobolSampler
from pypet.sampling import choice, integers, uniform
from pypet.support.optional import is_installed
from pypet.testing.samplers import SamplerConformance


class TestRandom(SamplerConformance):
    feature = RandomSampler


class TestSobol(SamplerConformance):
    feature = SobolSampler

    @pytest.fixture(autouse=True)
    def _scipy(self):
        pytest.importorskip("scipy")


class TestOptuna(SamplerConformance):
    feature = OptunaSampler

    @pytest.fixture(autouse=True)
    def _optuna(self):
        pytest.importorskip("optuna")


class TestRandomSearchOfOptuna(TestOptuna):
    def make_sampler(self):
        import optuna

        return OptunaSampler(optuna.samplers.RandomSampler(seed=None))

    test_one_after_the_other_the_seed_decides = None  # it has a seed of its own
    test_it_can_be_pickled_and_started_again = None


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 2**63 - 1))
def test_a_sequence_does_not_depend_on_how_many_points_are_asked_for_at_once(sizes, seed):
    space = {"x": uniform(0, 1), "n": integers(1, 5), "mode": choice(["a", "b"])}
    kinds = [RandomSampler, *([SobolSampler] if is_installed("scipy") else [])]
    for kind in kinds:
        parts, whole = kind(), kind()
        for sampler in (parts, whole):
            sampler.start(space, direction=MINIMIZE, seed=seed)
        pieces = []
        for size in sizes:
            pieces += parts.ask(size)
            state = dict(parts.state())
            parts = kind()
            parts.start(space, direction=MINIMIZE, seed=seed)
            parts.restore(state)
        assert pieces == whole.ask(sum(sizes))


# ----- Optuna ----------------------------------------------------------------------------------


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna")


@pytest.fixture
def env():
    with Environment(
        "study", storage_service="memory", log_config=None, report_progress=False, seed=3
    ) as made:
        made.traj.f_add_parameter("x", 0.0)
        made.traj.f_add_parameter("n", 1)
        yield made


SPACE = {"x": uniform(-10, 10), "n": integers(1, 20)}


def bowl(traj):
    return (traj.x - 3) ** 2 + (traj.n - 5) ** 2


@pytest.mark.parametrize(("direction", "sign"), [(MINIMIZE, 1), (MAXIMIZE, -1)])
def test_optuna_learns_from_values(env, optuna, direction, sign):
    traj = env.search(
        lambda traj: sign * bowl(traj), "optuna", None, SPACE, direction=direction, max_runs=40
    )
    values = [bowl for _, bowl in sorted(_values(traj).items())]
    early, late = values[:10], values[-10:]
    assert sorted(late)[5] * sign < sorted(early)[5] * sign
    best = traj.f_get("config.searches.search_0.best_run").f_get()
    assert values[best] == (min(values) if sign > 0 else max(values))


def _values(traj):
    return traj.f_get_from_runs("returned", use_indices=True, fast_access=True, auto_load=True)


def test_a_sampler_of_optuna_is_adapted(env, optuna):
    traj = env.search(bowl, optuna.samplers.RandomSampler(seed=1), None, SPACE, max_runs=4)
    assert traj.f_get("config.searches.search_0.sampler").f_get() == "optuna"
    assert traj.f_is_completed()


def test_runs_so_far_are_trials_of_the_study(env, optuna):
    env.search(bowl, "random", None, SPACE, max_runs=5)
    sampler = OptunaSampler()
    env.search(bowl, sampler, None, SPACE, max_runs=8)
    trials = sampler.study.trials
    assert [trial.value for trial in trials] == list(_values(env.traj).values())
    ranges = {name: env.traj.f_get(name).f_get_range() for name in SPACE}
    assert [trial.params["x"] for trial in trials] == ranges["x"]
    assert [trial.params["n"] for trial in trials] == ranges["n"]


def test_options_that_optuna_does_not_know_are_numbered(optuna):
    options = [(1, 2), (3, 4), None, "text"]
    sampler = OptunaSampler()
    sampler.start({"shape": choice(options)}, direction=MINIMIZE, seed=1)
    points = [sampler.ask(1)[0] for _ in range(12)]
    assert {point["shape"] for point in points} <= set(options)
    sampler.tell(points, [float(options.index(point["shape"])) for point in points])
    states = {trial.state.name for trial in sampler.study.trials}
    assert states == {"COMPLETE"}


def test_equal_points_are_separate_trials(optuna):
    sampler = OptunaSampler()
    sampler.start({"x": choice([1])}, direction=MINIMIZE, seed=1)
    points = sampler.ask(3)
    sampler.tell(points, [1.0, None, 3.0])
    states = [trial.state.name for trial in sampler.study.trials]
    assert states == ["COMPLETE", "FAIL", "COMPLETE"]


def test_optuna_does_not_log_each_trial(env, optuna, caplog, capsys):
    with caplog.at_level(logging.INFO):
        env.search(bowl, "optuna", None, SPACE, max_runs=3)
    assert "optuna" not in caplog.text.lower()
    assert "trial" not in capsys.readouterr().err.lower()


def test_a_study_is_left_out_of_pickles(optuna):
    sampler = OptunaSampler()
    sampler.start(SPACE, direction=MINIMIZE, seed=1)
    sampler.ask(1)
    assert pickle.loads(pickle.dumps(sampler)).study is None
