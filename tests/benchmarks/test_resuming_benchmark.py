"""The benchmark of resumable experiments measures what it says."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytest.importorskip("h5py")
pytest.importorskip("fcntl")


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("resuming")


def test_a_resumable_experiment_is_compared_with_one_that_is_not(benchmark):
    sides = benchmark.Sides(None, 1, 1.0)
    row = benchmark.price_row(sides, "runs", "runs", 4, 1, 1.15, synced=True)
    assert row.figure > 0
    assert (row.target, row.at_least) == (1.15, False)
    assert row.ours.endswith("/run")


def test_an_experiment_is_killed_and_resumed(benchmark, tmp_path):
    crash = importlib.import_module("crash")
    runs = crash.MISSING + 20
    assert 0 < benchmark.seconds_until_first_run(tmp_path, runs) < 100
    pypet = importlib.import_module("pypet")
    traj = pypet.load_trajectory(crash.NAME, filename=str(tmp_path / f"{crash.NAME}.hdf5"))
    executed = [run["short_environment_hexsha"] for run in traj.f_get_run_information().values()]
    assert executed == [executed[0]] * 20 + [executed[-1]] * crash.MISSING
    assert executed[0] != executed[-1]
