"""Rules for names of nodes."""

from __future__ import annotations

import warnings

import pytest

from pypet.leaves import Parameter
from pypet.naturalnaming import NNGroupNode
from pypet.tree.names import check_trajectory_name

BAD_NAMES = [
    "",
    ".",
    "a..b",
    ".a",
    "a.",
    "_crun",
    "a._b",
    "Peter.  h ._hurz",
    "test..hh",
    "test.::!.h",
    "test.$.k.$dsa",
    "with blank",
    "bl\N{LATIN SMALL LETTER A WITH DIAERESIS}",
    "a/b",
    "newline\n",
    "a.newline\n.b",
    "e" * 129,
    "e" * 128,
    "e" * 128 + ".short",
    "overview",
    "overview.deeper",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_bad_names_are_refused_and_nothing_is_left_behind(traj, name):
    with pytest.raises(ValueError):
        traj.f_add_group(name)
    with pytest.raises(ValueError):
        traj.f_add_leaf(name, 3)
    assert not traj.f_has_children()


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if not name.startswith("overview")])
def test_bad_names_are_refused_for_links(traj, name):
    target = traj.f_add_group("g")
    with pytest.raises(ValueError):
        traj.f_add_link(name, target)
    assert traj.f_children() == 1


@pytest.mark.parametrize("name", ["e" * 127, "1digit", "a-b", "A_Z", "x" * 127 + "." + "y" * 127])
def test_unusual_names_are_fine(traj, name):
    assert traj.f_add_result(name, 5).v_full_name == "results." + name
    assert traj.res[name] == 5


def test_overview_is_free_deeper_in_the_tree(traj):
    assert traj.f_add_result("overview.x", 1).v_full_name == "results.overview.x"


@pytest.mark.parametrize(
    ("name", "expected"),
    [("f_get", 1), ("get", 0), ("not.for.continue", 3), ("v_name", 1), ("kids", 1), ("vars", 1)],
)
def test_hidden_names_and_keywords_earn_a_warning_each(traj, name, expected):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traj.f_add_result(name, 1)
    assert [item.category for item in caught] == [SyntaxWarning] * expected
    assert {item.filename for item in caught} <= {__file__}


@pytest.mark.parametrize("name", ["mro", "remove_node", "insert_leaf", "index", "leaves", "links"])
def test_names_of_the_machinery_are_free(traj, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        traj.f_add_result(name, 1)


def test_nodes_hidden_by_attributes_are_reached_as_items(traj):
    with pytest.warns(SyntaxWarning):
        leaf = traj.f_add_leaf("f_get", 3)
    assert callable(traj.f_get)
    assert traj["f_get"] == 3
    assert traj.f_get("f_get") is leaf
    traj["f_get"] = 4
    assert traj["f_get"] == 4


def test_trajectory_names_follow_the_rules_of_components():
    check_trajectory_name("my-trajectory_2")
    for name in ("a.b", "", "_x", "a b", "e" * 128, "x\n"):
        with pytest.raises(ValueError):
            check_trajectory_name(name)


def test_a_trajectory_needs_a_name_that_is_text():
    with pytest.raises(TypeError, match="None"):
        check_trajectory_name(None)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("f_add_parameter", "parameters"),
        ("f_add_parameter", "par"),
        ("f_add_config", "config"),
        ("f_add_result", "results"),
        ("f_add_leaf", "derived_parameters"),
    ],
)
def test_no_leaf_takes_the_place_of_a_branch(traj, method, name):
    with pytest.raises(ValueError, match="reserved"):
        getattr(traj, method)(name, 3)
    assert not traj.f_has_children()


def test_a_name_is_used_once_per_group_for_whatever(traj):
    leaf = traj.f_add_leaf("g.leaf", 1)
    traj.f_add_group("g.group")
    traj.g.f_add_link("link", leaf)
    for name in ("leaf", "group", "link"):
        with pytest.raises(AttributeError, match=name):
            traj.g.f_add_leaf(name, 1)
        with pytest.raises(AttributeError, match=name):
            traj.g.f_add_group(name)
        with pytest.raises(AttributeError, match=name):
            traj.g.f_add_link(name, leaf)


