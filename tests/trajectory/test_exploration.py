"""`f_explore`, `f_expand`, `f_shrink` and `f_find_idx`."""

from __future__ import annotations

import numpy as np
import pytest

from pypet.errors import NotUniqueNodeError
from pypet.leaves import Parameter
from pypet.trajectory import Trajectory
from pypet.trajectory.parameter_space import cartesian_product
from tests import leaf_calls

# ----- exploring -------------------------------------------------------------------------------


def test_exploring_gives_each_run_its_values(explored):
    assert len(explored) == 3
    explored.f_set_crun(1)
    assert (explored.x, explored.y) == (11, 1.5)


def test_default_stays_visible_until_a_run_is_set(explored):
    assert (explored.x, explored.y) == (1, 2.0)


def test_generators_ranges_and_text_are_consumed_once(traj):
    traj.f_add_parameter("s", "z")
    traj.f_explore({"x": range(3), "y": (value / 2 for value in range(3)), "s": "abc"})
    assert traj.f_get("s").f_get_range() == ["a", "b", "c"]


def test_further_parameters_of_the_same_length_can_be_explored_later(traj):
    traj.f_explore({"x": [1, 2]})
    traj.f_explore({"y": [1.0, 2.0]})
    assert len(traj) == 2
    with pytest.raises(TypeError, match="explored already"):
        traj.f_explore({"x": [1, 2]})


def test_empty_dictionary_explores_nothing(traj):
    traj.f_explore({})
    assert len(traj) == 1
    assert traj.f_get_explored_parameters() == {}


def test_values_become_the_type_of_the_default(traj):
    traj.f_explore({"x": np.arange(3), "y": [1, 2.5, np.float32(3)]})
    traj.f_expand({"x": np.array([7], dtype="u1"), "y": np.array([4])})
    assert traj.f_get("x").f_get_range() == [0, 1, 2, 7]
    assert traj.f_get("y").f_get_range() == [1.0, 2.5, 3.0, 4.0]
    assert set(map(type, traj.f_get("x").f_get_range())) == {int}
    assert set(map(type, traj.f_get("y").f_get_range())) == {float}
    assert list(traj.f_find_idx("y", lambda y: y.is_integer())) == [0, 2, 3]


def test_single_value_is_a_valid_range(traj):
    traj.f_explore({"x": [7]})
    assert len(traj) == 1
    traj.f_set_crun(0)
    assert traj.x == 7


def test_locked_parameters_can_be_explored_and_are_locked_again(traj):
    traj.f_get("x").f_lock()
    traj.f_explore({"x": [1, 2]})
    assert traj.f_get("x").v_locked


def test_derived_parameters_and_links_can_be_explored(traj):
    traj.f_add_derived_parameter("d", 1)
    traj.f_add_link("short", traj.f_get("x"))
    traj.f_explore({"d": [1, 2], "short": [3, 4]})
    assert list(traj.f_get_explored_parameters()) == ["derived_parameters.d", "parameters.group.x"]


