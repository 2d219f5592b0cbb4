"""Text forms and the view for debuggers."""

from __future__ import annotations

import pytest

from pypet.leaves.result import Result
from pypet.tree.text import trajectory_text


def test_text_of_groups(traj):
    group = traj.f_add_result_group("g", comment="why")
    assert str(group) == "ResultGroup results.g (`why`): "
    group.f_add_result("a", 1)
    group.f_add_link("l", traj.results)
    assert str(group) == (
        f"ResultGroup results.g (`why`): (a: {Result}), (l: {type(traj.results)})"
    )
    assert repr(group) == f"<{group}>"
    assert str(traj.results) == f"ResultGroup results: (g: {type(group)})"


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
        "(g: <class 'pypet.tree.group.NNGroupNode'>)"
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
