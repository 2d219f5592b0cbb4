"""Shallow copies and pickles of trajectories."""

from __future__ import annotations

import copy
import pickle

import pytest

from pypet.leaves import Parameter, Result
from pypet.trajectory import Trajectory
from pypet.tree import NNGroupNode, ResultGroup


def copy_into(target, source, **kwargs):
    """Copy nodes as the established method does."""
    target._copy_from(source, **kwargs)


class OwnGroup(NNGroupNode):
    """A group of users, with state of its own."""

    def __init__(self, full_name="", trajectory=None, comment=""):
        super().__init__(full_name, trajectory, comment)
        self._colour = "red"


def name_of(idx):
    return f"trial_{idx}" if idx >= 0 else "no_trial"


@pytest.fixture
def filled(explored):
    explored.v_comment = "commented"
    explored.f_add_result("z", 5, comment="a result")
    explored.f_add_group("own.group", comment="a group")
    explored.f_add_group(OwnGroup, "special").f_add_leaf("inside", 1)
    explored.f_add_link("linked", explored.f_get("z"))
    explored.f_get("own").f_add_link("back", explored.f_get("special"))
    explored.own.f_add_leaf("last", 7)
    explored.own.v_annotations.colour = "blue"
    explored.f_set_crun(1)
    return explored


def same_content(one, other):
    assert str(one) == str(other)
    assert list(one.f_to_dict(fast_access=True)) == list(other.f_to_dict(fast_access=True))
    assert one.f_to_dict(fast_access=True, nested=True) == other.f_to_dict(
        fast_access=True, nested=True
    )
    for node in one.f_iter_nodes(with_links=False):
        twin = other.f_get(node.v_full_name, shortcuts=False)
        assert twin is not node
        assert (type(twin), twin.v_comment, twin.v_run_branch, twin.v_stored) == (
            type(node),
            node.v_comment,
            node.v_run_branch,
            node.v_stored,
        )
        if node.v_is_group:
            assert list(node.f_get_children()) == list(twin.f_get_children())
            assert node.f_links() == twin.f_links()
    for name in ("v_idx", "v_crun", "v_is_run", "v_full_copy", "v_timestamp", "v_comment"):
        assert getattr(one, name) == getattr(other, name)
    assert set(vars(one)) == set(vars(other))


COPIES = [
    copy.copy,
    copy.deepcopy,
    lambda traj: traj.f_copy(),
    lambda traj: pickle.loads(pickle.dumps(traj)),
    lambda traj: pickle.loads(pickle.dumps(traj, 0)),
]


@pytest.mark.parametrize("make", COPIES)
def test_copy_has_the_same_content(filled, make):
    twin = make(filled)
    same_content(filled, twin)
    assert twin.linked == 5
    assert twin.own.back is twin.special
    assert twin.f_get("special")._colour == "red"
    assert twin.own.v_annotations.colour == "blue"
    assert len(twin) == 3
    assert twin.f_get_run_information(1) == filled.f_get_run_information(1)


@pytest.mark.parametrize("make", COPIES)
def test_copy_does_not_share_the_tree(filled, make):
    twin = make(filled)
    twin.f_add_result("new", 1)
    twin.f_remove_item("special", recursive=True)
    twin.f_add_wildcard_functions({"$new": str})
    twin.f_start_run()
    twin.f_finalize_run(store_meta_data=False)
    assert "new" not in filled
    assert filled.special.inside == 1
    assert filled.own.back is filled.special
    assert not filled.f_is_wildcard("$new")
    assert filled.f_is_completed(1) == 0
    assert twin.f_get_run_information(1)["parameter_summary"] == "x: 11,   y: 1.5"


@pytest.mark.parametrize("make", COPIES)
def test_copy_of_a_trajectory_in_a_run_is_in_that_run(filled, make):
    filled.f_start_run()
    filled.f_add_result("in_run", 3)
    filled.f_add_link("link_of_run", filled.f_get("in_run"))
    twin = make(filled)
    same_content(filled, twin)
    assert twin.v_is_run
    with pytest.raises(TypeError, match="single run"):
        twin.f_explore({})
    twin.f_finalize_run(store_meta_data=False)
    assert "in_run" not in twin
    assert "link_of_run" not in twin
    assert "in_run" in filled


@pytest.mark.parametrize("make", COPIES)
def test_ranges_are_carried_along_with_full_copy_only(explored, make):
    assert not make(explored).f_get("x").f_has_range()
    assert make(explored).f_get("x").v_explored
    explored.v_full_copy = True
    twin = make(explored)
    assert twin.f_get("x").f_get_range() == [10, 11, 12]
    twin.f_set_crun(2)
    assert (twin.x, explored.x) == (12, 1)
    assert len(twin.f_get_run_information()) == 3


