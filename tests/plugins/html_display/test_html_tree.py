"""What notebooks show of nodes: bounded, escaped, and without touching them."""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import Parameter, Result, Trajectory, load_trajectory
from pypet.interfaces import Display
from pypet.manager import PluginManager
from pypet.markers import hookimpl
from pypet.plugins.html_display import HtmlTree
from pypet.plugins.html_display.document import MOST_CHILDREN, MOST_NODES
from pypet.plugins.html_display.sparkline import sparkline
from pypet.testing.displays import DisplayConformance

VOID = {"polyline", "rect", "circle"}
HOSTILE = "<script>alert('x')</script>\"&\u202e"


class Page(HTMLParser):
    """The tags and the text of HTML, with a check that all tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.attributes, self._open = [], "", [], []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in VOID
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, text):
        if self._open[-1:] != ["style"]:
            self.text += text


def shown(node):
    return Page(node._repr_html_())


@pytest.fixture
def traj():
    traj = Trajectory("demo", comment="of all kinds")
    traj.f_add_parameter("neuron.tau", 10.0, comment="time constant in ms")
    traj.f_add_parameter("neuron.mode", "fast")
    traj.f_explore({"tau": [5.0, 10.0, 20.0, 20.0]})
    traj.f_add_result("trace", np.sin(np.arange(500) / 20))
    traj.f_add_result("several", a=1, b="two", c=[1, 2, 3], d=None, e=2.5)
    traj.f_add_link("results.linked", traj.f_get("tau"))
    return traj


def test_a_trajectory_is_a_collapsible_tree(traj):
    page = shown(traj)
    assert page.tags.count("details") == page.tags.count("summary") >= 2
    assert "demo 4 runs of all kinds" in page.text
    assert "tau 5, 10, 20 in 4 runs" in page.text
    assert "time constant in ms" in page.text
    assert "mode 'fast'" in page.text
    assert "float64 (500)" in page.text
    assert "a=1, b='two', c=" in page.text
    assert "linked → parameters.neuron.tau" in page.text
    assert page.tags.count("svg") == 3  # the range, the trace and the list


def test_a_group_is_a_tree(traj):
    assert "ParameterGroup parameters.neuron" in shown(traj.neuron).text


def test_a_result_is_a_table_of_its_items(traj):
    page = shown(traj.f_get("several"))
    assert page.tags.count("tr") == 5
    assert "list of 3" in page.text


def test_an_explored_parameter_shows_its_range(traj):
    page = shown(traj.f_get("tau"))
    assert "explored4 runs5, 10, 20" in page.text
    assert page.tags.count("polyline") == 1


def test_to_be_shown_locks_and_loads_nothing(tmp_path):
    pytest.importorskip("h5py")
    traj = Trajectory("t", filename=str(tmp_path / "t.hdf5"))
    traj.f_add_parameter("x", 1)
    traj.f_add_result("z", 2)
    traj.f_store()
    traj.f_get("x").f_unlock()  # storing locks it
    shown(traj)
    shown(traj.f_get("x"))
    assert not traj.f_get("x").v_locked
    loaded = load_trajectory(filename=str(tmp_path / "t.hdf5"))
    assert "z not loaded" in shown(loaded).text
    assert "not loaded" in shown(loaded.f_get("z")).text
    assert loaded.f_get("z").f_is_empty()
    assert "empty" in shown(Result("results.r")).text
    assert "empty" in shown(Parameter("parameters.p")).text


def test_a_locked_parameter_stays_locked(traj):
    leaf = traj.f_get("mode")
    leaf.f_lock()
    shown(leaf)
    assert leaf.v_locked


def test_hostile_text_is_text(traj):
    traj.v_comment = HOSTILE
    traj.f_add_result("r", comment=HOSTILE, **{HOSTILE: HOSTILE, "list": [HOSTILE]})
    for node in (traj, traj.results, traj.f_get("r")):
        page = shown(node)
        assert "script" not in page.tags
        assert not any(name.startswith("on") for name, _ in page.attributes)
        assert "<script>alert(" in page.text
        assert "\u202e" not in page.text
        assert "\\u202e" in page.text


@given(text=st.text(max_size=300))
@settings(max_examples=40, deadline=None)
def test_any_comment_keeps_the_page_whole(text):
    result = Result("results.r", 1, comment=text)
    page = shown(result)
    assert set(page.tags) <= {"style", "div", "span", "table", "tr", "th", "td"}


def test_the_size_is_bounded():
    traj = Trajectory("large", comment="c" * 1_000_000)
    for group in range(60):
        traj.f_add_result(f"g{group}.x", "t" * 100_000)
    for leaf in range(300):
        traj.f_add_result(f"flat.r{leaf}", **{f"i{item}": item for item in range(20)})
    page = shown(traj)
    assert page.tags.count("li") <= MOST_NODES + 100
    assert f"… {61 - MOST_CHILDREN} more" in page.text
    assert f"… {300 - MOST_CHILDREN} more" in shown(traj.flat).text
    assert len(traj._repr_html_()) < 100_000
    assert shown(traj.f_get("flat.r1")).tags.count("tr") == 20


def test_a_deep_tree_ends_somewhere():
    traj = Trajectory("deep")
    traj.f_add_result(".".join(f"g{depth}" for depth in range(30)), 1)
    assert shown(traj).tags.count("details") < 12


def test_an_object_is_never_asked_for_its_text():
    class Bad:
        def __repr__(self):
            raise AssertionError("asked")

    result = Result("results.r", x=1)
    result.f_to_dict(copy=False)["bad"] = Bad()
    assert "<Bad>" in shown(result).text


# ----- sparklines --------------------------------------------------------------------------------


def points(svg):
    return [
        [tuple(map(float, point.split(","))) for point in line.split()]
        for line in re.findall(r'points="([^"]*)"', svg)
    ]


def test_a_sparkline_goes_from_bottom_to_top():
    (line,) = points(sparkline(np.array([0, 5, 10])))
    assert line == [(2.0, 22.0), (60.0, 12.0), (118.0, 2.0)]


def test_peaks_of_long_arrays_are_kept():
    values = np.zeros(100_000)
    values[54_321] = 1.0
    (line,) = points(sparkline(values))
    assert len(line) < 200
    assert min(y for _, y in line) == 2.0


def test_gaps_are_left_open():
    svg = sparkline([0.0, 1.0, float("nan"), 1.0, float("nan"), 0.0, 1.0])
    assert [len(line) for line in points(svg)] == [2, 2]
    assert svg.count("<circle") == 1
    assert "nan" not in svg.replace("</title>", "")


def test_a_few_rows_are_lines_and_small_matrices_are_cells():
    assert len(points(sparkline(np.arange(20.0).reshape(2, 10)))) == 2
    assert sparkline(np.eye(8)).count("<rect") == 64


@pytest.mark.parametrize(
    "value",
    [
        np.array([]),
        np.array(3.0),
        np.array(["a", "b"]),
        np.full(5, np.nan),
        np.zeros((2, 2, 2)),
        np.zeros((100, 100)),
        np.array([1j, 2j]),
        np.zeros(2, "f8,f8"),
        ["a", "b"],
        [1, [2]],
        [10**400, 1],
        {"a": 1},
        "text",
        3,
    ],
    ids=repr,
)
def test_what_is_no_row_of_numbers_has_no_picture(value):
    assert sparkline(value) == ""


def test_numbers_at_the_limits_can_be_drawn():
    (line,) = points(sparkline(np.array([-1.7e308, 0.0, 1.7e308, np.inf])))
    assert [y for _, y in line] == [22.0, 12.0, 2.0]


# ----- displays of others ------------------------------------------------------------------------


class Own(Display):
    name = "own"

    @classmethod
    def html(cls, node):
        return "<b>mine</b>" if node.v_name == "mine" else None


class Failing(Display):
    name = "failing"

    @classmethod
    def html(cls, node):
        raise ZeroDivisionError


@pytest.fixture
def manager(monkeypatch):
    manager = PluginManager()
    monkeypatch.setattr("pypet.tree.displaying.get_manager", lambda: manager)
    return manager


def register(manager, *displays):
    hooks = SimpleNamespace(pypet_register_displays=hookimpl(lambda: list(displays)))
    manager.register(hooks, "others")


def test_displays_of_others_come_first(manager):
    register(manager, Own)
    assert manager.displays() == (Own, HtmlTree)
    assert Result("mine", 1)._repr_html_() == "<b>mine</b>"
    assert "Result" in Result("other", 1)._repr_html_()


def test_a_display_that_fails_is_skipped(manager, caplog):
    register(manager, Failing)
    with caplog.at_level(logging.WARNING, "pypet"):
        assert "Result" in Result("results.r", 1)._repr_html_()
    assert "'failing'" in caplog.text


def test_without_displays_there_is_no_html(monkeypatch):
    manager = PluginManager(disabled=["html_tree"])
    monkeypatch.setattr("pypet.tree.displaying.get_manager", lambda: manager)
    assert Result("results.r", 1)._repr_html_() is None


class TestHtmlTree(DisplayConformance):
    feature = HtmlTree
