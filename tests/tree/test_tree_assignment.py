"""Assignment to groups by attribute and by item."""

from __future__ import annotations

import pytest

from pypet.errors import ParameterLockedException
from pypet.leaves.parameter import Parameter
from pypet.leaves.result import Result
from pypet.naturalnaming import NNGroupNode
from tests import leaf_calls


def test_values_go_to_leaves_that_exist(traj):
    parameter = traj.f_add_parameter("a.x", 4)
    result = traj.f_add_result("b.z", 4)
    traj.x = 5
    traj.results.z = 6
    assert (parameter.f_get(), result.f_get()) == (5, 6)
    parameter.f_unlock()
    traj["par.a.x"] = 7
    assert parameter.f_get() == 7
    traj["b.z"] = (8, "comment")
    assert result.f_get() == (8, "comment")


def test_locked_and_explored_parameters_refuse_values(traj):
    locked = traj.f_add_parameter("x", 4)
    locked.f_lock()
    with pytest.raises(ParameterLockedException):
        traj.x = 5
    explored = traj.f_add_parameter("y", 4)
    leaf_calls.explore(explored, [1, 2])
    explored.f_unlock()
    with pytest.raises(AttributeError):
        traj.y = 5


def test_results_without_a_single_value_of_their_name_refuse_values(traj):
    traj.f_add_result("many", 1, 2)
    traj.f_add_result("other", x=1)
    for name in ("many", "other"):
        with pytest.raises(AttributeError, match="f_set"):
            setattr(traj, name, 5)


def test_plain_values_never_make_leaves(traj):
    traj.f_add_parameter_group("g")
    for value in (42, (42, "comment"), None, [1]):
        with pytest.raises(AttributeError):
            traj.par.new = value
        with pytest.raises(AttributeError):
            traj["par.g.new"] = value
    with pytest.raises(AttributeError, match="group"):
        traj.par.g = 42
    assert not traj.par.g.f_has_children()


def test_instances_are_added_where_they_are_assigned(traj):
    traj.f_add_group("g")
    nameless, named, dotted = Result("", a=1), Result("b", 2), Result("c.d", 3)
    traj.g.a = nameless
    traj.g.b = named
    traj.g.c = dotted
    assert [node.v_full_name for node in (nameless, named, dotted)] == ["g.a", "g.b", "g.c.d"]
    assert traj.g.c.d == 3
    for bad in (Result("other", 1), Result("ex", 1), Result("e.x", 1)):
        with pytest.raises(AttributeError, match="name"):
            traj.g.x = bad
        with pytest.raises(AttributeError, match="name"):
            traj["g.x"] = bad
    assert "x" not in traj.g


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_keys_are_translated_before_they_are_compared(traj):
    traj.f_add_result("r_2.z", 1)
    traj["r_1"] = NNGroupNode("")
    traj["r_1.new"] = Result("new", 5)
    assert traj.run_00000001.new == 5
    traj.res["r_3"] = Result("", run_00000003=6)
    assert traj.results.run_00000003 == 6
    with pytest.raises(AttributeError):
        traj.res["r_4"] = Result("r_4", 6)
    traj.res.r_5 = Result("run_00000005", 6)
    assert traj.results["r_5"] == 6


def test_assignment_never_has_a_run_prefix(traj):
    traj.f_add_result_group("g")
    traj.start_run(2)
    traj.results.z = Result("z", 1)
    assert traj.f_get("z").v_full_name == "results.z"


def test_nodes_of_the_tree_become_links(traj):
    leaf = traj.f_add_parameter("a.x", 4)
    traj.f_add_group("g")
    traj.g.l = leaf
    traj["g.k"] = traj.parameters.a
    assert traj.g.f_get_links() == {"l": leaf, "k": traj.parameters.a}
    with pytest.raises(ValueError):
        traj.g.me = traj


def test_taken_names_refuse_instances(traj):
    traj.f_add_leaf("g.x", 1)
    with pytest.raises(AttributeError, match="already"):
        traj.g.x = Result("x", 2)
    with pytest.raises(TypeError):
        traj.f_add_group("parameters.p").new = NNGroupNode("")


@pytest.mark.parametrize("key", [3, None, ("a", "b"), ["x"]])
def test_only_text_can_be_assigned_to(traj, key):
    traj.f_add_leaf("x", 1)
    with pytest.raises(TypeError, match="names"):
        traj[key] = 5


@pytest.mark.parametrize("key", ["", "x.", "_x", "g._x", "x.y", "nope.y"])
def test_bad_keys_are_attribute_errors(traj, key):
    traj.f_add_leaf("x", 1)
    traj.f_add_group("g")
    with pytest.raises(AttributeError):
        traj[key] = 5
    with pytest.raises(AttributeError):
        traj[key] = Result("", x=5)


def test_underscore_names_are_ordinary_attributes_of_the_trajectory(traj):
    traj._mine = 5
    assert traj._mine == 5
    with pytest.raises(AttributeError):
        traj.f_add_group("g")._mine = 5


def test_members_of_the_class_are_set_or_refused(traj):
    group = traj.f_add_group("g")
    group.v_comment = "new"
    assert group.v_comment == "new"
    group["v_comment"] = "newer"
    assert group.v_comment == "newer"
    for name in ("v_name", "f_get", "kids", "KNOWS_TRAJECTORY"):
        with pytest.raises(AttributeError):
            setattr(group, name, 5)
        with pytest.raises(AttributeError):
            setattr(traj, name, 5)
        with pytest.raises(AttributeError):
            group[name] = 5
    with pytest.warns(SyntaxWarning, match="f_get"):
        group["f_get"] = Result("f_get", 3)
    assert group["f_get"] == 3


def test_attributes_of_the_metaclass_are_names_like_others(traj):
    traj.mro = Result("mro", 3)
    assert traj.mro == 3
    traj["mro"] = 4
    assert traj.mro == 4


def test_children_are_not_deleted_by_del(traj):
    traj.f_add_leaf("x", 1)
    with pytest.raises(AttributeError):
        del traj.x
    assert traj.x == 1


def test_a_failed_assignment_leaves_the_instance_as_it_was(traj, monkeypatch):
    """Name and depth of the node survive."""
    traj.f_add_leaf("x", 1)
    leaf, group = Result("x", 2), NNGroupNode("x", comment="c")
    for node in (leaf, group):
        with pytest.raises(AttributeError):
            traj.x = node
        assert (node.v_full_name, node.v_depth, node.v_branch) == ("x", 0, None)
    nameless = Parameter("", 1)

    def refuse(self, leaf):
        raise TypeError("no")

    monkeypatch.setattr(type(traj), "_leaf_added", refuse)
    with pytest.raises(TypeError):
        traj.y = nameless
    assert nameless.v_name is None
    assert (nameless.v_depth, nameless.v_branch, nameless.v_run_branch) == (0, None, "trajectory")
    assert not traj.f_contains("y")


def test_setting_what_does_not_exist_says_how_to_add_it(traj):
    with pytest.raises(AttributeError, match=r"`y` is not part of .*f_add_parameter"):
        traj.y = 3
    assert "y" not in traj