@pytest.mark.parametrize(
    ("build_dict", "error", "text"),
    [
        ({"nowhere": [1]}, AttributeError, "nowhere"),
        ({"twice": [1]}, NotUniqueNodeError, "not unique"),
        ({"group": [1]}, ValueError, "ParameterGroup"),
        ({"outcome": [1]}, ValueError, "Result"),
        ({"note": [1]}, ValueError, "config"),
        ({"x": [1, 2], "y": [1.0]}, ValueError, "1 values for parameter `parameters.y`.*2"),
        ({"x": []}, ValueError, "no entries|no values"),
        ({"x": [1.0]}, TypeError, "parameters.group.x"),
        ({"x": 3}, TypeError, "`parameters.group.x` needs an iterable"),
        ({"x": np.arange(3.0)}, TypeError, r"astype\(int\)"),
        ({"empty": [1]}, TypeError, "no value"),
        ({"x": [1], "group.x": [2]}, ValueError, "twice"),
        ({"x": [1, 2], "y": [1.0, "b"]}, TypeError, "parameters.y"),
    ],
)
def test_failed_exploration_names_the_parameter_and_changes_nothing(build_dict, error, text):
    traj = Trajectory("test")
    traj.f_add_parameter("group.x", 1)
    traj.f_add_parameter("y", 2.0)
    traj.f_add_parameter("empty")
    traj.f_add_parameter("a.twice", 1)
    traj.f_add_parameter("b.twice", 1)
    traj.f_add_result("outcome", 1)
    traj.f_add_config("note", 1)
    with pytest.raises(error, match=text):
        traj.f_explore(build_dict)
    assert len(traj) == 1
    assert not traj.f_get("x").f_has_range()
    assert not traj.f_get("y").v_explored
    assert traj.f_get_explored_parameters() == {}
    assert not traj.f_get("x").v_locked


def test_length_has_to_fit_what_is_explored_already(traj):
    traj.f_explore({"x": [1, 2]})
    with pytest.raises(ValueError, match=r"3 values .* but 2 .*parameters\.group\.x"):
        traj.f_explore({"y": [1.0, 2.0, 3.0]})
    assert len(traj) == 2
    assert traj.f_get("x").f_has_range()


def test_exploring_is_refused_once_a_run_is_completed(explored):
    explored.f_add_parameter("late", 1)
    explored.f_start_run(0)
    explored.f_finalize_run(store_meta_data=False)
    with pytest.raises(TypeError, match="f_expand"):
        explored.f_explore({"late": [1, 2, 3]})


def test_full_copy_also_holds_for_parameters_explored_afterwards(traj):
    traj.v_full_copy = True
    traj.f_explore({"x": [1, 2]})
    assert traj.f_get("x").v_full_copy
    assert not traj.f_get("y").v_full_copy


def test_parameter_explored_while_a_run_is_set_follows_it(traj):
    traj.f_explore({"x": [1, 2]})
    traj.f_set_crun(1)
    traj.f_explore({"y": [5.0, 6.0]})
    assert traj.y == 6.0


def test_run_names_of_users_have_to_differ():
    traj = Trajectory("test", wildcard_functions={("$", "crun"): lambda idx: f"r{min(idx, 1)}"})
    traj.f_add_parameter("x", 1)
    with pytest.raises(RuntimeError, match="r1"):
        traj.f_explore({"x": [1, 2, 3]})
    assert len(traj) == 1
    assert not traj.f_get("x").f_has_range()
    traj.f_explore({"x": [1, 2]})
    assert traj.f_get_run_names() == ["r0", "r1"]


def test_added_parameter_brings_its_range_along(traj):
    parameter = Parameter("ranged", 1)
    leaf_calls.explore(parameter, [1, 2, 3])
    traj.f_add_parameter(parameter)
    assert len(traj) == 3
    assert "parameters.ranged" in traj.f_get_explored_parameters()


def test_added_range_of_another_length_is_refused(explored):
    parameter = Parameter("ranged", 1)
    leaf_calls.explore(parameter, [1, 2])
    with pytest.raises(ValueError, match="2 values"):
        explored.f_add_parameter(parameter)
    assert "ranged" not in explored


# ----- expanding -------------------------------------------------------------------------------


def test_expanding_appends_runs_and_keeps_old_records(explored):
    explored.f_start_run(0)
    explored.f_finalize_run(store_meta_data=False)
    before = explored.f_get_run_information(0)
    explored.f_expand({"x": [13, 14], "y": [3.5, 4.5]})
    assert len(explored) == 5
    assert explored.f_get_run_information(0) == before
    assert explored.f_is_completed(4) == 0
    explored.f_set_crun(4)
    assert (explored.x, explored.y) == (14, 4.5)


def test_expanding_an_unexplored_trajectory_explores_it(traj):
    traj.f_expand({"x": [1, 2]})
    assert len(traj) == 2


