"""Random numbers depend on seed, run and name, and on nothing else."""

from __future__ import annotations

import copy
import pickle
from importlib.util import find_spec

import pytest

from pypet import Trajectory, load_trajectory


def draw(traj):
    first = traj.f_rng().random()
    return first, traj.f_rng().random(), traj.f_rng("noise").random()


def test_equal_seeds_give_equal_numbers(make_env):
    numbers = []
    for _ in range(2):
        env = make_env(seed=7)
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2, 3]})
        numbers.append(env.run(draw))
    assert numbers[0] == numbers[1]
    values = [value for _, row in numbers[0] for value in row]
    assert len(set(values)) == 9


def test_numbers_do_not_depend_on_the_order_of_runs():
    traj = Trajectory("random")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2, 3]})
    forwards = {idx: traj.f_rng().random() for idx in traj.f_iter_runs(yields="idx")}
    backwards = {}
    for idx in (2, 1, 0):
        traj.v_idx = idx
        backwards[idx] = traj.f_rng().random()
    assert forwards == backwards


def test_a_run_that_is_tried_again_draws_the_same(make_env):
    env = make_env(on_error="retry:2")
    drawn = []

    def fail_twice(traj):
        drawn.append(traj.f_rng().random())
        if len(drawn) < 3:
            raise RuntimeError("not yet")

    env.run(fail_twice)
    assert len(set(drawn)) == 1


@pytest.mark.parametrize("duplicate", [copy.copy, lambda traj: pickle.loads(pickle.dumps(traj))])
def test_copies_have_the_seed_but_generators_of_their_own(duplicate):
    traj = Trajectory("random")
    traj.v_idx = 0
    first = traj.f_rng().random()
    twin = duplicate(traj)
    assert twin.f_rng().random() == first
    assert traj.f_rng().random() != first


def test_a_number_is_not_taken_for_a_name():
    with pytest.raises(TypeError, match=r"is text, not 5\. The seed is an option"):
        Trajectory("t").f_rng(5)


# ----- another day --------------------------------------------------------------------------------

FILE = "seeds.hdf5"


def first_number(traj):
    return traj.f_rng().random()


def run_first(make_env, **options):
    with make_env(
        "experiment", storage_service="hdf5", filename=FILE, add_time=False, **options
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2]})
        return dict(env.run(first_number))


def run_next(make_env, traj, **options):
    with make_env(trajectory=traj, **options) as env:
        traj.f_expand({"x": [3, 4]})
        return dict(env.run(first_number))


def drawn_again(traj):
    return {idx: first_number(traj) for idx in traj.f_iter_runs(yields="idx")}


def load(level=2):
    return load_trajectory(name="experiment", filename=FILE, load_parameters=level, load_results=0)


needs_hdf5 = pytest.mark.skipif(not find_spec("h5py"), reason="files need h5py")


@needs_hdf5
@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("seed", [None, 7])
def test_a_loaded_trajectory_gives_the_numbers_of_its_runs(make_env, level, seed):
    numbers = run_first(make_env, seed=seed)
    assert drawn_again(load(level)) == numbers


@needs_hdf5
def test_a_later_environment_inherits_the_seed(make_env):
    numbers = run_first(make_env)
    traj = load()
    later = run_next(make_env, traj)
    assert drawn_again(load()) == numbers | later
    seeds = {leaf.f_get() for name, leaf in load().f_get_config().items() if name.endswith(".seed")}
    assert len(seeds) == 1
    assert traj.f_rng("all").random() == load().f_rng("all").random()


@needs_hdf5
def test_each_run_has_the_seed_of_its_environment(make_env):
    numbers = run_first(make_env, seed=7)
    traj = load()
    later = run_next(make_env, traj, seed=8)
    assert drawn_again(traj) == drawn_again(load()) == numbers | later
    other = Trajectory("other")
    other._seed = 8  # what runs to come would draw
    assert load().f_rng().random() == other.f_rng().random()


@needs_hdf5
def test_a_trajectory_loaded_into_an_environment_brings_its_seed_along(make_env):
    numbers = run_first(make_env)
    with make_env("another", storage_service="hdf5", filename=FILE, add_time=False) as env:
        env.traj.f_load("experiment", load_parameters=2)
        env.traj.f_expand({"x": [3]})
        later = dict(env.run(first_number))
    assert drawn_again(load()) == numbers | later
    assert len({s for n, s in load().f_get_config(True).items() if n.endswith(".seed")}) == 1


def test_environments_of_one_trajectory_have_one_seed(make_env):
    traj = Trajectory("kept")
    before = traj.f_rng("draft").random()
    env = make_env(trajectory=traj)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [1, 2]})
    numbers = dict(env.run(first_number))
    traj.f_expand({"x": [3]})
    numbers |= dict(make_env(trajectory=traj).run(first_number))
    assert drawn_again(traj) == numbers
    assert copy.copy(traj).f_rng("draft").random() == before


@needs_hdf5
def test_a_new_experiment_with_old_parameters_draws_a_seed_of_its_own(make_env):
    numbers = run_first(make_env)
    traj = load_trajectory(name="experiment", filename=FILE, as_new=True)
    with make_env(trajectory=traj) as env:
        assert not set(dict(env.run(first_number)).values()) & set(numbers.values())
