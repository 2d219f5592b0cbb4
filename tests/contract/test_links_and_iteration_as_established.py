"""Links, going through trees, and trees as dictionaries."""

from __future__ import annotations

import copy

import pytest

from pypet import DataNotInStorageError, NNGroupNode, Parameter, Trajectory
from pypet.tree.tree import tree_of


@pytest.fixture
def tree(traj):
    traj.f_add_parameter("a.x", 1)
    traj.f_add_parameter("a.y", 2)
    traj.f_add_result("b.z", 3)
    return traj


@pytest.mark.filterwarnings("ignore:The name .* stands for:SyntaxWarning")
def test_forms_of_links(tree):
    x = tree.f_get("x")
    assert tree.results.f_add_link(x) is x
    assert tree.results.kids.x is x
    assert tree.results.f_add_link("named", x) is x
    assert tree.results.f_add_link("deep.er.link", "a.x") is x
    assert tree.f_get("results.deep.er.link") is x
    assert type(tree.f_get("results.deep")) is type(tree.results)
    assert tree.f_add_link("r_3.here", x) is x
    assert tree.f_get("run_00000003.here") is x
    tree.f_add_link("to_link", tree.f_get("results.named"))
    assert tree.f_get("to_link") is x


def test_links_that_are_refused(tree):
    x = tree.f_get("x")
    for arguments in [("l", None), ("l", tree), ("l", Parameter("l", 1))]:
        with pytest.raises(ValueError):
            tree.f_add_link(*arguments)
    for name in ["parameters", "par", "res", "results", "conf", "dpar", "overview"]:
        with pytest.raises(ValueError):
            tree.f_add_link(name, x)
    for arguments in [("parameters.a.y", x), ("l", "nowhere")]:
        with pytest.raises(AttributeError):
            tree.f_add_link(*arguments)
    tree.f_add_link("taken", x)
    with pytest.raises(AttributeError):
        tree.f_add_link("taken", x)
    with pytest.raises(ValueError):
        tree.f_remove_link("nothing")
    with pytest.raises(ValueError):
        tree.parameters.f_remove_link("a")


def test_links_are_children(tree):
    a = tree.f_get("a")
    tree.results.f_add_link("link", a)
    results = tree.results
    assert results.f_get_children()["link"] is a
    assert (results.f_children(), results.f_groups(), results.f_links()) == (2, 1, 1)
    assert "link" in results
    assert "link" in str(results)
    assert "link" in dir(results)
    assert results.link is a
    assert results.link.x == 1
    tree.v_with_links = False
    with pytest.raises(AttributeError):
        _ = results.link
    assert not results.f_contains("link.x", with_links=False)
    assert "x" not in [node.v_name for node in results.f_iter_nodes(with_links=False)]


def test_nothing_is_added_through_links(tree):
    tree.results.f_add_link("link", tree.f_get("a"))
    with pytest.raises(AttributeError):
        tree.results.f_add_result("link.new", 1)
    leaf = tree.results.link.f_add_parameter("new", 1)
    assert leaf.v_full_name == "parameters.a.new"


def test_removing_what_is_linked_removes_links(tree):
    x = tree.f_get("x")
    tree.f_add_link("l", x)
    tree.results.f_add_link("b.l", x)
    assert set(tree_of(tree).links.linked_by) == {"parameters.a.x"}
    tree.f_remove_item(x)
    assert "l" not in tree.f_get_children()
    assert not tree.f_get("results.b").f_has_links()
    assert not tree_of(tree).links.linked_by


def test_removing_a_group_removes_its_links(tree):
    y = tree.f_get("y")
    tree.f_get("results.b").f_add_link("l", y)
    tree.f_get("results.b").f_remove(recursive=True)
    assert not tree_of(tree).links.linked_by
    assert tree.y == 2
    tree.f_add_link("l", y)
    tree.f_remove_child("l")
    assert tree.f_contains("parameters.a.y")


