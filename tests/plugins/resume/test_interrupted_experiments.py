"""Resuming experiments that ended in the middle of something."""

from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from pypet import Environment, SharedEArray, SharedResult, load_trajectory
from pypet.plugins.resume import experiment_journal
from pypet.plugins.resume.journal.service import JournaledService

pytest.importorskip("dill")


def make_environment(folder, name="t", **options):
    options = {"resumable": True, "resume_folder": folder / "resume", **options}
    return Environment(
        name, filename=folder / "data.hdf5", log_config=None, report_progress=False, **options
    )


def fail_once(traj, folder, at):
    marker = folder / f"failed {traj.v_idx}"
    if traj.v_idx == at and not marker.exists():
        marker.touch()
        raise RuntimeError("the first time")
    traj.f_add_result("z", traj.x * 10)
    return traj.v_idx


def add_two(traj, results, length):
    return {"x": [len(traj), len(traj) + 1]} if len(traj) < length else None


def test_an_experiment_goes_on_that_post_processing_has_expanded(tmp_path):
    env = make_environment(tmp_path)
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [0, 1]})
    env.add_postprocessing(add_two, 4)
    with pytest.raises(RuntimeError, match="the first time"):
        env.run(fail_once, tmp_path, 3)

    results = make_environment(tmp_path, "resuming").resume("t")

    assert results == [(run, run) for run in range(4)]
    traj = load_trajectory("t", filename=tmp_path / "data.hdf5", load_data=2)
    assert traj.f_is_completed()
    assert [traj.f_get(f"runs.run_{run:08}.z", fast_access=True) for run in range(4)] == [
        0,
        10,
        20,
        30,
    ]


def store_times(traj, folder, factor):
    if (folder / "fails").exists() and traj.v_idx == 1:
        raise RuntimeError("the first time")
    traj.f_add_result("z", traj.x * factor)
    return traj.x * factor


def explored(folder, runs=3, **options):
    env = make_environment(folder, **options)
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": list(range(runs))})
    return env


def test_what_is_left_of_a_folder_that_was_being_removed_does_not_count(tmp_path, monkeypatch):
    def die(folder):
        raise OSError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(experiment_journal.shutil, "rmtree", die)
        with pytest.raises(OSError, match="killed"):
            explored(tmp_path).run(store_times, tmp_path, 1)
    folder = tmp_path / "resume" / "t"
    assert not (folder / "environment.ecnt").exists()
    assert list(folder.glob("*.rcnt"))
    with pytest.raises(FileNotFoundError, match="finished"):
        make_environment(tmp_path, "resuming").resume("t")

    # Another experiment of this name finds commits of the first one, which are not its own.
    (tmp_path / "data.hdf5").unlink()
    (tmp_path / "fails").touch()
    with pytest.raises(RuntimeError, match="the first time"):
        explored(tmp_path).run(store_times, tmp_path, 100)
    (tmp_path / "fails").unlink()
    results = make_environment(tmp_path, "resuming").resume("t")

    assert results == [(0, 0), (1, 100), (2, 200)]
    assert not folder.exists()


def share_once(traj, folder, at):
    array = SharedEArray()
    shared = traj.f_add_result(SharedResult, "shared", array)
    shared.create_shared_data(obj=np.full(3, traj.v_idx))
    array.append(np.full(2, 100 + traj.v_idx))
    return fail_once(traj, folder, at)


@pytest.mark.parametrize(("runs", "failing"), [(3, 1), (8, 7)])
def test_shared_data_of_runs_that_were_not_committed_is_made_anew(tmp_path, runs, failing):
    with pytest.raises(RuntimeError, match="the first time"):
        explored(tmp_path, runs).run(share_once, tmp_path, failing)

    make_environment(tmp_path, "resuming").resume("t")

    traj = load_trajectory("t", filename=tmp_path / "data.hdf5", load_data=2)
    for run in range(runs):
        shared = traj.f_get(f"runs.run_{run:08}.shared").shared
        assert shared.read().tolist() == [run] * 3 + [100 + run] * 2


def fail_often(traj, folder):
    """Fail in run 3, once for each file that is there."""
    markers = sorted(folder.glob("fail *"))
    if traj.v_idx == 3 and markers:
        markers[0].unlink()
        raise RuntimeError("the first time")
    return traj.v_idx


def test_an_experiment_that_was_expanded_goes_on_more_than_once(tmp_path):
    for name in ("fail 1", "fail 2"):
        (tmp_path / name).touch()
    env = make_environment(tmp_path)
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": [0, 1]})
    env.add_postprocessing(add_two, 4)
    with pytest.raises(RuntimeError, match="the first time"):
        env.run(fail_often, tmp_path)
    with pytest.raises(RuntimeError, match="the first time"):
        make_environment(tmp_path, "resuming").resume("t")

    resuming = make_environment(tmp_path, "resuming")
    assert resuming.resume("t") == [(run, run) for run in range(4)]
    resuming.trajectory.f_load(load_data=2)


def note_time(traj):
    attempt = time.time_ns()
    traj.f_add_result("attempt", attempt)
    return attempt


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("on_error", ["retry:2", "continue"])
def test_a_run_counts_whose_worker_was_killed_when_it_was_committed(
    tmp_path, monkeypatch, on_error
):
    apply, marker = JournaledService.apply, tmp_path / "killed"

    def apply_and_die(self, request):
        apply(self, request)
        if request.commit is not None and request.run == 1 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(JournaledService, "apply", apply_and_die)
    parallel = {"multiproc": True, "ncores": 2, "use_pool": False, "start_method": "fork"}

    results = explored(tmp_path, wrap_mode="LOCK", on_error=on_error, **parallel).run(note_time)

    assert marker.exists()
    traj = load_trajectory("t", filename=tmp_path / "data.hdf5", load_data=2)
    assert traj.f_is_completed()
    assert not (tmp_path / "resume" / "t").exists()
    assert results == [
        (run, traj.f_get(f"runs.run_{run:08}.attempt", fast_access=True)) for run in range(3)
    ]
