"""Adding nodes: forms of arguments, places, run prefix, restrictions, rolling back."""

from __future__ import annotations

import pytest

from pypet.leaves.array_parameter import ArrayParameter
from pypet.leaves.parameter import Parameter
from pypet.leaves.pickle_leaves import PickleResult
from pypet.leaves.result import Result
from pypet.naturalnaming import (
    ConfigGroup,
    DerivedParameterGroup,
    KnowsTrajectory,
    NNGroupNode,
    ParameterGroup,
    ResultGroup,
)
from pypet.tree.tree import tree_of

TYPED = [
    ("f_add_parameter", "parameters", "par"),
    ("f_add_derived_parameter", "derived_parameters", "dpar"),
    ("f_add_result", "results", "res"),
    ("f_add_config", "config", "conf"),
]


class MyGroup(NNGroupNode):
    __slots__ = ()


class KnowingResult(Result, KnowsTrajectory):
    __slots__ = ("seen",)

    def __init__(self, full_name, trajectory, *args, **kwargs):
        object.__setattr__(self, "seen", trajectory)
        super().__init__(full_name, *args, **kwargs)


@pytest.mark.parametrize(("method", "branch", "short"), TYPED)
def test_typed_methods_put_their_branch_in_front(traj, method, branch, short):
    add = getattr(traj, method)
    assert add("a.x", 1).v_full_name == f"{branch}.a.x"
    assert add(f"{branch}.a.y", 1).v_full_name == f"{branch}.a.y"
    assert add(f"{short}.a.z", 1).v_full_name == f"{branch}.a.z"
    other = "results" if branch != "results" else "parameters"
    assert add(f"{other}.a.q", 1).v_full_name == f"{branch}.{other}.a.q"
    assert set(traj.f_get_children()) == {branch}


@pytest.mark.parametrize("name", ["parameters.x", "par.x"])
def test_a_parameter_named_with_its_branch_makes_no_group_per_letter(traj, name):
    """The branch in front of a parameter's name is that of the three other methods."""
    assert traj.f_add_parameter(name, 1).v_full_name == "parameters.x"
    assert traj.f_add_parameter(Parameter(name.replace("x", "y"), 1)).v_full_name == "parameters.y"
    assert traj.f_add_parameter_group(name.replace("x", "z")).v_full_name == "parameters.z"
    assert list(traj.f_get_children()) == ["parameters"]
    assert list(traj.parameters.f_get_children()) == ["x", "y", "z"]


@pytest.mark.parametrize(("method", "branch", "short"), TYPED)
@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_typed_methods_of_groups_put_the_group_in_front(traj, method, branch, short):
    group = getattr(traj, method + "_group")("g")
    assert type(group) is type(traj[branch])
    assert getattr(group, method)("a.x", 1).v_full_name == f"{branch}.g.a.x"
    assert getattr(traj[branch], method)("x", 1).v_full_name == f"{branch}.x"
    inner = getattr(traj[branch], method)(f"{short}.y", 1)
    assert inner.v_full_name == f"{branch}.{branch}.y"


def test_forms_of_arguments(traj):
    assert traj.f_add_parameter("a", 1, "comment").v_comment == "comment"
    assert traj.f_add_parameter("b", data=2, comment="c").f_get() == 2
    assert traj.f_add_parameter(name="c", data=3).f_get() == 3
    assert traj.f_add_parameter(full_name="d", data=4).f_get() == 4
    assert type(traj.f_add_parameter(ArrayParameter, "e", 5)) is ArrayParameter
    assert type(traj.f_add_parameter(ArrayParameter, name="f", data=5)) is ArrayParameter
    instance = Parameter("g.h", 6)
    assert traj.f_add_parameter(instance) is instance
    assert instance.v_full_name == "parameters.g.h"
    result = traj.f_add_result("many", 1, 2, x=3, comment="c")
    assert result.f_to_dict() == {"many": 1, "many_1": 2, "x": 3}
    assert result.v_comment == "c"
    assert traj.f_add_result(7, name="kw").f_get() == 7


