"""The tree of a trajectory in a real browser: it opens on a click, and hostile text stays text."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from pypet import Trajectory

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOSTILE = "<script>window.attacked = true</script><img src=x onerror='window.attacked = true'>"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright: pypet[dev]")
    if BROWSER is None:
        pytest.skip("needs the browser Chromium")
    traj = Trajectory("shown", comment=HOSTILE)
    traj.f_add_parameter("group.x", 1.0, comment=HOSTILE)
    for number in range(20):
        traj.f_add_result(f"many.r{number}", np.arange(30.0))
    traj.f_add_result("r", **{HOSTILE: HOSTILE})
    with playwright.sync_playwright() as started:
        context = started.chromium.launch_persistent_context(
            str(tmp_path_factory.mktemp("profile")), executable_path=BROWSER, args=list(ARGUMENTS)
        )
        page = context.pages[0]
        page.set_content(traj._repr_html_() + traj.f_get("r")._repr_html_())
        yield page
        context.close()


def test_hostile_text_is_shown_as_text(page):
    assert page.get_by_text("window.attacked").count() >= 4
    assert page.evaluate("window.attacked") is None
    assert page.locator("script, img").count() == 0


def test_a_group_opens_on_a_click(page):
    leaf = page.get_by_text("r7", exact=True)
    assert not leaf.is_visible()
    page.get_by_text("results", exact=True).click()
    page.get_by_text("many", exact=True).click()
    assert leaf.is_visible()


def test_small_trees_are_open(page):
    assert page.locator("li", has_text="x").first.is_visible()


def test_sparklines_have_a_size(page):
    box = page.locator("svg.pypet-spark").first.bounding_box()
    assert (box["width"], box["height"]) == (120, 24)