@pytest.mark.parametrize(
    ("build_dict", "error", "text"),
    [
        ({"x": [1]}, TypeError, "Missing: parameters.y"),
        ({"x": [1], "y": [1.0], "other": [1]}, TypeError, "not explored: parameters.other"),
        ({}, TypeError, "Missing"),
        ({"x": [1, 2], "y": [1.0]}, ValueError, "parameters.y"),
        ({"x": [], "y": []}, ValueError, "no values"),
        ({"x": [1], "y": ["1"]}, TypeError, "parameters.y"),
        ({"x": [1.0], "y": [1.0]}, TypeError, "parameters.group.x"),
        ({"x": [1], "nowhere": [1.0]}, AttributeError, "nowhere"),
    ],
)
def test_failed_expansion_restores_all_ranges(explored, build_dict, error, text):
    explored.f_add_parameter("other", 1)
    explored.f_set_crun(2)
    with pytest.raises(error, match=text):
        explored.f_expand(build_dict)
    assert len(explored) == 3
    assert explored.f_get("x").f_get_range() == [10, 11, 12]
    assert explored.f_get("y").f_get_range() == [0.5, 1.5, 2.5]
    assert (explored.x, explored.y) == (12, 2.5)
    assert explored.f_get("x").f_get_default() == 1


def test_expansion_is_taken_back_if_run_names_clash():
    names = {-1: "none", 0: "a", 1: "b"}
    traj = Trajectory("test", wildcard_functions={("$", "crun"): lambda idx: names.get(idx, "b")})
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    with pytest.raises(RuntimeError, match="'b'"):
        traj.f_expand({"x": [3]})
    assert len(traj) == 2
    assert traj.f_get("x").f_get_range() == [1, 2]


def test_parameter_that_is_not_in_memory_cannot_be_expanded(stored):
    stored.f_remove_item("x")
    assert stored.f_get_explored_parameters() == {"parameters.group.x": None}
    with pytest.raises(AttributeError):
        stored.f_expand({"x": [1]})


def test_expansion_is_stored_by_the_next_store(stored, service):
    stored.f_expand({"x": [13]})
    assert not stored.f_get("x").v_stored
    stored.f_store()
    other = Trajectory("other", storage_service=service)
    other.f_load("kept")
    assert other.f_get("x").f_get_range() == [10, 11, 12, 13]
    assert len(other) == 4


def test_expansion_survives_a_storage_that_cannot_delete(stored, caplog):
    class Stubborn:
        def store(self, *args, **kwargs):
            raise OSError("read only")

    stored.v_storage_service = Stubborn()
    stored.f_expand({"x": [13]})
    assert len(stored) == 4
    assert "could not be deleted" in caplog.text


# ----- shrinking -------------------------------------------------------------------------------


def test_shrinking_leaves_one_run_and_the_defaults(explored):
    explored.f_set_crun(2)
    explored.f_shrink()
    assert len(explored) == 1
    assert explored.v_idx == -1
    assert (explored.x, explored.y) == (1, 2.0)
    assert not explored.f_get("x").v_explored
    explored.f_explore({"x": [1, 2]})
    assert len(explored) == 2


def test_stored_trajectory_shrinks_by_force_only(stored):
    with pytest.raises(TypeError, match="force"):
        stored.f_shrink()
    stored.f_shrink(force=True)
    assert len(stored) == 1


def test_shrinking_works_if_a_parameter_is_not_in_memory(stored):
    stored.f_remove_item("x")
    stored.f_shrink(force=True)
    assert len(stored) == 1
    assert stored.f_get_explored_parameters() == {}


def test_removing_the_last_explored_parameter_shrinks(explored):
    explored.f_remove_item("x")
    assert len(explored) == 3
    explored.f_remove_item("y")
    assert len(explored) == 1


