"""Runs without an environment."""

from __future__ import annotations

import pytest

from pypet.errors import NoSuchServiceError
from pypet.trajectory import Trajectory
from pypet.trajectory.manual import manual_run

# ----- start and finish ------------------------------------------------------------------------


def test_started_run_adds_below_its_own_group_and_cleans_up(explored):
    explored.f_set_crun(1)
    assert explored.f_start_run() is explored
    assert explored.v_is_run
    explored.f_add_result("z", explored.x * 2)
    assert explored.results.runs.run_00000001.z == 22
    assert explored.f_finalize_run(store_meta_data=False) is explored
    assert not explored.v_is_run
    assert explored.v_idx == 1
    assert "z" not in explored
    assert explored.f_is_completed(1) == 1


def test_links_of_a_run_are_cleaned_up_too(explored):
    explored.f_start_run(0)
    explored.f_add_link("here", explored.f_get("x"))
    explored.f_finalize_run(store_meta_data=False)
    assert "here" not in explored
    assert explored.f_get("x") is not None


def test_without_clean_up_everything_stays_and_becomes_ordinary(explored):
    explored.f_start_run(0)
    explored.f_add_result("z", 1)
    explored.f_finalize_run(store_meta_data=False, clean_up=False)
    explored.f_start_run(1)
    explored.f_finalize_run(store_meta_data=False)
    assert explored.run_00000000.z == 1


def test_run_that_is_not_turned_into_one_keeps_what_it_adds(explored):
    explored.f_start_run(0, turn_into_run=False)
    assert not explored.v_is_run
    explored.f_add_parameter("new", 1)
    explored.f_finalize_run(store_meta_data=False)
    assert explored.new == 1
    assert explored.f_is_completed(0) == 1


def test_starting_needs_a_run(explored):
    with pytest.raises(ValueError, match="no particular run"):
        explored.f_start_run()
    with pytest.raises(KeyError):
        explored.f_start_run(7)
    assert not explored.v_is_run


def test_starting_twice_and_finishing_without_start_do_nothing(explored):
    explored.f_finalize_run()
    explored.f_start_run(0)
    started = explored.f_get_run_information(0)["timestamp"]
    explored.f_start_run(1)
    assert explored.v_idx == 0
    assert explored.f_get_run_information(0)["timestamp"] == started
    explored.f_finalize_run(store_meta_data=False)
    explored.f_finalize_run(store_meta_data=False)


def test_finishing_stores_what_is_known_about_the_run(stored, service):
    stored.f_start_run(2)
    stored.f_add_result("z", 3)
    stored.f_store()
    stored.f_finalize_run()
    other = Trajectory("other", storage_service=service)
    other.f_load("kept", load_results=2)
    assert other.f_get_run_information() == stored.f_get_run_information()
    assert other.f_is_completed(2) == 1
    assert other.results.runs.run_00000002.z == 3


def test_finishing_with_meta_data_needs_a_service_but_leaves_the_run(explored):
    explored.f_start_run(0)
    with pytest.raises(NoSuchServiceError, match="filename"):
        explored.f_finalize_run()
    assert not explored.v_is_run


@pytest.mark.parametrize(
    "call",
    [
        lambda traj: traj.f_explore({"x": [1]}),
        lambda traj: traj.f_expand({"x": [1]}),
        lambda traj: traj.f_shrink(),
        lambda traj: traj.f_restore_default(),
        lambda traj: traj.f_is_completed(),
        lambda traj: traj.f_is_empty(),
        lambda traj: traj.f_get_from_runs("z"),
        lambda traj: traj.f_preset_parameter("p", 1),
        lambda traj: traj.f_preset_config("p", 1),
        lambda traj: traj.f_lock_parameters(),
        lambda traj: traj.f_lock_derived_parameters(),
        lambda traj: traj.f_load(),
        lambda traj: traj.f_load_skeleton(),
        lambda traj: traj.f_migrate("n"),
        lambda traj: traj.f_add_to_dynamic_imports("a.B"),
        lambda traj: traj.f_add_parameter("p", 1),
        lambda traj: setattr(traj, "v_comment", "c"),
        lambda traj: setattr(traj, "v_full_copy", True),
    ],
)
def test_what_concerns_all_runs_is_refused_during_a_run(explored, call):
    explored.f_start_run(0)
    with pytest.raises(TypeError, match="single run"):
        call(explored)


def test_what_is_refused_during_a_run_is_not_listed(explored):
    hidden = {"f_explore", "f_load", "f_add_parameter", "f_iter_runs", "f_set_crun", "f_migrate"}
    assert hidden <= set(dir(explored))
    explored.f_start_run(0)
    assert not hidden & set(dir(explored))
    assert {"f_store", "f_add_result", "f_copy", "v_idx"} <= set(dir(explored))


# ----- the decorator ---------------------------------------------------------------------------


def test_decorated_function_is_a_run(explored):
    @manual_run(store_meta_data=False)
    def simulate(traj, factor, plus=0):
        """Multiply."""
        assert traj.v_is_run
        traj.f_add_result("z", 1)
        return traj.x * factor + plus

    assert simulate.__doc__ == "Multiply."
    results = [simulate(explored, 2, plus=1) for _ in explored.f_iter_runs()]
    assert results == [21, 23, 25]
    assert explored.f_is_completed()
    assert "z" not in explored


def test_decorated_function_needs_a_run(explored):
    with pytest.raises(ValueError, match="no particular run"):
        manual_run()(lambda traj: None)(explored)


def test_failing_function_leaves_its_run_incomplete(explored):
    @manual_run(store_meta_data=False)
    def fail(traj):
        traj.f_add_result("z", 1)
        raise ZeroDivisionError

    explored.f_set_crun(0)
    with pytest.raises(ZeroDivisionError):
        fail(explored)
    assert not explored.v_is_run
    assert "z" not in explored
    assert explored.f_is_completed(0) == 0
    explored.f_set_crun(1)


def test_decorator_does_nothing_while_an_environment_runs(explored):
    explored._run_by_environment = True
    assert manual_run()(lambda traj: traj.v_is_run)(explored) is False
