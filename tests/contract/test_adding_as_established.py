"""Where the methods that add put things, and which names they take."""

from __future__ import annotations

import pytest

from pypet import (
    ConfigGroup,
    DerivedParameterGroup,
    NNGroupNode,
    Parameter,
    ParameterGroup,
    Result,
    ResultGroup,
    Trajectory,
)
from pypet.tree.tree import tree_of

TYPED = {
    "parameter": ("parameters", ParameterGroup, Parameter, "f_apar"),
    "derived_parameter": ("derived_parameters", DerivedParameterGroup, Parameter, "f_adpar"),
    "result": ("results", ResultGroup, Result, "f_ares"),
    "config": ("config", ConfigGroup, Parameter, "f_aconf"),
}


@pytest.mark.parametrize("kind", TYPED)
def test_typed_methods_fill_their_branch(traj, kind):
    branch, group_class, leaf_class, alias = TYPED[kind]
    leaf = getattr(traj, f"f_add_{kind}")("a.b", 3)
    assert leaf.v_full_name == f"{branch}.a.b"
    assert type(leaf) is leaf_class
    assert type(traj.f_get(f"{branch}.a")) is group_class
    group = getattr(traj, f"f_add_{kind}_group")("g", comment="why")
    assert (group.v_full_name, type(group), group.v_comment) == (f"{branch}.g", group_class, "why")
    assert getattr(traj, alias)("c", 1).v_full_name == f"{branch}.c"
    assert getattr(group, f"f_add_{kind}")("deep.d", 1).v_full_name == f"{branch}.g.deep.d"
    assert getattr(group, alias)("e", 1).v_full_name == f"{branch}.g.e"


@pytest.mark.parametrize("kind", TYPED)
@pytest.mark.parametrize("form", ["long", "short"])
def test_branch_in_front_is_not_doubled(traj, kind, form):
    branch = TYPED[kind][0]
    short = {"parameters": "par", "derived_parameters": "dpar", "results": "res", "config": "conf"}
    name = f"{branch if form == 'long' else short[branch]}.x"
    assert getattr(traj, f"f_add_{kind}")(name, 1).v_full_name == f"{branch}.x"


@pytest.mark.parametrize("kind", TYPED)
def test_all_forms_of_arguments(traj, kind):
    branch, group_class, leaf_class, _ = TYPED[kind]
    add = getattr(traj, f"f_add_{kind}")
    assert add(leaf_class("one", 1)).v_full_name == f"{branch}.one"
    assert add(leaf_class, "two", 2).v_full_name == f"{branch}.two"
    assert add(name="three").v_full_name == f"{branch}.three"
    assert add(full_name="four").v_full_name == f"{branch}.four"
    group = getattr(traj, f"f_add_{kind}_group")
    assert group(group_class("five")).v_full_name == f"{branch}.five"
    assert group(name="six", comment="c").v_comment == "c"
    assert group("seven", "c").v_comment == "c"
    with pytest.raises(ValueError):
        add()


def test_other_branches_in_front_are_ordinary_names(traj):
    assert traj.f_add_result("parameters.x", 1).v_full_name == "results.parameters.x"


def test_typed_methods_belong_to_their_groups(traj):
    with pytest.raises(AttributeError):
        traj.parameters.f_add_result("x", 1)
    with pytest.raises(AttributeError):
        traj.results.f_add_parameter("x", 1)


def test_comments_of_parameters_may_be_positional_but_not_those_of_results(traj):
    assert traj.f_add_parameter("p", 1, "said").v_comment == "said"
    result = traj.f_add_result("r", 1, "data", comment="said")
    assert result.v_comment == "said"
    assert result.f_get(1) == "data"


def test_generic_methods_take_the_type_from_the_place(traj):
    leaf = traj.f_add_leaf("parameters.z", 3)
    assert type(leaf) is Parameter
    assert type(traj.parameters) is ParameterGroup
    other = traj.f_add_leaf("foo.z", 3)
    assert type(other) is Result
    assert type(traj.foo) is NNGroupNode
    assert type(traj.f_add_group("res.g")) is ResultGroup
    assert traj.foo.f_add_leaf("w", 1).v_full_name == "foo.w"
    assert traj.res.g.f_add_leaf("w", 1).v_full_name == "results.g.w"


@pytest.fixture
def run(traj):
    traj.f_add_parameter("x", 1)
    traj.f_add_result_group("deep.deeper")
    traj.f_explore({"x": [1, 2, 3, 4]})
    traj.f_set_crun(2)
    traj.f_start_run()
    return traj


CRUN = "run_00000002"


