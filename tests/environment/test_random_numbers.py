"""Random numbers depend on seed, run and name, and on nothing else."""

from __future__ import annotations

import copy
import pickle

import pytest

from pypet import Trajectory


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