def test_forms_of_arguments_of_groups(traj):
    assert traj.f_add_group("a", "comment").v_comment == "comment"
    assert traj.f_add_group("b", comment="comment").v_comment == "comment"
    assert type(traj.f_add_group(MyGroup, "c", comment="d")) is MyGroup
    assert traj.c.v_comment == "d"
    instance = NNGroupNode("d.e", comment="f")
    assert traj.f_add_group(instance) is instance
    assert (instance.v_full_name, instance.v_root, instance.v_depth) == ("d.e", traj, 2)
    assert traj.f_add_result_group(name="g").v_full_name == "results.g"


def test_a_name_is_needed(traj):
    for method in ("f_add_parameter", "f_add_result", "f_add_group", "f_add_leaf"):
        for args in ((), (5,), (Parameter,), (None,)):
            with pytest.raises(ValueError, match="name"):
                getattr(traj, method)(*args)
    with pytest.raises(ValueError, match="no name"):
        traj.f_add_parameter(Parameter("", 3))
    with pytest.raises(ValueError, match="alone"):
        traj.f_add_parameter(Parameter("x", 3), 4)
    assert not traj.f_has_children()


def test_classes_that_know_the_trajectory_get_it(traj):
    assert traj.f_add_result(KnowingResult, "k", 3).seen is traj
    assert traj.k == 3


def test_generic_methods_take_the_type_from_the_place(traj):
    assert type(traj.f_add_leaf("parameters.a.x", 1)) is Parameter
    assert type(traj.parameters.a) is ParameterGroup
    assert type(traj.f_add_leaf("res.a.x", 1)) is Result
    assert type(traj.results.a) is ResultGroup
    assert type(traj.f_add_leaf("config.a.x", 1).v_full_name) is str
    assert type(traj.config.a) is ConfigGroup
    assert type(traj.f_add_group("dpar.a.b")) is DerivedParameterGroup
    assert type(traj.f_add_leaf("foo.a.x", 1)) is Result
    assert type(traj.foo.a) is NNGroupNode
    assert type(traj.derived_parameters.a.f_add_leaf("y", 1)) is Parameter
    traj._standard_leaf = PickleResult
    assert type(traj.f_add_leaf("foo.y", 1)) is PickleResult
    traj._standard_parameter = ArrayParameter
    assert type(traj.f_add_config("y", 1)) is ArrayParameter


@pytest.mark.parametrize("place", ["parameters.g", "results.g", "derived_parameters.g", "config.g"])
@pytest.mark.parametrize(
    "group", [ParameterGroup, ResultGroup, DerivedParameterGroup, ConfigGroup, NNGroupNode]
)
def test_branches_take_their_own_class_of_groups(traj, place, group):
    right = type(traj.f_add_group(place + ".other"))
    for argument in ((group, place + ".x"), (group(place + ".y"),)):
        if group is right:
            assert type(traj.f_add_group(*argument)) is group
        else:
            with pytest.raises(TypeError):
                traj.f_add_group(*argument)
    assert type(traj.f_add_group(MyGroup, place + ".mine")) is MyGroup


def test_other_places_take_plain_groups(traj):
    for group in (ParameterGroup, ResultGroup, DerivedParameterGroup, ConfigGroup):
        with pytest.raises(TypeError):
            traj.f_add_group(group, "foo")
    assert type(traj.f_add_group(NNGroupNode, "foo")) is NNGroupNode


def test_typed_methods_take_no_leaves_of_the_other_type(traj):
    """Parameters are no results, and results are no parameters."""
    with pytest.raises(TypeError, match="results"):
        traj.f_add_result(Parameter("x", 1))
    with pytest.raises(TypeError, match="results"):
        traj.f_add_result(Parameter, "x", 1)
    for method in ("f_add_parameter", "f_add_derived_parameter", "f_add_config"):
        with pytest.raises(TypeError, match="parameters"):
            getattr(traj, method)(Result("x", 1))
    assert not traj.f_has_children()


def test_leaves_are_no_groups_and_the_reverse(traj):
    with pytest.raises(TypeError, match="groups"):
        traj.f_add_group(Parameter("x", 1))
    with pytest.raises(TypeError, match="leaves"):
        traj.f_add_leaf(NNGroupNode("x"))
    with pytest.raises(TypeError, match="leaves"):
        traj.f_add_result(ResultGroup, "x")
    with pytest.raises(TypeError, match="tree nodes"):
        traj.f_add_leaf(int, "x")


