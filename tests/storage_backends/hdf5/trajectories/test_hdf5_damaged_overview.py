"""A damaged overview keeps nobody from the data: what it said is rebuilt, and the log says so."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stdout

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import h5py

from pypet import Environment, Trajectory, load_trajectory
from pypet.cli.app import main as command_line
from pypet.errors import DataNotInStorageError

RUNS = 150
TABLES = ("info", "runs", "explorations", "hdf5_settings")
SUMMARIES = ("results_summary", "parameters_overview", "config_overview")


def multiply(traj):
    traj.f_add_result("z", traj.x * 2.0, comment="product")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    filename = tmp_path_factory.mktemp("sound") / "sound.hdf5"
    env = Environment(
        "t",
        filename=str(filename),
        log_config=None,
        report_progress=False,
        add_time=False,
        comment="a trajectory",
        complevel=3,
    )
    env.trajectory.f_add_parameter("sub.x", 0.0, comment="explored")
    env.trajectory.f_explore({"x": [float(run) for run in range(RUNS)]})
    env.run(multiply)
    env.disable_logging()
    return filename.read_bytes()


@pytest.fixture
def filename(sound, tmp_path):
    path = tmp_path / "damaged.hdf5"
    path.write_bytes(sound)
    return path


# ----- ways to damage a table ------------------------------------------------------------------


def remove(group, name):
    del group[name]


def retype(group, name):
    del group[name]
    group[name] = np.arange(5)


def regroup(group, name):
    del group[name]
    group.create_group(name)


def scramble(group, name):
    """Make chunks ones that no library can decompress."""
    dataset = group[name].id
    if dataset.get_num_chunks():
        offset = dataset.get_chunk_info(0).chunk_offset
        dataset.write_direct_chunk(offset, b"\x13\x37" * 20)


def clear(group, name):
    """Make the rows zeros, as if a block of the disk was lost."""
    group[name][:] = np.zeros(len(group[name]), group[name].dtype)


def damaged(filename, table, way):
    with h5py.File(filename, "a") as file:
        way(file["t/overview"], table)


def warnings_of(caplog):
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


# ----- loading ---------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [remove, retype, regroup, scramble, clear])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("with_run_information", [True, pytest.param(False, id="length only")])
def test_everything_else_is_loaded(filename, table, way, with_run_information, caplog):
    if table == "explorations" and way is remove:
        pytest.skip("files of old versions have none")
    damaged(filename, table, way)
    traj = load_trajectory(
        "t", filename=filename, load_data=2, with_run_information=with_run_information
    )
    assert len(traj) == RUNS
    assert traj.v_comment == "a trajectory"
    assert list(traj.f_get_explored_parameters()) == ["parameters.sub.x"]
    assert traj.results.runs.run_00000007.z == 14.0
    assert traj.f_get("parameters.sub.x").f_get_range()[-1] == RUNS - 1.0
    assert traj.v_storage_service.complevel == 3
    (told,) = warnings_of(caplog)
    assert str(filename) in told.getMessage()
    if with_run_information:
        assert traj.f_get_run_information(7)["idx"] == 7


@pytest.mark.parametrize("way", [remove, retype, scramble, clear])
@pytest.mark.parametrize("table", TABLES)
def test_it_is_shown(filename, table, way):
    damaged(filename, table, way)
    for arguments in ([], ["t"]):
        shown = io.StringIO()
        with redirect_stdout(shown):
            assert command_line(["show", str(filename), *arguments]) == 0
        assert f"of {RUNS} runs completed" in shown.getvalue()


@pytest.mark.parametrize("way", [remove, retype, scramble, clear])
@pytest.mark.parametrize("table", SUMMARIES)
def test_tables_for_people_stop_neither_loading_nor_storing(filename, table, way):
    damaged(filename, table, way)
    traj = load_trajectory("t", filename=filename, load_data=2)
    traj.f_add_result("after", 5.0, comment="product")
    traj.f_add_result("another", 6.0, comment="never seen before")
    traj.f_add_parameter("late", 7, comment="late")
    traj.f_store()
    again = load_trajectory("t", filename=filename, load_data=2)
    assert again.results.after == 5.0
    assert again.f_get("results.another").v_comment == "never seen before"
    assert again.late == 7


# ----- runs ------------------------------------------------------------------------------------


def test_only_the_runs_of_a_lost_chunk_are_not_known(filename, caplog):
    with h5py.File(filename, "a") as file:
        rows = file["t/overview/runs"]
        step = rows.chunks[0]
        assert step < RUNS
    damaged(filename, "runs", scramble)
    traj = load_trajectory("t", filename=filename)
    assert [traj.f_is_completed(run) for run in range(RUNS)] == [0] * step + [1] * (RUNS - step)
    assert traj.f_get_run_information(step)["parameter_summary"] == f"x: {float(step)}"
    assert f"{step} of {RUNS} rows" in caplog.text


def test_rows_that_are_zeros_are_lost(filename, caplog):
    with h5py.File(filename, "a") as file:
        rows = file["t/overview/runs"]
        rows[10:15] = np.zeros(5, rows.dtype)
    traj = load_trajectory("t", filename=filename)
    assert [run for run in range(RUNS) if not traj.f_is_completed(run)] == [10, 11, 12, 13, 14]
    assert traj.f_get_run_names(sort=True)[12] == "run_00000012"
    assert f"5 of {RUNS} rows" in caplog.text


def test_runs_are_found_without_any_table(filename):
    with h5py.File(filename, "a") as file:
        for table in list(file["t/overview"]):
            del file["t/overview"][table]
        del file["t/parameters"]
    traj = load_trajectory("t", filename=filename, load_results=2)
    assert len(traj) == RUNS
    assert traj.f_get("run_00000149").z == 298.0


def test_a_rebuilt_trajectory_is_stored_elsewhere(filename, tmp_path):
    damaged(filename, "runs", scramble)
    damaged(filename, "info", retype)
    traj = load_trajectory("t", filename=filename, load_data=2)
    traj.f_migrate(filename=str(tmp_path / "new.hdf5"), in_store=False)
    traj.f_store()
    assert len(load_trajectory("t", filename=tmp_path / "new.hdf5")) == RUNS


# ----- what is no trajectory -------------------------------------------------------------------


def test_a_trajectory_without_anything_is_none(tmp_path):
    filename = tmp_path / "data.hdf5"
    Trajectory("t", filename=filename, add_time=False).f_store(only_init=True)
    with h5py.File(filename, "a") as file:
        for name in list(file["t"]):
            if name != "overview":
                del file["t"][name]
        del file["t/overview/info"]
    with pytest.raises(DataNotInStorageError, match="overview/info"):
        load_trajectory("t", filename=filename)
