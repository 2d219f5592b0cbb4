"""The benchmark of runs measures what it says."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
h5py = pytest.importorskip("h5py")


@pytest.fixture
def module(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


def nodes_of_run(group):
    """Return the attributes, as text, of all nodes of a run by their paths."""
    nodes = {".": dict(group.attrs)}

    def note(name, node):
        nodes[name] = dict(node.attrs)

    group.visititems(note)
    return {
        name: {key: str(value) for key, value in attrs.items()} for name, attrs in nodes.items()
    }


def test_the_bare_loop_writes_the_nodes_that_pypet_writes(module, tmp_path):
    stored, bare = tmp_path / "stored.hdf5", tmp_path / "bare.hdf5"
    assert module("sweep").seconds_of_runs(stored, 3) > 0
    assert module("floor").seconds_of_bare_loop(stored, bare, 3) > 0
    with h5py.File(stored) as ours, h5py.File(bare) as theirs:
        run, copy = ours["sweep/results/runs/run_00000002"], theirs["runs/run_00000002"]
        assert nodes_of_run(run) == nodes_of_run(copy)
        assert run["z/z"][()] == copy["z/z"][()] == 4.0
        assert sorted(theirs["runs"]) == sorted(ours["sweep/results/runs"])


def test_a_measurement_has_all_figures(module, tmp_path):
    sweep = module("sweep").measure(tmp_path, 5)
    assert sweep.runs == 5
    assert all(figure > 0 for figure in (sweep.running, sweep.floor, sweep.loading))
    assert sweep.size > 1000
    assert list(tmp_path.iterdir()) == []


def test_figures_are_printed_beside_their_targets(module, capsys):
    sweep = module("sweep")
    sweep.print_sweeps([sweep.Sweep(1000, 0.5, 0.25, 2.0, 2**20)])
    sweep.print_against_targets([("good", 1.0, 2.0, "x"), ("bad", 3.0, 2.0, "s")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["1000", "2000", "500", "250", "2.00", "2.00", "2000", "1.0"]
    assert lines[-2].split() == ["good", "1.00", "x", "<=", "2", "x", "ok"]
    assert lines[-1].split() == ["bad", "3.00", "s", "<=", "2", "s", "MISSED"]
