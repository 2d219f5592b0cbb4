"""What operations cost, counted in calls instead of seconds, however large the tree is."""

from __future__ import annotations

import pytest

from pypet.leaves.result import Result
from pypet.tree.tree import tree_of


def grow(traj, runs):
    traj.set_length(max(runs, 1))
    for idx in range(runs):
        full_name = f"results.runs.run_{idx:08d}.z"
        tree_of(traj).insert_leaf(full_name, Result(full_name, idx))


LOOKUPS = {
    "shortcut": lambda traj: traj.x,
    "shortcut to a group": lambda traj: traj.group,
    "two shortcuts": lambda traj: traj["group.x"],
    "full path": lambda traj: traj.parameters.group.x,
    "run by index": lambda traj: traj[3].z,
    "current run": lambda traj: traj.crun.z,
    "below a run": lambda traj: traj.results.runs.run_00000003.f_get("z"),
    "deep below a run": lambda traj: traj.run_00000003.f_get("q"),
    "missing": lambda traj: "nope" in traj,
    "missing below a run": lambda traj: "x" in traj.run_00000003,
    "ambiguous": lambda traj: "z" in traj,
    "all": lambda traj: traj.f_get_all("x"),
}


@pytest.mark.parametrize("kind", LOOKUPS)
def test_lookups_cost_the_same_in_large_trees(make_root, count_calls, kind):
    costs = []
    for runs in (10, 3000):
        traj = make_root()
        traj.f_add_parameter("group.x", 1)
        grow(traj, runs)
        traj.f_add_result("runs.r_3.deep.deeper.q", 1)
        traj.f_add_result("other.q.q", 1)
        traj.set_run(3)
        costs.append(count_calls(lambda traj=traj: LOOKUPS[kind](traj)))
    assert costs[1] <= 1.2 * costs[0]


def test_names_of_every_run_do_not_slow_down_lookups_below_one(make_root, count_calls):
    """The candidates and the groups that could hold them are checked in turn."""
    costs = []
    for runs in (10, 3000):
        traj = make_root()
        grow(traj, runs)
        for idx in range(runs):
            tree_of(traj).insert_leaf(f"results.runs.run_{idx:08d}.deep.q", Result("q", idx))
        costs.append(count_calls(lambda traj=traj: traj.run_00000003.f_get("q")))
    assert costs[1] <= 3 * costs[0]


def test_a_run_costs_the_same_whatever_came_before(make_root, count_calls):
    costs = []
    for runs in (10, 3000):
        traj = make_root()
        grow(traj, runs)
        traj.f_remove_child("results", recursive=True)
        grow(traj, runs)
        traj.set_length(runs + 1)

        def one_run(traj=traj, idx=runs):
            traj.start_run(idx)
            traj.f_add_result("z", 4.0)
            traj.end_run()

        costs.append(count_calls(one_run))
    assert costs[1] <= 1.2 * costs[0]


def test_adding_a_result_of_a_run_takes_few_calls(traj, count_calls):
    traj.f_add_result_group("runs")
    traj.start_run(5)
    made = count_calls(lambda: Result("results.runs.run_00000005.z", 4.0))

    def add_and_remove():
        traj.f_add_result("z", 4.0)
        tree_of(traj).remove_new_nodes()

    assert count_calls(add_and_remove) <= made + 75


def test_plain_attributes_take_few_calls(traj, count_calls):
    traj.f_add_parameter("group.x", 1)
    group = traj.parameters.group
    assert count_calls(lambda: traj.parameters.group) <= 10
    assert count_calls(lambda: group.x) <= 10


def test_inserting_is_linear(make_root, count_calls):
    counts = []
    for runs in (100, 1000):
        traj = make_root()
        counts.append(count_calls(lambda traj=traj, runs=runs: _refill(traj, runs)) / runs)
    assert counts[1] <= 1.1 * counts[0]


def _refill(traj, runs):
    traj.f_remove()
    grow(traj, runs)