@pytest.mark.parametrize(
    ("start", "name", "full_name"),
    [
        ("", "a.b", f"results.runs.{CRUN}.a.b"),
        ("", "results.q", "results.q"),
        ("", "res.q", "results.q"),
        ("results", "a", f"results.runs.{CRUN}.a"),
        ("results.runs", "a", f"results.runs.{CRUN}.a"),
        ("results.deep", "a", "results.deep.a"),
        ("results.deep.deeper", "a", "results.deep.deeper.a"),
        ("", "z.$", f"results.z.{CRUN}"),
        ("", "z.crun.t", f"results.z.{CRUN}.t"),
        ("", "z.r_3", "results.z.run_00000003"),
        ("", "z.run_ALL", "results.z.run_ALL"),
        ("results", "z.$", f"results.z.{CRUN}"),
        ("", "$set.y", f"results.runs.{CRUN}.run_set_00000.y"),
        ("", "$set.$.y", f"results.run_set_00000.{CRUN}.y"),
        ("results", "runs.u", f"results.runs.{CRUN}.runs.u"),
    ],
)
@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_automatic_run_prefix(run, start, name, full_name):
    if start == "results.runs":
        run.results.f_add_result_group("runs")
    group = run.f_get(start)
    assert group.f_add_result(name, 1).v_full_name == full_name


def test_the_group_of_the_runs_has_no_prefix(run):
    assert run.results.f_add_result_group("runs").v_full_name == "results.runs"


def test_derived_parameters_have_a_run_prefix(run):
    leaf = run.f_add_derived_parameter("d", 1)
    assert leaf.v_full_name == f"derived_parameters.runs.{CRUN}.d"


def test_generic_methods_and_assignment_have_no_prefix(run):
    assert run.results.f_add_leaf("plain", 1).v_full_name == "results.plain"
    run.results.mine = Result("mine", 1)
    assert "results.mine" in run.f_to_dict()


def test_prefix_can_be_switched_off(run):
    run.v_auto_run_prepend = False
    assert run.f_add_result("a", 1).v_full_name == "results.a"


def test_run_without_index_uses_the_dummy(traj):
    traj._is_run = True
    assert traj.f_add_result("a", 1).v_full_name == "results.runs.run_ALL.a"


@pytest.mark.parametrize(
    "add",
    [
        lambda traj: traj.f_add_parameter("p", 1),
        lambda traj: traj.f_add_parameter_group("p"),
        lambda traj: traj.f_add_config("p", 1),
        lambda traj: traj.f_add_config_group("p"),
        lambda traj: traj.f_add_leaf("parameters.p", 1),
        lambda traj: traj.f_add_leaf("config.p", 1),
        lambda traj: traj.parameters.f_add_group("p"),
        lambda traj: traj.par.__setattr__("p", Parameter("p", 1)),
    ],
)
def test_parameters_and_config_are_closed_in_a_run(run, add):
    with pytest.raises(TypeError):
        add(run)
    assert not run.f_contains("p", shortcuts=True)


def test_links_in_closed_branches_are_allowed_in_a_run(run):
    result = run.f_add_result("r", 1)
    run.parameters.f_add_link("to_r", result)
    assert run.parameters.kids.to_r is result


def test_standard_groups_belong_to_their_branches(traj):
    for branch, group_class in [
        ("parameters", ResultGroup),
        ("results", NNGroupNode),
        ("config", ParameterGroup),
        ("derived_parameters", ConfigGroup),
        ("elsewhere", DerivedParameterGroup),
    ]:
        with pytest.raises(TypeError):
            traj.f_add_group(group_class(f"{branch}.g"))
        assert not traj.f_contains(f"{branch}.g")


class OwnGroup(NNGroupNode):
    __slots__ = ()


def test_own_groups_may_be_anywhere(traj):
    assert type(traj.f_add_group(OwnGroup, "results.g")) is OwnGroup
    assert type(traj.f_add_group(OwnGroup("elsewhere.g"))) is OwnGroup
    assert traj.results.g.v_root is traj


def test_no_clobber_keeps_what_exists(traj, caplog):
    old = traj.f_add_result("g.r", 1)
    group = traj.f_get("results.g")
    link = traj.f_add_link("l", old)
    for again in (
        lambda: traj.f_add_result("g.r", 2),
        lambda: traj.f_add_result_group("g"),
        lambda: traj.f_add_link("l", group),
    ):
        with pytest.raises(AttributeError):
            again()
    traj.v_no_clobber = True
    assert traj.f_add_result("g.r", 2) is old
    assert traj.f_add_result_group("g") is group
    assert traj.f_add_link("l", group) is link is old
    assert len(caplog.records) == 3
    assert traj.f_add_result("g.new.s", 2).v_full_name == "results.g.new.s"
    assert old.f_get() == 1