def test_links_of_the_storage_are_deleted_alone(make):
    traj = make("links")
    traj.f_add_parameter("x", 1)
    traj.f_add_link("l", traj.f_get("x"))
    traj.f_add_link("g.m", traj.f_get("x"))
    traj.f_store()
    traj.f_delete_link("g.m")
    traj.f_delete_links([(traj, "l")], remove_from_trajectory=True)
    assert "l" not in traj.f_get_children()
    with pytest.raises(DataNotInStorageError):
        traj.f_delete_link("l")
    traj.f_remove()
    traj.f_load(load_data=2)
    assert traj.f_get_links() == {}
    assert traj.f_get("g").f_get_links() == {}
    assert traj.x == 1


def test_storing_and_loading_follow_links_one_step(make):
    traj = make("links")
    traj.f_add_result("group.deep.leaf", 1)
    traj.f_add_result("start.own", 1)
    traj.f_store(only_init=True)
    traj.results.start.f_add_link("link", traj.f_get("group"))
    traj.results.f_get("start").f_store()
    traj.f_remove_child("results", recursive=True)
    traj.f_load(load_data=2)
    assert traj.f_contains("results.group")
    assert not traj.f_contains("results.group.deep")
    assert traj.results.start.link is traj.f_get("results.group")


def test_circles_end(traj):
    traj.f_add_result("test", 1)
    one = traj.f_add_group("test.circle1")
    two = traj.f_add_group("other.circle2")
    one.f_add_link("circle2", two)
    two.f_add_link("circle1", one)
    assert traj.test.circle1.circle2.circle1.circle2 is two
    nodes = list(traj.f_iter_nodes())
    assert len(nodes) == len({id(node) for node in nodes})
    assert copy.copy(traj).test.circle1.circle2.circle1.v_full_name == "test.circle1"


def test_link_beside_the_real_node_of_the_same_depth_is_ambiguous(tree):
    from pypet import NotUniqueNodeError

    tree.results.f_add_link("b.x", tree.f_get("a.y"))
    with pytest.raises(NotUniqueNodeError):
        tree.f_get("x")
    assert tree.f_get("x", with_links=False).f_get() == 1


# ----- iteration -----------------------------------------------------------------------------


@pytest.fixture
def forest(traj):
    traj.f_add_leaf("t.b_leaf", 1)
    traj.f_add_leaf("t.a.deep.leaf", 1)
    traj.t.f_add_link("link", traj.f_get("t.a.deep"))
    traj.f_add_leaf("t.c.leaf", 1)
    return traj


def names(nodes):
    return [node.v_full_name for node in nodes]


def test_iteration_is_breadth_first_in_order_of_adding(forest):
    t = forest.t
    assert names(t.f_iter_nodes()) == [
        "t.b_leaf",
        "t.a",
        "t.a.deep",
        "t.c",
        "t.a.deep.leaf",
        "t.c.leaf",
    ]
    assert names(t.f_iter_nodes(with_links=False)) == [
        "t.a",
        "t.c",
        "t.b_leaf",
        "t.a.deep",
        "t.c.leaf",
        "t.a.deep.leaf",
    ]
    assert names(t) == ["t.b_leaf", "t.a", "t.a.deep", "t.c"]
    assert names(t.f_iter_nodes(max_depth=1)) == names(t)
    assert names(t.f_iter_nodes(recursive=False, max_depth=0)) == names(t)
    assert names(t.f_iter_nodes(predicate=lambda node: node.v_name != "a")) == [
        "t.b_leaf",
        "t.a.deep",
        "t.c",
        "t.a.deep.leaf",
        "t.c.leaf",
    ]
    assert set(names(t.f_iter_leaves())) == {"t.b_leaf", "t.a.deep.leaf", "t.c.leaf"}
    forest.v_iter_recursive = True
    assert len(names(t)) == 6


