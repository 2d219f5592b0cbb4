"""The example of resuming goes on after it was killed, and ends as if it had not been."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

import pypet
from tests.examples.running import EXAMPLES, run_example

pytest.importorskip("h5py")
pytest.importorskip("fcntl")

SMALL = ("--size", "16", "--sweeps", "50")
FREE_RUNS = 5
PATIENCE_SECONDS = 100


@pytest.fixture
def gate(tmp_path):
    """A file; while it is there, all but the first runs wait in the middle of their work."""
    gate = tmp_path / "gate"
    gate.touch()
    yield gate
    gate.unlink(missing_ok=True)


@pytest.fixture
def script(tmp_path, gate):
    """The example with the gate."""
    text = (EXAMPLES / "resuming.py").read_text(encoding="utf-8")
    start = "    rng = traj.f_rng()"
    assert text.count(start) == 1
    waiting = (
        f"    while traj.v_idx >= {FREE_RUNS} and Path({str(gate)!r}).exists():\n"
        "        __import__('time').sleep(0.05)\n"
    )
    script = tmp_path / "resuming.py"
    script.write_text(text.replace(start, waiting + start), encoding="utf-8")
    return script


def kill_after_some_runs(script, folder):
    """Start the example, and kill all of its processes in the middle of the experiment."""
    filename = folder / "ising_results" / "ising.hdf5"
    with subprocess.Popen(
        [sys.executable, str(script), *SMALL],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            wait_for(lambda: number_of_completed(filename) == FREE_RUNS)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def number_of_completed(filename):
    try:
        traj = pypet.load_trajectory(filename=str(filename), load_data=0)
    except (OSError, ValueError):  # nothing is there yet
        return 0
    return list(traj.f_get_run_states().values()).count("completed")


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def table(text):
    return text[text.index("temperature") :]


def test_it_goes_on_after_a_kill_and_ends_the_same(tmp_path, script, gate):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    kill_after_some_runs(script, killed)
    gate.unlink()
    again = run_example(str(script), *SMALL, folder=killed)
    assert "going on" in again.stdout
    first = run_example(str(script), *SMALL, folder=whole)
    assert "The experiment begins." in first.stdout
    assert table(again.stdout) == table(first.stdout)
    assert len(table(again.stdout).splitlines()) == 21
    traj = pypet.load_trajectory(filename=str(killed / "ising_results" / "ising.hdf5"))
    runs = [run["short_environment_hexsha"] for run in traj.f_get_run_information().values()]
    assert runs.count(runs[0]) == FREE_RUNS
    assert runs.count(runs[-1]) == 20 - FREE_RUNS
    assert not (killed / "ising_results" / "resume" / "ising").exists()
    last = run_example(str(script), *SMALL, folder=killed)
    assert last.stdout.startswith("The experiment is completed.")
    assert table(last.stdout) == table(first.stdout)
