"""Text forms and the view for debuggers."""

from __future__ import annotations

import pytest

import pypet
from pypet.tree.views import trajectory_text


def test_text_of_groups(traj):
    group = traj.f_add_result_group("g", comment="why")
    assert str(group) == "ResultGroup results.g (`why`): "
    group.f_add_result("a", 1)
    group.f_add_link("l", traj.results)
    assert str(group) == (
        "ResultGroup results.g (`why`): "
        "(a: <class 'pypet.Result'>), (l: <class 'pypet.ResultGroup'>)"
    )
    assert repr(group) == f"<{group}>"
    assert str(traj.results) == "ResultGroup results: (g: <class 'pypet.ResultGroup'>)"


@pytest.mark.parametrize(("count", "ellipsis"), [(5, False), (6, True), (7, True)])
def test_an_ellipsis_follows_the_sixth_child(traj, count, ellipsis):
    group = traj.f_add_group("g")
    for idx in range(count):
        group.f_add_leaf(f"x{idx}", idx)
    text = str(group)
    assert text.endswith(", ...") is ellipsis
    assert text.count("(x") == min(count, 6)
    assert "x6" not in text


def test_text_of_trajectories(traj):
    assert trajectory_text(traj) == f"{type(traj).__name__} small (len:10): "
    traj._comment = "why"
    traj.start_run(1)
    traj.f_add_group("g")
    assert trajectory_text(traj) == (
        f"{type(traj).__name__} (during single run) small (`why`, len:10): "
        "(g: <class 'pypet.NNGroupNode'>)"
    )


def test_debug_views_mirror_the_subtree(traj):
    leaf = traj.f_add_leaf("a.b.x", 1)
    traj.a.v_comment = "why"
    traj.a.v_annotations.note = 3
    traj.a.f_add_link("l", leaf)
    view = traj.f_debug()
    assert view.a.b.x is leaf
    assert view.a.v_comment == "why"
    assert view.a.v_annotations is traj.a.v_annotations
    assert isinstance(view.a.l, str)
    assert "a.b.x" in view.a.l
    assert not hasattr(view.a.b, "v_comment")


def test_classes_of_children_are_named_as_users_import_them():
    class Result(pypet.Result):
        pass

    traj = pypet.Trajectory("shown")
    traj.f_add_parameter("x", 1)
    traj.f_add_leaf(Result, "own", 1)
    assert "(parameters: <class 'pypet.ParameterGroup'>)" in str(traj)
    assert f"(own: {Result})" in str(traj)
    assert "(x: <class 'pypet.Parameter'>)" in repr(traj.parameters)