def test_removed_items_of_a_run_are_not_remembered(run):
    run.f_add_result("gone", 1)
    kept = run.f_add_result("kept", 1)
    link = run.f_add_link("link", kept)
    run.f_remove_item("gone")
    run.f_remove_link("link")
    assert link is kept
    assert kept.v_full_name in tree_of(run).new_nodes
    assert not any(name.endswith("gone") for name in tree_of(run).new_nodes)
    assert not tree_of(run).new_links


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ("par", "parameters"),
        ("dpar", "derived_parameters"),
        ("res", "results"),
        ("conf", "config"),
        ("run_5", "run_00000005"),
        ("r_5", "run_00000005"),
        ("run_A", "run_ALL"),
        ("r_A", "run_ALL"),
        ("run_ALL", "run_ALL"),
        ("runtoset_4042", "run_set_00004"),
        ("rts_4042", "run_set_00004"),
        ("runtoset_A", "run_set_ALL"),
        ("rts_A", "run_set_ALL"),
        ("$", CRUN),
        ("crun", CRUN),
        ("$set", "run_set_00000"),
        ("crunset", "run_set_00000"),
        ("r__5", "r__5"),
        ("r_5x", "r_5x"),
        ("xpar", "xpar"),
    ],
)
@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_components_are_translated(traj, component, name):
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": range(4)})
    traj.v_idx = 2
    leaf = traj.f_add_leaf(f"top.{component}.leaf", 1)
    assert leaf.v_full_name == f"top.{name}.leaf"
    assert traj[f"top.{component}.leaf"] == 1
    assert traj.f_get(["top", component, "leaf"]) is leaf


def test_integers_are_runs(traj):
    traj.f_add_leaf("top.run_00000003.leaf", 3)
    traj.f_add_leaf("top.run_ALL.leaf", -1)
    assert traj.top[3].leaf == 3
    assert traj["top", 3, "leaf"] == 3
    assert traj.f_get(["top", -1, "leaf"]).f_get() == -1
    assert 3 in traj.top
    assert 4 not in traj.top


def test_wildcards_of_users():
    traj = Trajectory(
        "wild",
        wildcard_functions={
            ("$x", "x"): lambda idx: f"x_{idx // 2}" if idx >= 0 else "x_all",
            "$y": lambda idx: f"y_{idx}",
        },
    )
    traj.f_add_parameter("p", 1)
    traj.f_explore({"p": range(4)})
    traj.v_crun = 3
    assert traj.f_add_result("$x.$y.z", 1).v_full_name == "results.x_1.y_3.z"
    assert traj.f_wildcard("x", 1) == "x_0"
    assert traj.f_wildcard("$x", -1) == "x_all"
    assert traj.f_wildcard() == "run_00000003"
    assert traj.f_is_wildcard("$y")
    assert not traj.f_is_wildcard("y")
    with pytest.raises(KeyError):
        traj.f_wildcard("nope")
    with pytest.raises(ValueError):
        traj.f_add_wildcard_functions({"$x": str})
    traj.f_add_wildcard_functions({("$z", "z"): lambda idx: f"z{idx}"})
    assert traj.f_get_wildcards()[:4] == ["$", "crun", "$set", "crunset"]
    assert {"$z", "z", "$x", "x", "$y"} <= set(traj.f_get_wildcards())


@pytest.mark.parametrize("key", ["$", ("$",), ("$", "other"), ("crun", "$"), ("$set", "$mine")])
def test_overlapping_wildcards_are_refused(key):
    with pytest.raises(ValueError):
        Trajectory("wild", wildcard_functions={key: lambda idx: f"n{idx}"})


def test_names_of_runs_have_to_differ():
    with pytest.raises(RuntimeError):
        Trajectory("wild", wildcard_functions={("$", "crun"): lambda idx: "same"})
    traj = Trajectory("wild", wildcard_functions={("$", "crun"): lambda idx: f"r{min(idx, 3)}"})
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": [1, 2, 3, 4]})
    with pytest.raises(RuntimeError):
        traj.f_expand({"x": [5, 6]})
    assert len(traj) == 4
    assert traj.f_get("x").f_get_range() == [1, 2, 3, 4]
    traj.v_idx = 1
    assert traj.v_crun == "r1"
    assert traj.f_add_result("$.y", 1).v_full_name == "results.r1.y"
    assert traj.f_get("r_1.y").v_full_name == "results.r1.y"
