"""The examples for clusters, on one machine without any batch system."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

import pytest

import pypet
from tests.examples.running import EXAMPLES, run_example

h5py = pytest.importorskip("h5py")

SMALL = ("--runs", 6, "--walkers", 500)
PATIENCE_SECONDS = 100


def rows(text):
    found = re.findall(r"^ +(\d\.\d{3}) +([\d.]+) +([\d.]+)$", text, re.MULTILINE)
    return [tuple(map(float, row)) for row in found]


def test_walkers_take_the_time_that_theory_says(tmp_path):
    done = run_example("cluster/walk.py", *SMALL, "--ncores", 2, folder=tmp_path)
    assert len(rows(done.stdout)) == 6
    for _, mean, theory in rows(done.stdout):
        assert mean == pytest.approx(theory, rel=0.1)


def test_an_experiment_that_was_killed_before_it_stored_anything_begins(tmp_path):
    (tmp_path / "walk").mkdir()
    with h5py.File(tmp_path / "walk" / "walk.hdf5", "w"):
        pass
    done = run_example("cluster/walk.py", *SMALL, folder=tmp_path)
    assert len(rows(done.stdout)) == 6


def test_batches_give_the_same_numbers_as_one_job(tmp_path):
    whole = run_example("cluster/walk.py", *SMALL, "--folder", "whole", folder=tmp_path)
    batches = ("--batches", 2, "--folder", "parts")
    done = run_example("cluster/batches.py", *SMALL, *batches, folder=tmp_path)
    assert "Submitting 2 batches." in done.stdout
    assert rows(done.stdout) == rows(whole.stdout)
    again = run_example("cluster/batches.py", *SMALL, *batches, folder=tmp_path)
    assert "Submitting" not in again.stdout
    assert rows(again.stdout) == rows(whole.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM")
def test_an_experiment_that_was_ended_goes_on_when_it_is_started_again(tmp_path):
    command = [sys.executable, str(EXAMPLES / "cluster" / "walk.py"), "--runs", "100"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if "Finished  10/100" in line:
                process.send_signal(signal.SIGTERM)
                break
        process.stdout.read()
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    filename = tmp_path / "walk" / "walk.hdf5"
    before = pypet.load_trajectory(filename=str(filename)).f_get_run_information()
    done = [name for name, run in before.items() if run["completed"]]
    assert 0 < len(done) < 100
    run_example("cluster/walk.py", folder=tmp_path)
    after = pypet.load_trajectory(filename=str(filename)).f_get_run_information()
    assert all(run["completed"] for run in after.values())
    assert {name: after[name] for name in done} == {name: before[name] for name in done}
