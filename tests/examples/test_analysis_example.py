"""The example that goes from a sweep to figures."""

from __future__ import annotations

import re
import runpy
import sys

import pytest

from tests.examples.running import EXAMPLES

pytest.importorskip("h5py")
pytest.importorskip("sklearn", reason="needs matplotlib and scikit-learn: pypet[plot]")


def test_it_prints_a_table_and_draws_figures(tmp_path, monkeypatch, capsys):
    import matplotlib
    from matplotlib import pyplot

    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["analysis.py", "--repetitions", "1"])
    # Not in a process of its own, which would import matplotlib, pandas and scikit-learn again.
    runpy.run_path(str(EXAMPLES / "analysis.py"), run_name="__main__")
    pyplot.close("all")
    text = capsys.readouterr().out
    rates = {
        float(noise): [float(rate) for rate in rates.split()]
        for noise, rates in re.findall(r"^(0\.\d\d)((?: +[\d.]+){7})$", text, re.MULTILINE)
    }
    assert "28 runs, 28 of them completed\n" in text
    assert len(rates) == 4
    assert rates[0.05][0] == 0 < rates[0.4][0]  # noise makes it fire below the threshold
    assert all(row[-1] > 50 for row in rates.values())
    files = sorted(path.name for path in (tmp_path / "analysis_results").iterdir())
    assert files == ["all.png", "importance.png", "map.png", "neuron.hdf5", "peaks.png", "rate.png"]