RUN_PREFIX = [
    ("root", "a.b", "results.runs.run_00000002.a.b"),
    ("root", "results.q", "results.q"),
    ("root", "res.q", "results.q"),
    ("root", "$.q", "results.run_00000002.q"),
    ("root", "a.crun.q", "results.a.run_00000002.q"),
    ("root", "r_3.q", "results.run_00000003.q"),
    ("root", "r_A.q", "results.run_ALL.q"),
    ("root", "r_77.q", "results.runs.run_00000002.run_00000077.q"),
    ("root", "$set.y", "results.runs.run_00000002.run_set_00000.y"),
    ("root", "$set.$.y", "results.run_set_00000.run_00000002.y"),
    ("root", "runs.u", "results.runs.run_00000002.runs.u"),
    ("branch", "a", "results.runs.run_00000002.a"),
    ("branch", "runs.u", "results.runs.run_00000002.runs.u"),
    ("branch", "results.u", "results.runs.run_00000002.results.u"),
    ("branch", "r_3.u", "results.run_00000003.u"),
    ("runs", "a", "results.runs.run_00000002.a"),
    ("runs", "$.a", "results.runs.run_00000002.a"),
    ("deeper", "a", "results.deeper.a"),
    ("deep_runs", "a", "results.deeper.runs.a"),
]


@pytest.mark.parametrize(("start", "name", "expected"), RUN_PREFIX)
@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_results_of_a_run_go_below_its_group(traj, start, name, expected):
    traj.f_add_result_group("deeper.runs")
    traj.f_add_result_group("runs")
    starts = {
        "root": traj,
        "branch": traj.results,
        "runs": traj.results.kids.runs,
        "deeper": traj.results.deeper,
        "deep_runs": traj.results.deeper.runs,
    }
    traj.start_run(2)
    assert starts[start].f_add_result(name, 1).v_full_name == expected
    assert starts[start].f_add_result_group(name + "x").v_full_name.startswith(expected[:10])


def test_the_runs_group_itself_has_no_run_prefix(traj):
    traj.start_run(2)
    assert traj.res.f_add_result_group("runs").v_full_name == "results.runs"


def test_derived_parameters_have_the_run_prefix_too(traj):
    traj.start_run(2)
    assert traj.f_add_derived_parameter("a", 1).v_full_name == (
        "derived_parameters.runs.run_00000002.a"
    )


def test_generic_adding_has_no_run_prefix(traj):
    traj.start_run(2)
    assert traj.f_add_leaf("results.a", 1).v_full_name == "results.a"
    assert traj.results.f_add_leaf("b", 1).v_full_name == "results.b"
    assert traj.results.f_add_group("c").v_full_name == "results.c"


def test_the_run_prefix_can_be_switched_off(traj):
    traj.start_run(2)
    traj._auto_run_prepend = False
    assert traj.f_add_result("a", 1).v_full_name == "results.a"


def test_a_run_without_index_uses_the_dummy(traj):
    traj.start_run(-1)
    assert traj.f_add_result("a", 1).v_full_name == "results.runs.run_ALL.a"
    assert traj.f_add_result("run_ALL.b", 1).v_full_name == "results.run_ALL.b"


def test_outside_of_a_run_there_is_no_prefix(traj):
    traj.set_run(2)
    assert traj.f_add_result("a", 1).v_full_name == "results.a"


def test_sets_of_runs(traj):
    traj.set_length(2001)
    for idx in range(2001):
        traj.start_run(idx)
        traj.f_add_result("$set.$", idx)
        tree_of(traj).forget_new_nodes()
        traj.end_run()
    assert traj.results.f_groups() == 3
    assert traj.results.run_set_00001.f_children() == 1000
    assert "rts_1000" in traj
    assert "rts_4000" not in traj


@pytest.mark.parametrize("branch", ["parameters", "config"])
def test_parameters_and_config_are_closed_during_a_run(traj, branch):
    traj.f_add_leaf(f"{branch}.a.x", 1)
    traj.start_run(2)
    group = traj[branch]
    for add in (
        lambda: traj.f_add_leaf(f"{branch}.y", 1),
        lambda: traj.f_add_group(f"{branch}.y"),
        lambda: group.f_add_leaf("y", 1),
        lambda: group.a.f_add_group("y"),
        lambda: setattr(group, "y", Parameter("", 1)),
        lambda: getattr(traj, "f_add_parameter" if branch == "parameters" else "f_add_config")(
            "y", 1
        ),
        lambda: group.f_add_link("new.y", group.a),
    ):
        with pytest.raises(TypeError, match="during a single run"):
            add()
    assert group.f_add_link("l", group.a) is group.a


