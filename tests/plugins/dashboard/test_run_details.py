"""One run in detail: values, errors and logs; and experiments side by side."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("pandas")

import pandas as pd

from pypet.plugins.dashboard.model.comparison import compared
from pypet.plugins.dashboard.model.experiment import ExperimentReader
from pypet.plugins.dashboard.model.log_files import TAIL_BYTES, log_folders, logs_of_run
from pypet.plugins.dashboard.model.run_details import read_run
from tests.plugins.dashboard.conftest import SCRIPT, make_experiment


@pytest.fixture(scope="module")
def run(experiment_file):
    return read_run(str(experiment_file), "sweep", 5)


def values(entries):
    return {entry.name: entry.value for entry in entries}


def test_parameters_have_the_values_of_the_run(run):
    parameters = values(run.parameters)
    assert (parameters["x"], parameters["group.y"]) == (1.0, 1)
    assert parameters["weights"].tolist() == np.linspace(0, 1, 4).tolist()
    assert next(each.comment for each in run.parameters if each.name == "x") == "in mV"


def test_results_are_numbers_arrays_and_frames(run):
    results = values(run.results)
    assert (results["z"], results["parity"]) == (1.0, "odd")
    assert (results["fit.slope"], results["fit.text"]) == (2.0, SCRIPT)
    assert results["trace"].shape == (20,)
    assert results["image"].shape == (3, 4)
    assert isinstance(results["table"], pd.DataFrame)
    assert (run.name, run.state, run.error, run.problem) == (
        "run_00000005",
        "completed",
        None,
        "",
    )


def test_nothing_is_unpickled(run):
    (bomb,) = (each for each in run.results if each.name.startswith("bomb"))
    assert bomb.value is None
    assert "pickle" in bomb.problem


def test_a_failed_run_has_its_traceback(experiment_file):
    run = read_run(str(experiment_file), "sweep", 13)
    assert run.state == "failed"
    assert run.results == ()
    assert "in simulate" in run.error.traceback
    assert SCRIPT in run.error.message


def test_a_run_that_is_not_there_is_an_error(experiment_file):
    with pytest.raises(IndexError, match="24 runs"):
        read_run(str(experiment_file), "sweep", 24)


# ----- logs --------------------------------------------------------------------------------------


def test_the_log_of_a_main_process_is_searched_for_the_run(experiment_file, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folders = log_folders(str(experiment_file))
    assert folders == [str(experiment_file.parent / "logs")]
    (log,) = logs_of_run(folders, "sweep", "run_00000005", 5)
    lines = log.text.splitlines()
    assert lines[0].endswith("Starting single run #5 of 24")
    assert lines[-1].endswith("Finished single run #5 of 24")
    assert not log.is_cut


def test_the_log_of_a_failed_run_has_what_was_logged_until_the_next(experiment_file):
    (log,) = logs_of_run([str(experiment_file.parent / "logs")], "sweep", "run_00000013", 13)
    assert "no result" in log.text
    assert "#14" not in log.text


def test_a_log_of_its_own_is_shown_from_its_end(tmp_path):
    folder = tmp_path / "logs" / "walk" / "environment"
    folder.mkdir(parents=True)
    (folder / "LOG.txt").write_text("Starting single run #1 of 2\n")
    (folder / "run_00000001_host_2_LOG.txt").write_text("x" * (TAIL_BYTES + 5) + "end")
    (log,) = logs_of_run([str(tmp_path / "logs")], "walk", "run_00000001", 1)
    assert log.is_cut
    assert log.text.endswith("end")
    assert len(log.text) == TAIL_BYTES


def test_the_name_of_a_trajectory_leads_to_no_other_folder(tmp_path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "run_00000000_LOG.txt").write_text("secret")
    (tmp_path / "logs").mkdir()
    for name in ("../secret", "..", str(tmp_path / "secret"), ""):
        assert logs_of_run([str(tmp_path / "logs")], name, "run_00000000", 0) == []


# ----- side by side ------------------------------------------------------------------------------


def test_experiments_are_compared(experiment_file, tmp_path):
    make_experiment(tmp_path / "other.hdf5", "other")
    experiments = []
    for path, name in ((experiment_file, "sweep"), (tmp_path / "other.hdf5", "other")):
        reader = ExperimentReader(str(path), name)
        while reader.update():
            pass
        experiments.append(reader.current)
    rows = {(row.kind, row.name): row for row in compared(experiments)}
    assert rows["parameter", "x"].cells == ("6 distinct values, 0.0 to 5.0",) * 2
    assert rows["parameter", "weights"].cells == ("array (4,) of float64",) * 2
    assert rows["result", "z"].cells[0].startswith("mean 3.78261, 0 to 15 (23 runs)")
    assert not any(row.differs for row in rows.values())
    assert rows["runs", "failed"].cells == ("1", "1")
