"""The example that goes from a sweep to figures."""

from __future__ import annotations

import re

import pytest

from tests.examples.running import run_example

pytest.importorskip("h5py")
pytest.importorskip("sklearn", reason="needs matplotlib and scikit-learn: pypet[plot]")


def test_it_prints_a_table_and_draws_figures(tmp_path, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    text = run_example("analysis.py", "--repetitions", 1, folder=tmp_path).stdout
    assert text.startswith("28 runs, 28 of them completed\n")
    rates = {
        float(noise): [float(rate) for rate in rates.split()]
        for noise, rates in re.findall(r"^(0\.\d\d)((?: +[\d.]+){7})$", text, re.MULTILINE)
    }
    assert len(rates) == 4
    assert rates[0.05][0] == 0 < rates[0.4][0]  # noise makes it fire below the threshold
    assert all(row[-1] > 50 for row in rates.values())
    files = sorted(path.name for path in (tmp_path / "analysis_results").iterdir())
    assert files == ["all.png", "importance.png", "map.png", "neuron.hdf5", "peaks.png", "rate.png"]