def test_methods_that_are_closed_during_a_run_say_so(traj):
    for name in (
        "f_add_parameter",
        "f_add_parameter_group",
        "f_add_config",
        "f_add_config_group",
        "f_apar",
        "f_aconf",
    ):
        assert getattr(type(traj), name)._not_in_run is True
    assert not hasattr(type(traj).f_add_result, "_not_in_run")


def test_what_a_run_adds_is_remembered_in_order(traj):
    traj.f_add_result("before", 1)
    traj.start_run(2)
    first = traj.f_add_result("b", 1)
    second = traj.f_add_result("a", 1)
    traj.results.f_add_link("l", first)
    assert list(tree_of(traj).new_nodes) == [
        "results.runs",
        "results.runs.run_00000002",
        "results.runs.run_00000002.b",
        "results.runs.run_00000002.a",
    ]
    assert tree_of(traj).new_links == {("results", "l"): first}
    tree_of(traj).remove_item(second)
    traj.results.f_remove_link("l")
    assert "results.runs.run_00000002.a" not in tree_of(traj).new_nodes
    assert not tree_of(traj).new_links


def test_after_a_run_its_nodes_and_links_are_gone(traj):
    keep = traj.f_add_result("keep", 1)
    before = traj.f_to_dict()
    traj.start_run(2)
    traj.f_add_result("a.b", 1)
    traj.results.f_add_link("l", keep)
    traj.results.runs.f_add_link("k", traj.f_get("a.b"))
    traj.end_run()
    assert traj.f_to_dict() == before
    assert list(tree_of(traj).groups) == ["", "results", "results.runs"]  # holds the runs: it stays
    assert not traj.results.runs.f_has_children()
    assert "b" not in traj
    assert not tree_of(traj).new_nodes
    assert not tree_of(traj).new_links
    assert not tree_of(traj).links


def test_runs_can_be_forgotten_without_removing(traj):
    traj.start_run(2)
    traj.f_add_result("a", 1)
    tree_of(traj).forget_new_nodes()
    traj.end_run()
    assert "results.runs.run_00000002.a" in traj


def test_failed_additions_leave_no_groups_behind(traj):
    """Groups made on the way disappear if the node cannot be added."""
    traj.f_add_result("a.x", 1)
    nodes = set(tree_of(traj).groups) | set(tree_of(traj).leaves)
    with pytest.raises(TypeError):
        traj.f_add_parameter("new.group.y", object())
    with pytest.raises(TypeError):
        traj.f_add_group(ResultGroup, "new.group.z")
    with pytest.raises(ValueError):
        traj.f_add_result("a.new.bad name", 1)
    with pytest.raises(AttributeError):
        traj.f_add_result("a.x.new.y", 1)
    assert set(tree_of(traj).groups) | set(tree_of(traj).leaves) == nodes


def test_a_refused_leaf_is_taken_out_again(traj, monkeypatch):
    def refuse(leaf):
        raise TypeError(f"no {leaf.v_name}")

    monkeypatch.setattr(type(traj), "_leaf_added", lambda self, leaf: refuse(leaf))
    instance = Parameter("new.group.x", 1)
    with pytest.raises(TypeError, match="no x"):
        traj.f_add_parameter(instance)
    assert instance.v_full_name == "new.group.x"
    assert not traj.f_has_children()
    assert "x" not in tree_of(traj).index
    assert not tree_of(traj).leaves


def test_the_root_is_told_about_leaves_that_it_follows(traj):
    """Results in their branch can have neither ranges nor presets."""
    leaf = traj.f_add_parameter("a.x", 1)
    traj.f_add_group("g")
    tree_of(traj).insert_leaf("derived_parameters.b.y", Parameter("y", 1))
    tree_of(traj).insert_leaf("results.p", Parameter("p", 1))
    traj.f_add_result("r", 1)
    tree_of(traj).remove_item("results.r")
    traj.parameters.f_add_leaf(Result, "s", 1)
    tree_of(traj).remove_item(leaf)
    assert traj._told == [
        ("added", "parameters.a.x"),
        ("added", "derived_parameters.b.y"),
        ("added", "results.p"),
        ("added", "parameters.s"),
        ("removed", "parameters.a.x"),
    ]


