"""The examples of parallel runs and of adaptive search do what they say, started as scripts."""

from __future__ import annotations

import math
import re

import pytest

from tests.examples.running import run_example

pytest.importorskip("h5py")


def start(folder, name, *arguments):
    done = run_example(name, "--folder", folder / "out", *arguments, folder=folder, seconds=100)
    return done.stdout


def test_oscillators_agree_above_the_critical_coupling_only(tmp_path):
    small = ("--oscillators", "300", "--steps", "400", "--repetitions", "2")
    lines = start(tmp_path, "parallel_sweep.py", *small).splitlines()
    rows = [[float(cell) for cell in line.split()] for line in lines if re.match(r" +\d", line)]
    rows = [row for row in rows if len(row) == 3]
    assert len(rows) == 13
    assert all(measured < 0.25 for coupling, measured, _ in rows if coupling <= 0.5)
    assert all(abs(measured - theory) < 0.1 for coupling, measured, theory in rows if coupling >= 2)


def test_random_graphs_hang_together_above_one_neighbour_by_dask(tmp_path):
    pytest.importorskip("distributed")
    small = ("--nodes", "2000", "--repetitions", "2")
    lines = start(tmp_path, "cluster/dask_sweep.py", *small).splitlines()
    rows = [[float(cell) for cell in line.split()] for line in lines if re.match(r" +\d", line)]
    assert len(rows) == 11
    assert all(abs(share - theory) < 0.1 for degree, share, theory in rows if abs(degree - 1) > 0.4)


@pytest.mark.parametrize(("tolerance", "most_runs"), [(1e-3, 32), (1e-6, 56)])
def test_the_search_finds_where_the_period_doubles_in_few_runs(tmp_path, tolerance, most_runs):
    text = start(tmp_path, "adaptive_search.py", "--tolerance", str(tolerance))
    low, high = map(float, re.search(r"r = ([\d.]+) and ([\d.]+)", text).groups())
    assert low < 1 + math.sqrt(6) < high
    assert high - low <= tolerance
    assert int(re.search(r"(\d+) runs in", text).group(1)) <= most_runs


def test_network_modes_store_the_same(tmp_path):
    pytest.importorskip("zmq")
    text = start(tmp_path, "network_storage.py", "--runs", "20")
    assert len(re.findall(r"listened at tcp://127\.0\.0\.1:\d+$", text, re.MULTILINE)) == 2
    first, second = re.findall(r"pi is about (.*)", text)
    assert first == second
    assert abs(float(first) - math.pi) < 0.05