def test_nothing_grows_below_a_leaf(traj):
    traj.f_add_result("a.b", 1)
    with pytest.raises(AttributeError, match="not a group"):
        traj.f_add_result("a.b.c.d", 1)
    with pytest.raises(AttributeError):
        traj.f_add_group("results.a.b.c")
    assert traj.results.a.f_children() == 1


def test_no_clobber_keeps_what_exists(traj, caplog):
    leaf = traj.f_add_result("a.b", 1)
    link = traj.f_add_link("l", leaf)
    traj._no_clobber = True
    assert traj.f_add_result("a.b", 2) is leaf
    assert traj.f_add_result_group("a") is traj.results.a
    assert traj.f_add_link("l", traj.results.a) is link
    assert leaf.f_get() == 1
    assert len(caplog.records) == 3
    assert traj.f_add_result("a.c", 3).v_full_name == "results.a.c"
    assert traj.f_add_group(NNGroupNode, "x").v_full_name == "x"


# ----- names that stand for others -----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("model.r_1", "model.run_00000001"),
        ("run_2", "run_00000002"),
        ("model.r_A.x", "model.run_ALL.x"),
        ("model.rts_1", "model.run_set_00000"),
        ("runtoset_1", "run_set_00000"),
        ("model.conf", "model.config"),
        ("model.dpar.x", "model.derived_parameters.x"),
        ("model.crun", "model.run_ALL"),
        ("crunset.x", "run_set_ALL.x"),
    ],
)
def test_adding_under_a_name_that_becomes_another_one_warns(traj, name, result):
    ((written, used),) = {*zip(name.split("."), result.split("."), strict=True)} - {
        ("model", "model"),
        ("x", "x"),
    }
    with pytest.warns(SyntaxWarning, match=f"`{written}` stands for .* is called `{used}`"):
        node = traj.parameters.f_add_parameter(name, 1)
    assert node.v_full_name == f"parameters.{result}"


@pytest.mark.parametrize(
    "add",
    [
        lambda traj: traj.f_add_parameter("model.r_1", 1),
        lambda traj: traj.f_add_parameter(Parameter("model.r_1", 1)),
        lambda traj: traj.f_add_parameter_group("model.r_1"),
        lambda traj: traj.f_add_leaf("model.r_1", 1),
        lambda traj: setattr(traj.parameters, "r_1", Parameter("", 1)),
        lambda traj: traj.f_add_link("model.r_1", traj.f_add_parameter("x", 1)),
    ],
)
def test_every_way_of_adding_warns_at_the_line_that_adds(traj, add):
    with pytest.warns(SyntaxWarning, match="`r_1` stands for a run") as caught:
        add(traj)
    assert caught[0].filename == __file__


def test_there_is_one_warning_for_names_of_a_kind(traj):
    with pytest.warns(SyntaxWarning) as caught:  # noqa: PT031
        for name in ("r_1", "r_2", "run_3", "conf", "dpar", "rts_1", "crun"):
            traj.f_add_parameter(f"model.{name}.x", 1)
    kinds = [str(each.message).partition(",")[0] for each in caught]
    assert [kind.partition("stands for ")[2] for kind in kinds] == [
        "a run",
        "a branch of the tree",
        "the set of a run",
        "the current run",
    ]


def test_names_that_are_meant_to_stand_for_others_do_not_warn(traj):
    traj.f_add_parameter("par.x", 1)
    traj.f_add_result("res.runs.r_1.z", 1)
    traj.results.runs.f_add_result("r_2.z", 1)
    traj.f_add_result("runs.crun.z", 1)
    traj.f_add_result("runs.$set.r_3.z", 1)
    traj.f_add_result("bucket.$set.$", 1)
    traj.start_run(0)
    traj.f_add_result("bucket.crun", 1)
    traj.f_add_derived_parameter("crunset.crun.x", 1)


def test_looking_up_never_warns(traj):
    traj.f_add_result("runs.r_1.z", 1)
    traj.f_add_parameter("x", 2)
    assert traj.r_1.z == traj["res.runs.r_1.z"] == traj.f_get("r_1.z").f_get() == 1
    assert traj.par.x == 2
    assert "crun.z" not in traj


def test_a_wildcard_of_ones_own_does_not_warn(make_root):
    traj = make_root({("$mine", "mine"): lambda idx: f"mine_{idx}" if idx >= 0 else "mine_all"})
    assert traj.f_add_result("mine", 1).v_name == "mine_all"
