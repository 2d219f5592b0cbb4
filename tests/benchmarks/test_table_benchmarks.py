"""The benchmarks of tables, on this side alone: signac and joblib are not installed here."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytest.importorskip("h5py")
pytest.importorskip("pandas")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def test_all_ways_find_the_same_values(benchmark, tmp_path):
    run_tables = benchmark("run_tables")
    path = tmp_path / "t.hdf5"
    run_tables.store_runs(path, 3)
    best = run_tables.measure(path, run_tables.NAMES, 1)
    assert list(best) == list(run_tables.WAYS)
    assert all(0 < seconds < float("inf") for seconds in best.values())


def test_jobs_of_this_side_find_the_products(benchmark, tmp_path):
    peers = benchmark("peers")
    store, *others = peers.SIDES["pypet"]
    store(tmp_path, 3)
    assert [job(tmp_path, 3) for job in others] == [[0.0, 2.0, 4.0]] * 3
