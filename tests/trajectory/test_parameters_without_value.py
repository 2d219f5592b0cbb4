"""A parameter that was added without a value is None for natural naming."""

from __future__ import annotations

import pickle

import pytest

from pypet.errors import DataNotInStorageError
from pypet.storage_backends.memory import MemoryStorageService
from pypet.trajectory import Trajectory


@pytest.fixture
def traj(service):
    traj = Trajectory("kept", storage_service=service)
    traj.f_add_parameter("tree.max_depth", None, comment="None grows without limit")
    traj.f_add_derived_parameter("seed")
    traj.f_add_parameter("x", 1)
    return traj


def loaded(service, **levels):
    traj = Trajectory("other", storage_service=service)
    traj.f_load("kept", **levels)
    return traj


def test_every_fast_access_gives_none(traj):
    assert traj.max_depth is None
    assert traj.parameters.tree.max_depth is None
    assert traj["tree.max_depth"] is None
    assert traj.f_get("max_depth", fast_access=True) is None
    assert traj.f_get_default("max_depth", 5) is None
    assert traj.f_to_dict(fast_access=True)["parameters.tree.max_depth"] is None
    assert traj.f_to_dict(fast_access=True, nested=True)["parameters"]["tree"] == {
        "max_depth": None
    }
    assert traj.f_get_parameters(fast_access=True)["parameters.tree.max_depth"] is None
    assert traj.f_get_derived_parameters(fast_access=True)["derived_parameters.seed"] is None


def test_the_parameter_itself_is_reached_as_before(traj):
    assert traj.f_get("max_depth").f_is_empty()
    assert not traj.f_get("max_depth").f_supports_fast_access()
    traj.v_fast_access = False
    assert traj.max_depth is traj.f_get("max_depth")


def test_a_value_can_be_given_and_taken_away(traj):
    traj.max_depth = 3
    assert traj.max_depth == 3
    traj.f_get("max_depth").f_unlock()
    with pytest.raises(TypeError, match=r"`f_empty\(\)` removes the value"):
        traj.max_depth = None
    traj.f_get("max_depth").f_empty()
    assert traj.max_depth is None


def test_it_is_none_in_runs_and_copies(traj):
    traj.f_explore({"x": [1, 2]})
    traj.f_start_run(1)
    assert traj.max_depth is None
    traj.f_finalize_run(store_meta_data=False)
    assert traj.f_copy().max_depth is None
    assert pickle.loads(pickle.dumps(traj)).max_depth is None
    assert list(traj.f_find_idx(["x", "max_depth"], lambda x, depth: depth is None)) == [0, 1]


@pytest.mark.parametrize("auto_load", [False, True])
def test_it_is_none_when_stored_and_loaded(traj, service, auto_load):
    traj.v_auto_load = auto_load
    assert traj.max_depth is None  # with nothing to load from
    traj.f_store()
    assert traj.max_depth is None
    other = loaded(service)
    other.v_auto_load = auto_load
    other.f_add_parameter("later")
    assert other.max_depth is None
    assert other.later is None


def test_what_is_left_in_the_storage_is_not_taken_for_none(traj, service):
    traj.f_store()
    other = loaded(service, load_parameters=1)
    assert other.x is other.f_get("x")
    assert other.f_to_dict(fast_access=True)["parameters.x"] is other.f_get("x")
    assert other.max_depth is other.f_get("max_depth")  # nobody has looked
    with pytest.raises(TypeError, match="is empty"):
        next(other.f_find_idx("x", bool))
    other.f_load_items(["x", "max_depth"])
    assert other.x == 1
    assert other.max_depth is None
    other.f_get("x").f_unlock()
    other.f_get("x").f_empty()
    assert other.x is other.f_get("x")


def test_auto_loading_still_complains_about_values_that_are_lost(traj, service):
    traj.f_store()
    other = loaded(service, load_parameters=1)
    other.v_storage_service = MemoryStorageService()
    other.v_auto_load = True
    with pytest.raises((ValueError, DataNotInStorageError)):
        other.x