def test_runs_as_predicates(traj):
    traj.f_add_parameter("x", 1)
    traj.f_explore({"x": range(3)})
    for run in ("r_0", "r_1", "r_2", "run_ALL"):
        traj.f_add_result(f"runs.{run}.z", 1)

    def runs(*predicate):
        return {
            node.v_full_name.split(".")[2]
            for node in traj.results.f_iter_nodes(predicate=predicate)
            if node.v_is_leaf
        }

    assert runs(0, "run_00000002") == {"run_00000000", "run_00000002", "run_ALL"}
    assert runs(-1) == {"run_ALL"}
    with pytest.raises(KeyError):
        list(traj.f_iter_nodes(predicate=(7,)))


def test_dictionaries(traj):
    traj.f_add_parameter("my.param", 22)
    traj.f_add_parameter("my.fff", 33)
    traj.f_add_result("runs.$.myresult", 55)
    flat = traj.f_to_dict()
    assert set(flat) == {
        "parameters.my.param",
        "parameters.my.fff",
        "results.runs.run_ALL.myresult",
    }
    assert all(not leaf.v_is_group for leaf in flat.values())
    assert traj.f_to_dict(fast_access=True, short_names=True) == {
        "param": 22,
        "fff": 33,
        "myresult": 55,
    }
    assert traj.f_to_dict(fast_access=True, nested=True) == {
        "parameters": {"my": {"param": 22, "fff": 33}},
        "results": {"runs": {"run_ALL": {"myresult": 55}}},
    }
    assert traj.res.f_to_dict(fast_access=True, nested=True) == {
        "runs": {"run_ALL": {"myresult": 55}}
    }
    assert traj.res.runs.f_to_dict(fast_access=True, nested=True) == {"run_ALL": {"myresult": 55}}
    assert traj.res.runs.f_to_dict(True) == {"results.runs.run_ALL.myresult": 55}
    with pytest.raises(ValueError):
        traj.f_to_dict(nested=True, short_names=True)
    traj.f_add_result("param", 1)
    with pytest.raises(ValueError):
        traj.f_to_dict(short_names=True)
    live = traj.f_to_dict(False, False, False, False)
    traj.f_add_result("later", 1)
    assert "results.later" in live
    for flag in ("fast_access", "short_names", "nested"):
        with pytest.raises(ValueError):
            traj.f_to_dict(copy=False, **{flag: True})


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("f_get_parameters", "parameters.p"),
        ("f_get_config", "config.c"),
        ("f_get_derived_parameters", "derived_parameters.d"),
        ("f_get_results", "results.r"),
        ("f_get_explored_parameters", "parameters.p"),
    ],
)
def test_dictionaries_of_branches(method, name):
    traj = Trajectory("branches")
    traj.f_add_parameter("p", 1)
    traj.f_add_config("c", 1)
    traj.f_add_derived_parameter("d", 1)
    traj.f_add_result("r", 1)
    traj.f_explore({"p": [1, 2]})
    get = getattr(traj, method)
    assert get() == {name: traj.f_get(name)}
    assert get(fast_access=True) == {name: 1}
    assert dict(get(copy=False)) == get()
    with pytest.raises(ValueError):
        get(fast_access=True, copy=False)


def test_text_of_groups_and_trajectories(traj):
    traj.f_add_group("g", comment="why")
    for index in range(5):
        traj.g.f_add_group(f"n{index}")
    text = str(traj.g)
    assert text.startswith("NNGroupNode g (`why`): (n0: <class 'pypet.")
    assert not text.endswith(", ...")
    traj.g.f_add_group("n5")
    assert str(traj.g).endswith(", ...")
    assert repr(traj.g) == f"<{traj.g}>"
    assert str(traj).startswith("Trajectory contract (len:1): (g: ")
    traj.v_comment = "said"
    assert str(traj).startswith("Trajectory contract (`said`, len:1): ")
    assert type(traj.g) is NNGroupNode


def test_warnings_about_hidden_names(traj):
    for name, count in [("f_get", 1), ("get", 0), ("not.for.continue", 3), ("kids", 1)]:
        import warnings

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            traj.f_add_leaf(f"top.{name}", 1)
        assert len([w for w in caught if w.category is SyntaxWarning]) == count, name
    assert traj["top.f_get"] == 1
