"""Experiments in scripts that are really started by ``python -m scoop``."""

from __future__ import annotations

import pytest

pytest.importorskip("scoop")
pytest.importorskip("h5py")
pytest.importorskip("psutil")

from pypet import load_trajectory
from tests.environment import test_execution_matrix as matrix
from tests.plugins.scoop.launching import CONFORMANCE, launch


@pytest.mark.parametrize("freeze", ["false", "true"])
def test_runs_are_executed_by_workers_and_stored_by_the_main_process(tmp_path, freeze):
    launched = launch(tmp_path, "local", freeze)
    found = launched.result
    assert found["indices"] == found["values"] == list(range(8))
    assert found["stored"] == [3 * x for x in range(8)]
    assert all(found["points"])  # of a class of the script
    assert found["elsewhere"]
    assert found["kind"]
    assert found["settings"] == {
        "multiproc": True,
        "use_scoop": True,
        "scheduler": "scoop",
        "ncores": 2,
        "wrap_mode": "LOCAL",
        "timeout": -1.0,
    }
    assert launched.returncode == 0
    assert "Traceback" not in launched.output


@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_workers_store_over_the_network(tmp_path, mode):
    found = launch(tmp_path, "local", "true", f'"{mode}"').result
    assert found["values"] == list(range(8))
    assert found["stored"] == [3 * x for x in range(8)]
    assert found["settings"]["wrap_mode"] == mode


@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_keys_reach_workers_by_a_file(tmp_path, mode):
    pytest.importorskip("zmq")
    found = launch(tmp_path, "keys", f'"{mode}"').result
    assert found["keys"] == 0
    assert found["names"] >= 1
    assert found["modes"] == [[0o600]] * 8
    assert found["left"] == []
    assert found["stored"] == list(range(8))


def test_one_worker_is_enough(tmp_path):
    assert launch(tmp_path, "local", "true", workers=1).result["stored"] == [
        3 * x for x in range(8)
    ]


def test_many_rounds_in_one_script(tmp_path):
    found = launch(tmp_path, "everything", workers=3).result
    assert found["mapped"] == [[i, [i, i, "abc"[i], 7 + i]] for i in range(3)]
    assert found["more"] == [[3, [10, 0, "d", 5]], [4, [11, 1, "e", 6]]]
    assert found["rest"] == [[5, 12], [6, 100], [7, 101]]
    assert found["other"] == list(range(600))


def test_an_overdue_run_is_skipped_and_incomplete(tmp_path):
    found = launch(tmp_path, "overdue", '"sleep_at_two"', "null").result
    assert found["results"] == [[x, x] for x in range(6) if x != 2]
    assert found["completed"] == [x != 2 for x in range(6)]
    assert found["errors"] == {"run_00000002": "pypet.errors.RunTimeoutError"}
    assert found["timeout"] == 0.5


def test_an_overdue_run_that_cannot_be_interrupted_ends_its_worker(tmp_path):
    found = launch(tmp_path, "overdue", '"never_mind_at_two"', "null").result
    assert found["results"] == [[x, x] for x in range(6) if x != 2]
    assert found["errors"] == {"run_00000002": "pypet.errors.RunTimeoutError"}


def test_runs_of_a_killed_worker_are_executed_again(tmp_path):
    found = launch(tmp_path, "killed", '"kill_worker_once"', workers=3).result
    assert found["results"] == [[x, x] for x in range(8)]
    assert found["stored"] == list(range(8))
    assert found["errors"] == {}


def test_a_run_that_kills_its_workers_fails_and_nothing_else(tmp_path):
    found = launch(tmp_path, "killed", '"kill_worker"').result
    assert found["results"] == [[x, x] for x in range(8) if x != 3]
    assert found["stored"] == [x for x in range(8) if x != 3]
    assert found["errors"] == {"run_00000003": "pypet.errors.WorkerDiedError"}
    assert found["after"] == [[0, 0], [1, 1], [2, 2]]


def test_an_error_of_a_run_is_raised(tmp_path):
    launched = launch(tmp_path, "failing", "null")
    assert "ValueError: two" in launched.output
    assert not launched.has_result


def test_others_go_on_without_a_failing_run(tmp_path):
    found = launch(tmp_path, "failing", '"continue"').result
    assert found["results"] == [[0, 0], [1, 1], [3, 3]]
    assert found["errors"] == {"run_00000002": "ValueError"}


def test_all_workers_are_used_while_the_first_run_is_executed(tmp_path):
    assert launch(tmp_path, "together", workers=3).result == 3


def test_a_batch_that_is_lost_on_the_way_is_given_out_again(tmp_path):
    found = launch(tmp_path, "swallowed", workers=3).result
    assert found == {"lost": 2, "indices": [0, 1, 2]}


def test_workers_store_themselves_without_wrapping(tmp_path):
    found = launch(tmp_path, "unwrapped", workers=3).result
    assert found["results"] == [0, 1, 2, 3]
    assert found["writers"] >= 1


def test_each_run_has_log_files_if_input_is_not_frozen(tmp_path):
    found = launch(tmp_path, "logged", "false").result
    logs = [name.rpartition("_LOG")[0] for name in found["files"] if name.startswith("run_")]
    assert [name[:12] for name in logs] == [f"run_{x:08d}" for x in range(4)]
    assert {int(name.rpartition("-")[2]) for name in logs} == set(found["pids"])


def test_each_worker_has_log_files_if_input_is_frozen(tmp_path):
    found = launch(tmp_path, "logged", "true").result
    logs = [name.rpartition("_LOG")[0] for name in found["files"] if name.startswith("run_ALL_")]
    assert sorted(int(name.rpartition("-")[2]) for name in logs) == found["pids"]


def test_runs_may_have_futures_of_their_own(tmp_path):
    launched = launch(tmp_path, "futures_within", workers=3)
    assert launched.result == [[x, sum(range(x + 1))] for x in range(6)]
    assert "Lost track" not in launched.output


def test_the_data_is_the_same_as_without_scoop(tmp_path, tmp_path_factory):
    pytest.importorskip("scipy")
    reference = matrix.execute(tmp_path_factory.mktemp("serial"))
    launch(tmp_path, "same_data")
    actual = load_trajectory("matrix", filename=str(tmp_path / "data.hdf5"), load_data=2)
    matrix.assert_same(actual, reference)


def test_a_script_without_guard_is_reported(tmp_path):
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from pypet import Environment\n"
        "env = Environment('t', multiproc=True, use_scoop=True, wrap_mode='LOCAL',\n"
        "                  filename='data.hdf5', log_config=None)\n"
        "env.traj.f_add_parameter('x', 0)\n"
        "env.traj.f_explore({'x': [1, 2]})\n"
        "env.run(lambda traj: traj.x)\n",
        encoding="utf8",
    )
    launched = launch(tmp_path, script=script)
    assert "if __name__ == '__main__'" in launched.output


def test_the_scheduler_is_like_all_others(tmp_path):
    launched = launch(tmp_path, script=CONFORMANCE)
    assert launched.result == 0, launched.output
