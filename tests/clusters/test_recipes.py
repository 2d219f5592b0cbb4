"""The recipes of examples/cluster do what they say, submitted to real batch systems."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

import pypet
from tests.long_tests import LONG

pytest.importorskip("h5py")

EXAMPLES = Path(__file__).parents[2] / "examples" / "cluster"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}{os.pathsep}/usr/sbin"
JOB_ENVIRONMENT = {"PATH": PATH, "OMP_NUM_THREADS": "1"}
SECONDS = 120
FREE_RUNS, ALL_RUNS = 4, 16


@pytest.fixture
def place(tmp_path):
    """A folder with the examples, as a user has them."""
    return shutil.copytree(EXAMPLES, tmp_path / "cluster")


@pytest.fixture
def gate(place):
    """A file; while it is there, runs from the fifth one on wait in the middle of their work."""
    script = place / "walk.py"
    text = script.read_text()
    start = "    rng = traj.f_rng()"
    assert text.count(start) == 1
    gate = place / "gate"
    gate.touch()
    waiting = (
        f"    while traj.v_idx >= {FREE_RUNS} and Path({str(gate)!r}).exists():\n"
        "        __import__('time').sleep(0.05)\n"
    )
    script.write_text(text.replace(start, waiting + start))
    yield gate
    gate.unlink(missing_ok=True)


def states(place):
    """Return what became of the runs, as far as it is in the file."""
    try:
        traj = pypet.load_trajectory(filename=str(place / "walk" / "walk.hdf5"), load_data=0)
    except (OSError, ValueError):
        return {}
    return traj.f_get_run_states()


def wait_for(condition):
    deadline = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


def wait_for_free_runs(place):
    some = ["completed"] * FREE_RUNS + ["not run"] * (ALL_RUNS - FREE_RUNS)
    wait_for(lambda: list(states(place).values()) == some)
    return finished(place)


def finished(place):
    """Return when runs that are completed have ended, by name."""
    traj = pypet.load_trajectory(filename=str(place / "walk" / "walk.hdf5"), load_data=0)
    runs = traj.f_get_run_information().items()
    return {name: run["finish_timestamp"] for name, run in runs if run["completed"]}


def check_results(place, text=None):
    assert list(states(place).values()) == ["completed"] * ALL_RUNS
    traj = pypet.load_trajectory(filename=str(place / "walk" / "walk.hdf5"), load_data=2)
    for run in traj.f_iter_runs():
        theory = traj.distance / traj.drift
        assert traj[run].passage.mean == pytest.approx(theory, rel=0.05)
    if text is not None:
        rows = re.findall(r"^ +(\d\.\d{3}) +([\d.]+) +([\d.]+)$", text, re.MULTILINE)
        assert len(rows) == ALL_RUNS
    return traj


@pytest.fixture
def report(place, fault_row):
    """A function that puts a row into the table of faults; ``before`` is what `finished` then."""
    began = time.monotonic()

    def put(fault, before):
        done = finished(place)
        fault_row(
            engine="a job of Slurm",
            mode="QUEUE",
            fault=fault,
            runs=ALL_RUNS,
            done=len(done),
            lost=len(before.keys() - done.keys()),
            doubled=sum(done.get(run, ended) != ended for run, ended in before.items()),
            seconds=time.monotonic() - began,
        )

    return put


def executing_environments(traj):
    return {run["short_environment_hexsha"] for run in traj.f_get_run_information().values()}


# ----- one node ---------------------------------------------------------------------------------


def test_one_node_of_slurm(slurm, place):
    job = slurm.submit("one_node.sbatch", cwd=place, env=JOB_ENVIRONMENT)
    assert slurm.wait(job) == "COMPLETED"
    traj = check_results(place, (place / f"walk_{job}.txt").read_text())
    (environment,) = traj.config.environment.f_get_children().values()
    assert environment.ncores == 4


def test_a_job_at_the_end_of_its_time_goes_on_when_submitted_again(slurm, place, gate, report):
    job = slurm.submit("one_node.sbatch", cwd=place, env=JOB_ENVIRONMENT)
    before = wait_for_free_runs(place)
    slurm.run("scontrol", "update", f"JobId={job}", "EndTime=now+1")
    assert slurm.wait(job) == "TIMEOUT"  # Slurm looks at times every 30 s
    text = (place / f"walk_{job}.txt").read_text()
    assert f"{FREE_RUNS} of {ALL_RUNS} runs are completed" in text
    gate.unlink()
    job = slurm.submit("one_node.sbatch", cwd=place, env=JOB_ENVIRONMENT)
    assert slurm.wait(job) == "COMPLETED"
    text = (place / f"walk_{job}.txt").read_text()
    assert f"Finished  {FREE_RUNS}/{ALL_RUNS} runs" in text
    check_executed_twice(place)
    report("walltime met, submitted again", before)


def test_a_preempted_job_goes_on_by_itself(slurm, place, gate, report):
    job = slurm.submit("-w", "n2", "requeue.sbatch", cwd=place, env=JOB_ENVIRONMENT)
    before = wait_for_free_runs(place)
    urgent = ("--partition=urgent", "--exclusive", "-w", "n2", "--output=/dev/null")
    other = slurm.submit(*urgent, "--wrap", "true", cwd=place)
    assert slurm.wait(other) == "COMPLETED"
    go_on_in_slurm(slurm, job, place, gate)
    report("preempted", before)


def test_a_job_that_is_warned_of_its_end_requeues_itself(slurm, place, gate):
    job = slurm.submit("requeue.sbatch", cwd=place, env=JOB_ENVIRONMENT)
    wait_for_free_runs(place)
    slurm.run("scancel", "--signal=USR1", "--batch", job)  # as Slurm does before the end
    go_on_in_slurm(slurm, job, place, gate)


@pytest.mark.parametrize("is_killed_before", [pytest.param(False, marks=LONG), True])
def test_a_resumable_job_goes_on_when_it_is_requeued(slurm, place, gate, is_killed_before):
    job = slurm.submit("resuming.sbatch", cwd=place, env=JOB_ENVIRONMENT)
    wait_for_free_runs(place)
    if is_killed_before:
        slurm.run("scancel", "--full", "--signal=KILL", job)
        slurm.wait(job)
    slurm.run("scontrol", "requeue", job)  # which ends a job that is running
    assert slurm.wait(job, "PENDING") == "PENDING"
    wait_for_free_runs(place)
    gate.unlink()
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now+3")  # not in two minutes
    assert slurm.wait(job) == "COMPLETED"
    text = (place / f"walk_{job}.txt").read_text()
    said = ["was requeued 0 times", "experiment begins", "was requeued 1 times", "going on"]
    assert all(text.count(each) == 1 for each in said)
    traj = check_executed_twice(place)
    by_environment = Counter(
        run["short_environment_hexsha"] for run in traj.f_get_run_information().values()
    )
    assert sorted(by_environment.values()) == [FREE_RUNS, ALL_RUNS - FREE_RUNS]
    whole = (sys.executable, "walk.py", "--folder", "whole", "--ncores", "2")
    subprocess.run(whole, cwd=place, check=True, capture_output=True, timeout=SECONDS)
    check_equal(traj, pypet.load_trajectory("walk", filename=str(place / "whole" / "walk.hdf5")))


def check_equal(traj, other):
    other.f_load(load_data=2)
    for run in traj.f_iter_runs():
        assert (traj[run].passage.times == other[run].passage.times).all()
    assert not (Path(traj.v_storage_service.filename).parent / "resume" / "walk").exists()


def go_on_in_slurm(slurm, job, place, gate):
    assert slurm.wait(job, "PENDING") == "PENDING"
    wait_for_free_runs(place)
    gate.unlink()
    slurm.run("scontrol", "update", f"JobId={job}", "StartTime=now+3")  # not in two minutes
    assert slurm.wait(job) == "COMPLETED"
    text = (place / f"walk_{job}.txt").read_text()
    assert text.count("Interrupted, back into the queue.") == 1
    check_executed_twice(place)


def check_executed_twice(place):
    traj = check_results(place)
    assert len(executing_environments(traj)) == 2
    return traj


def test_one_node_of_grid_engine_also_after_its_end(grid_engine, place, gate):
    submit = ("qsub", "-terse", "one_node.qsub")
    job = grid_engine.run(*submit, cwd=place, env=JOB_ENVIRONMENT).stdout.strip()
    wait_for_free_runs(place)
    grid_engine.run("qdel", job)  # which warns first, as at the end of the time
    wait_for(lambda: grid_engine.run("qstat", "-j", job, check=False).returncode)
    (output,) = place.glob(f"walk.o{job}")
    assert "Terminated: active runs are given up, what is there is stored." in output.read_text()
    gate.unlink()
    submit = ("qsub", "-sync", "y", "one_node.qsub")
    grid_engine.run(*submit, cwd=place, env=JOB_ENVIRONMENT, seconds=SECONDS)
    check_executed_twice(place)


# ----- batches ----------------------------------------------------------------------------------


def command(submitter, *more):
    return (sys.executable, "batches.py", "--submit", submitter, "--batches", "3", *more)


def check_batches(place, done):
    assert "Submitting 3 batches." in done.stdout
    traj = check_results(place, done.stdout)
    assert len(executing_environments(traj)) == 3
    assert len(list((place / "walk" / "batches").glob("*.hdf5"))) == 3


def test_batches_in_slurm(slurm, place):
    done = slurm.run(*command("slurm"), cwd=place, env=JOB_ENVIRONMENT, seconds=SECONDS)
    check_batches(place, done)


def test_batches_in_grid_engine(grid_engine, place):
    done = grid_engine.run(*command("sge"), cwd=place, env=JOB_ENVIRONMENT, seconds=SECONDS)
    check_batches(place, done)


@pytest.mark.parametrize(("submitter", "module"), [("psij", "psij"), ("saga", "radical.saga")])
def test_batches_through_other_packages(slurm, place, submitter, module):
    pytest.importorskip(module)
    home = {"HOME": str(place)}  # where these packages keep notes
    environment = {**JOB_ENVIRONMENT, **home}
    done = slurm.run(*command(submitter), cwd=place, env=environment, seconds=SECONDS)
    check_batches(place, done)


def test_a_batch_whose_job_is_killed_is_submitted_again_alone(slurm, place, gate):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with slurm.popen(*command("slurm"), cwd=place, env=JOB_ENVIRONMENT, **streams) as main:
        killed = wait_for(lambda: running_jobs(slurm))[0]
        slurm.run("scancel", "--full", "--signal=KILL", killed)
        slurm.wait(killed)
        gate.unlink()
        out, err = main.communicate(timeout=SECONDS)
    assert main.returncode == 0, err
    assert "Submitting 3 batches." in out
    assert "Submitting 1 batches." in out
    assert "Submit its job again." in err
    check_results(place, out)


def running_jobs(slurm):
    return slurm.run("squeue", "--noheader", "--states=R", "--format=%A").stdout.split()