def test_removing_an_explored_parameter_keeps_its_name_if_stored(stored):
    stored.f_remove_item("x")
    assert len(stored) == 3
    assert stored.f_get_explored_parameters(fast_access=True) == {"parameters.group.x": None}


# ----- finding runs ----------------------------------------------------------------------------


def test_find_idx_yields_runs_for_which_the_predicate_holds(explored):
    assert list(explored.f_find_idx("x", lambda x: x > 10)) == [1, 2]
    assert list(explored.f_find_idx(["x", "y"], lambda x, y: x == 11 and y == 1.5)) == [1]


def test_find_idx_repeats_values_that_are_not_explored(explored):
    explored.f_add_parameter("still", 4)
    assert list(explored.f_find_idx(("still", "x"), lambda still, x: x == 8 + still)) == [2]


@pytest.mark.parametrize(("name", "error"), [("group", TypeError), ("nowhere", AttributeError)])
def test_find_idx_raises_when_the_first_index_is_asked_for(explored, name, error):
    indices = explored.f_find_idx(name, bool)
    with pytest.raises(error):
        next(indices)


def test_find_idx_needs_all_ranges_during_a_run(explored):
    explored.f_start_run(0)
    with pytest.raises(TypeError, match="v_full_copy"):
        next(explored.f_find_idx("x", bool))


def test_find_idx_says_if_ranges_are_missing_in_a_copy(explored):
    with pytest.raises(TypeError, match="not in memory"):
        next(explored.f_copy().f_find_idx("x", bool))


def test_a_misspelled_parameter_is_answered_with_the_nearest_one(traj):
    traj.f_add_parameter("neuron.tau_ref", 5.0)
    with pytest.raises(AttributeError, match=r"no parameter `tauref` to explore.*mean 'tau_ref'"):
        traj.f_explore({"tauref": [1.0, 2.0]})
    with pytest.raises(AttributeError, match=r"Did you mean 'parameters.neuron.tau_ref'"):
        traj.f_explore({"parameters.neurons.tau_ref": [1.0, 2.0]})
    with pytest.raises(AttributeError, match=r"Did you mean 'neuron.tau_ref'"):
        traj.f_explore({"neuron.tauref": [1.0, 2.0]})
    assert len(traj) == 1


# ----- nested dictionaries ---------------------------------------------------------------------


def test_groups_are_explored_by_nested_dictionaries(traj):
    traj.f_add_parameter("group.deep.z", "a")
    traj.f_explore({"group": {"x": [1, 2], "deep": {"z": ["b", "c"]}}, "y": [1, 2]})
    traj.f_expand({"parameters": {"x": [3], "y": [3.0], "group.deep": {"z": ["d"]}}})
    assert traj.f_get("x").f_get_range() == [1, 2, 3]
    assert traj.f_get("z").f_get_range() == ["b", "c", "d"]
    assert traj.f_get("y").f_get_range() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("build_dict", "error", "text"),
    [
        ({"x": {"a": [1]}}, TypeError, r"`parameters\.group\.x` is a Parameter, not a group"),
        ({"group": {"nowhere": [1]}}, AttributeError, "no parameter `nowhere`"),
        ({"group": {"x": [1]}, "x": [1]}, ValueError, "twice"),
        ({"group": {3: [1]}}, TypeError, "names of parameters, not 3"),
    ],
)
def test_wrong_nested_dictionaries_explore_nothing(traj, build_dict, error, text):
    with pytest.raises(error, match=text):
        traj.f_explore(build_dict)
    assert len(traj) == 1
    assert not traj.f_get("x").f_has_range()


def test_products_of_nested_dictionaries_can_be_explored(traj):
    product = cartesian_product({"group": {"x": [1, 2]}, "y": [0.5, 1.5]}, ("y", "group.x"))
    assert product == {"group.x": [1, 2, 1, 2], "y": [0.5, 0.5, 1.5, 1.5]}
    traj.f_explore(product)
    assert len(traj) == 4