def test_pickle_knows_its_own_run_only(explored):
    explored.f_set_crun(2)
    twin = pickle.loads(pickle.dumps(explored))
    assert len(twin) == 3
    assert twin.x == 12
    assert twin.f_get_run_names() == ["run_00000002"]
    with pytest.raises(KeyError, match="1 of 3"):
        twin.f_get_run_information(1)
    with pytest.raises(KeyError):
        twin.f_idx_to_run(0)


def test_pickle_without_run_knows_the_first(explored):
    assert pickle.loads(pickle.dumps(explored)).f_get_run_names() == ["run_00000000"]


def test_pickle_is_small_however_many_runs_there_are(traj):
    small = len(pickle.dumps(traj))
    traj.f_explore({"x": range(20_000)})
    assert len(pickle.dumps(traj)) < small + 500


def test_pickle_keeps_run_names_of_users():
    traj = Trajectory("test", wildcard_functions={("$", "crun"): name_of})
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2]})
    traj.f_set_crun(1)
    twin = pickle.loads(pickle.dumps(traj))
    assert twin.v_crun == "trial_1"
    assert twin.f_idx_to_run("trial_1") == 1


def test_long_chains_of_links_can_be_pickled(traj):
    before = traj.f_add_result_group("g0")
    for number in range(1, 3000):
        group = traj.f_add_result_group(f"g{number}")
        group.f_add_link("before", before)
        before = group
    twin = pickle.loads(pickle.dumps(traj))
    assert twin.results.g2999.before.before is twin.results.g2997


def test_leaf_shared_by_trajectory_and_pickle_stays_one(filled):
    leaf = filled.f_get("z")
    twin, other = pickle.loads(pickle.dumps((filled, leaf)))
    assert twin.f_get("z") is other


# ----- shallow copies --------------------------------------------------------------------------


def test_leaves_can_be_shared(filled):
    twin = filled.f_copy(copy_leaves=False)
    assert twin.f_get("z") is filled.f_get("z")
    twin.f_remove_item("z")
    assert filled.z == 5
    filled.f_remove_item("z")


def test_explored_parameters_alone_can_be_copied(filled):
    twin = filled.f_copy(copy_leaves="explored")
    assert twin.f_get("z") is filled.f_get("z")
    assert twin.f_get("x") is not filled.f_get("x")


def test_other_ways_to_copy_leaves_are_refused(filled):
    with pytest.raises(ValueError, match="explored"):
        filled.f_copy(copy_leaves="some")


def test_links_can_be_left_out(filled):
    twin = filled.f_copy(with_links=False)
    assert "linked" not in twin
    assert twin.z == 5


def test_copied_group_belongs_to_a_copied_trajectory(filled):
    group = copy.copy(filled.own)
    assert group is not filled.own
    assert group.v_root is not filled
    assert group.v_root.own is group
    assert group.last == 7


def test_copy_keeps_presets_and_service(traj, service):
    traj.v_storage_service = service
    traj.f_preset_parameter("p", 3)
    twin = traj.f_copy()
    assert twin.v_storage_service is service
    twin.f_add_parameter("p", 1)
    traj.f_add_parameter("p", 1)
    assert (twin.p, traj.p) == (3, 3)


# ----- trees put into other trees --------------------------------------------------------------


def test_tree_can_be_put_into_another(filled):
    other = Trajectory("other")
    other.f_add_result("z", 1)
    copy_into(other, filled)
    assert other.z == 1
    assert other.special.inside == 1
    assert other.own.back is other.special
    assert other.own.v_comment == filled.own.v_comment
    assert other.own.group.v_comment == "a group"


def test_overwriting_takes_over_state(filled):
    other = Trajectory("other")
    other.f_add_result("z", 1)
    other.f_add_group("own.group", comment="old")
    copy_into(other, filled, overwrite=True)
    assert other.z == 5
    assert other.f_get("z").v_comment == "a result"
    assert other.own.group.v_comment == "a group"
    other.f_remove_item("z")
    assert filled.z == 5


def test_single_leaf_can_be_put_into_another_tree(filled):
    other = Trajectory("other")
    copy_into(other, filled.f_get("special.inside"))
    assert other.special.inside == 1
    copy_into(other, filled.f_get("z"), copy_leaves=False)
    assert other.f_get("z") is filled.f_get("z")


def test_tree_is_not_put_into_itself(filled):
    with pytest.raises(ValueError, match="part of already"):
        copy_into(filled, filled)
    with pytest.raises(ValueError, match="part of already"):
        copy_into(filled, filled.f_get("z"))
    with pytest.raises(ValueError, match="not part of a trajectory"):
        copy_into(filled, Parameter("alone", 1))
    with pytest.raises(ValueError, match="not part of a trajectory"):
        copy_into(filled, ResultGroup("alone"))


def test_group_and_leaf_of_one_name_do_not_mix(filled):
    other = Trajectory("other")
    other.f_add_leaf(Result("own", 1))
    with pytest.raises(AttributeError, match="`own`"):
        copy_into(other, filled)