def test_one_instance_has_one_place(traj, make_root):
    leaf = traj.f_add_result("a.x", 1)
    with pytest.raises(AttributeError, match="already"):
        traj.f_add_result(leaf)
    group = traj.f_add_group("g")
    for node, add in ((leaf, group.f_add_leaf), (traj.results.a, group.f_add_group)):
        with pytest.raises(AttributeError, match="f_add_link"):
            add(node)
    other = make_root()
    group = other.f_add_group("g")
    for node, add in ((leaf, group.f_add_leaf), (traj.results.a, group.f_add_group)):
        with pytest.raises(AttributeError, match="another trajectory"):
            add(node)
    assert leaf.v_full_name == "results.a.x"
    assert not group.f_has_children()


def test_a_leaf_can_be_shared_under_the_same_name(traj, make_root):
    leaf = traj.f_add_result("a.x", 1)
    other = make_root()
    tree_of(other).insert_leaf("results.a.x", leaf)
    traj.f_remove_child("results", recursive=True)
    assert other.f_get("x") is leaf
    other.f_remove_child("results", recursive=True)
    assert leaf._parent is None


def test_groups_outside_a_trajectory_take_nothing(traj):
    group = NNGroupNode("g")
    for use in (
        lambda: group.f_add_leaf("x", 1),
        lambda: group.f_get("x"),
        lambda: group.f_iter_nodes(),
        lambda: setattr(group, "x", 1),
    ):
        with pytest.raises(TypeError, match="not part of a trajectory"):
            use()
    assert not hasattr(group, "x")
    removed = traj.f_add_group("r")
    removed.f_remove()
    with pytest.raises(TypeError, match="not part of a trajectory"):
        removed.f_add_leaf("x", 1)
    with pytest.raises(TypeError, match="not part"):
        NNGroupNode("never", traj).f_add_leaf("x", 1)


def test_paths_through_links_take_nothing(traj):
    group = traj.f_add_group("real.group")
    traj.f_add_link("link", group)
    with pytest.raises(AttributeError, match="is a link"):
        traj.f_add_leaf("link.x", 1)
    with pytest.raises(AttributeError, match="is a link"):
        traj.f_add_group("link.a.b")
    assert traj.link.f_add_leaf("x", 1).v_full_name == "real.group.x"


def test_exact_insertion_for_loading(traj):
    tree = tree_of(traj)
    group = tree.insert_group("results._odd.$.g", None, "comment")
    assert (type(group), group.v_comment) == (ResultGroup, "comment")
    assert tree.insert_group("results._odd.$.g") is group
    assert type(tree.insert_group("foo.g", MyGroup)) is MyGroup
    leaf = tree.insert_leaf("results._odd.$.x", Result("whatever", 1))
    assert leaf.v_full_name == "results._odd.$.x"
    assert tree.get_node("results._odd.$.x") is leaf
    assert tree.get_node("") is traj
    assert tree.get_node("results.x") is None
    assert tree.insert_link("results.new.l", leaf) is leaf
    assert tree.insert_link("results.new.l", leaf) is leaf
    for insert in (
        lambda: tree.insert_leaf("results._odd.$.x", Result("y", 1)),
        lambda: tree.insert_group("results._odd.$.x"),
        lambda: tree.insert_group("results._odd.$.x.below"),
        lambda: tree.insert_link("results._odd.$.x", leaf),
        lambda: tree.insert_link("results._odd.$.x.l", leaf),
        lambda: tree.insert_leaf("results.new.l.x", Result("y", 1)),
    ):
        with pytest.raises(AttributeError):
            insert()
    with pytest.raises(ValueError):
        tree.insert_link("results.other", Result("y", 1))
    traj.start_run(1)
    tree.insert_leaf("parameters.x", Parameter("parameters.x", 1))
    traj.end_run()
    assert tree.get_node("parameters") is None
