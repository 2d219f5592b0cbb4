"""Presetting and locking."""

from __future__ import annotations

import pytest

from pypet.errors import ParameterLockedException, PresettingError
from pypet.trajectory import Trajectory
from pypet.trajectory.contents import prepare_experiment


@pytest.mark.parametrize("name", ["group.x", "parameters.group.x", "par.group.x"])
def test_preset_parameter_gets_its_value_when_it_is_added(name):
    traj = Trajectory("test")
    traj.f_preset_parameter(name, 44)
    traj.f_add_parameter("group.x", 1)
    assert traj.x == 44


def test_preset_may_change_the_type_and_is_used_once():
    traj = Trajectory("test")
    traj.f_preset_config("note", data="text")
    traj.f_add_config("note", 1)
    assert traj.note == "text"
    traj.f_remove_item("note")
    traj.f_add_config("note", 1)
    assert traj.note == 1


def test_what_exists_cannot_be_preset(traj):
    with pytest.raises(ValueError, match="group"):
        traj.f_preset_parameter("group.x", 5)


def test_preset_that_does_not_fit_takes_the_parameter_back():
    traj = Trajectory("test")
    traj.f_preset_parameter("x", object())
    with pytest.raises(TypeError):
        traj.f_add_parameter("x", 1)
    assert "x" not in traj
    traj.f_preset_parameter("x", 2)
    traj.f_add_parameter("x", 1)
    assert traj.x == 2


def test_left_over_presets_stop_the_experiment(traj):
    traj.f_preset_parameter("misspelled", 5)
    with pytest.raises(PresettingError, match="misspelled"):
        prepare_experiment(traj)


def test_experiment_locks_parameters_and_derived_parameters(traj):
    traj.f_add_derived_parameter("d", 1)
    traj.f_add_config("c", 1)
    traj.f_add_parameter("empty")
    prepare_experiment(traj)
    with pytest.raises(ParameterLockedException):
        traj.f_get("d").f_set(2)
    with pytest.raises(ParameterLockedException):
        traj.f_get("x").f_set(2)
    traj.f_get("c").f_set(2)
    traj.f_get("empty").f_set(2)


def test_branches_are_locked_one_by_one(traj):
    traj.f_add_derived_parameter("d", 1)
    traj.f_lock_parameters()
    assert traj.f_get("x").v_locked
    assert not traj.f_get("d").v_locked
    traj.f_lock_derived_parameters()
    assert traj.f_get("d").v_locked
