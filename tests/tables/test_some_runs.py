"""Tables of some runs: the same rows as in the table of all, and no others are read."""

from __future__ import annotations

import logging
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("h5py")

import h5py

from pypet import Trajectory, load_trajectory
from pypet.tables import read_table

RUNS = 1500
"""So that the table of runs has several chunks."""
FAILED, UNKNOWN = 700, RUNS - 1


def store(path, **options):
    """Store a trajectory whose runs look as if they had been executed, but for the last one."""
    traj = Trajectory("t", filename=str(path), **options)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(RUNS))})
    for run in range(RUNS - 1):
        record = traj.f_get_run_information(run, copy=False)
        record["timestamp"], record["finish_timestamp"] = 1e9 + run, 1e9 + run + 0.5
        record["completed"] = int(run != FAILED)
    for run in (0, 1, 130, FAILED, 1498):
        traj.f_add_result(f"runs.{traj.f_wildcard('$', run)}.z", run * 2.0)
    traj.f_store()
    return str(path)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return store(tmp_path_factory.mktemp("many") / "t.hdf5")


@pytest.fixture(scope="module", params=["file", "trajectory"])
def source(request, path):
    return path if request.param == "file" else load_trajectory("t", filename=path, load_results=0)


@pytest.fixture(scope="module")
def whole(source):
    return read_table(source)


def columns_of(table):
    return {
        name: [
            None if missing else value
            for value, missing in zip(column.values.tolist(), column.missing.tolist(), strict=True)
        ]
        for name, column in table.columns.items()
    }


few = st.lists(st.integers(0, RUNS - 1), min_size=1, max_size=8)
slices = st.slices(RUNS).filter(lambda each: len(range(*each.indices(RUNS))))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(runs=few | slices)
def test_they_are_as_in_the_table_of_all_runs(source, whole, runs):
    names = ["z"]
    found = read_table(source, runs=runs, results=[], parameters="all")
    wanted = range(RUNS)[runs] if isinstance(runs, slice) else list(dict.fromkeys(runs))
    assert found.indices.tolist() == list(wanted)
    expected = columns_of(whole.select(list(wanted)))
    assert columns_of(found) == {
        name: values for name, values in expected.items() if name not in names
    }


def test_results_and_names_belong_to_the_runs(source):
    table = read_table(source, runs=[1498, "run_00000130", 1, UNKNOWN])
    assert table["z"].values.tolist()[:3] == [2996.0, 260.0, 2.0]
    assert table["name"].values.tolist()[::3] == ["run_00001498", "run_00001499"]
    assert table["state"].values.tolist() == ["committed"] * 3 + ["pending"]
    assert read_table(source, runs=[FAILED, 0], completed_only=True).indices.tolist() == [0]


def test_the_rows_of_other_runs_are_not_read(path, tmp_path, caplog):
    damaged = shutil.copy(path, tmp_path)
    with h5py.File(damaged) as file:
        chunk = file["t/overview/runs"].id.get_chunk_info_by_coord((640,))
    with open(damaged, "r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(bytes(chunk.size))
    with caplog.at_level(logging.WARNING, "pypet"):
        table = read_table(damaged, runs=[0, 1498], results="z")
        assert caplog.messages == []
        assert table["z"].values.tolist() == [0.0, 2996.0]
        assert table["state"].values.tolist() == ["committed"] * 2
        lost = read_table(damaged, runs=[0, 641])
    assert any("rows" in message for message in caplog.messages)
    assert lost["state"].values.tolist() == ["committed", "pending"]


def test_names_of_a_function_are_read_too(tmp_path):
    path = store(tmp_path / "named.hdf5", wildcard_functions={("$", "crun"): "run-{}".format})
    assert read_table(path, runs=[1498, 3])["name"].values.tolist() == ["run-1498", "run-3"]
    assert read_table(path, runs="run-130")["z"].values.tolist() == [260.0]
    assert read_table(path, runs=[130, 0])["z"].values.tolist() == [260.0, 0.0]
