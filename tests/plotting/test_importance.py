"""Importance of parameters, by each evaluator."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from pypet import plotting
from pypet.errors import MissingDependencyError, PlotError
from pypet.plugins.matplotlib_plots.evaluators import EVALUATORS
from tests.plotting.conftest import grid, make_table

pytest.importorskip("sklearn", reason="needs scikit-learn: pypet[plot]")


@pytest.fixture(scope="module")
def table():
    points = grid(x=[0.0, 1.0, 2.0, 3.0], mode=["a", "b", "c"], idle=[0, 1, 2], fixed=[1])
    z = points["x"] ** 2 + 2.0 * (points["mode"] == "b")
    return make_table(**points, results=[("z", (z, "rate"))])


def bars(axes):
    """Return the importances by parameter, from the lowest bar to the highest one."""
    names = [text.get_text() for text in axes.get_yticklabels()]
    widths = [bar.get_width() for bar in axes.patches]
    return dict(zip(names, widths, strict=True))


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_what_matters_most_is_on_top(table, evaluator, caplog):
    if evaluator in ("fanova", "ped_anova"):
        pytest.importorskip("optuna", reason="needs Optuna: pypet[optuna]")
    with caplog.at_level(logging.INFO):
        axes = plotting.importance(table, evaluator=evaluator)
    found = bars(axes)
    assert set(found) == {"idle", "mode", "x"}
    if evaluator != "ped_anova":  # which looks at the lowest values only
        assert list(found) == ["idle", "mode", "x"]
        assert found["idle"] < 0.05
    if evaluator != "permutation":
        assert sum(found.values()) == pytest.approx(1)
    assert axes.get_xlabel() == "importance for z (rate)"
    assert "study" not in caplog.text


def test_the_same_runs_have_the_same_importances(table):
    assert bars(plotting.importance(table)) == bars(plotting.importance(table))


def test_a_note_says_how_far_to_trust(table):
    (note,) = plotting.importance(table).texts
    assert "explains 9" in note.get_text() or "explains 100%" in note.get_text()
    noise = np.random.default_rng(0).normal(size=40)
    random = make_table(x=np.arange(40.0), results=[("z", noise)])
    (note,) = plotting.importance(random).texts
    assert "do not rely on this" in note.get_text()


def test_parameters_can_be_chosen(table):
    assert set(bars(plotting.importance(table, columns=["x", "idle"]))) == {"x", "idle"}


@pytest.mark.parametrize(
    ("parameters", "z", "arguments", "message"),
    [
        ({"x": np.arange(5)}, np.arange(5.0), {}, "from 5 runs; at least 10"),
        ({"x": np.arange(20)}, np.ones(20), {}, "Nothing matters for 'z'"),
        ({"x": np.ones(20)}, np.arange(20.0), {}, "No parameter of trajectory 'sweep' has more"),
        ({"x": np.arange(20)}, np.arange(20.0), {"evaluator": "best"}, "`evaluator` is one of"),
        ({"x": np.arange(20)}, np.arange(20.0), {"columns": "x"}, "is a list of names"),
    ],
)
def test_what_cannot_be_told_says_why(parameters, z, arguments, message):
    with pytest.raises(PlotError, match=message):
        plotting.importance(make_table(**parameters, results=[("z", z)]), "z", **arguments)


def test_without_optuna_its_evaluators_say_what_to_install(table, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    monkeypatch.setitem(__import__("sys").modules, "optuna.importance", None)
    with pytest.raises(MissingDependencyError, match=r"pypet\[optuna\]"):
        plotting.importance(table, evaluator="fanova")
