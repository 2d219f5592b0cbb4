"""The tree of a trajectory in a real browser: it opens on a click, and hostile text stays text."""

from __future__ import annotations

import numpy as np
import pytest

from pypet import Trajectory

HOSTILE = "<script>window.attacked = true</script><img src=x onerror='window.attacked = true'>"


@pytest.fixture
def shown(page):
    """A page with the HTML of a trajectory and of a result."""
    traj = Trajectory("shown", comment=HOSTILE)
    traj.f_add_parameter("group.x", 1.0, comment=HOSTILE)
    for number in range(20):
        traj.f_add_result(f"many.r{number}", np.arange(30.0))
    traj.f_add_result("r", **{HOSTILE: HOSTILE})
    page.set_content(traj._repr_html_() + traj.f_get("r")._repr_html_())
    return page


def test_hostile_text_is_shown_as_text(shown):
    assert shown.get_by_text("window.attacked").count() >= 4
    assert shown.evaluate("window.attacked") is None
    assert shown.locator("script, img").count() == 0


def open_groups(page):
    page.get_by_text("results", exact=True).click()
    page.get_by_text("many", exact=True).click()


def test_a_group_opens_on_a_click(shown):
    leaf = shown.get_by_text("r7", exact=True)
    assert not leaf.is_visible()
    open_groups(shown)
    assert leaf.is_visible()


def test_small_trees_are_open(shown):
    assert shown.locator("li", has_text="x").first.is_visible()


def test_sparklines_have_a_size(shown):
    open_groups(shown)
    box = shown.locator("svg.pypet-spark").first.bounding_box()
    assert (box["width"], box["height"]) == (120, 24)
