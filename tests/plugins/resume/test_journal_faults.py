"""Resumable experiments whose storage fails in the middle: what counts is what is there."""

from __future__ import annotations

import errno
import os

import pytest

from pypet import Environment, load_trajectory
from pypet.plugins.resume import experiment_journal
from pypet.storage_backends.hdf5.files.transactional_file import TransactionalFile

pytest.importorskip("dill")

AT = 3


def environment(folder, name="t"):
    return Environment(
        name,
        filename=folder / "data.hdf5",
        log_config=None,
        report_progress=False,
        resumable=True,
        resume_folder=folder / "resume",
        commit_interval=0,
    )


def run_once(traj, folder):
    with open(folder / "executed", "a") as file:
        file.write(f"{traj.v_idx} ")
    if traj.v_idx == AT:
        (folder / "fails").touch()
    traj.f_add_result("z", traj.x * 10)
    return traj.v_idx


def test_a_run_is_committed_when_only_the_commit_of_the_file_fails(tmp_path, monkeypatch):
    # The file is committed after every run; that of one fails, and with the next its data is there.
    monkeypatch.setattr(experiment_journal, "COMMIT_SECONDS", 0.0)
    env = environment(tmp_path)
    env.trajectory.f_add_parameter("x", 0)
    env.trajectory.f_explore({"x": list(range(6))})
    commit = TransactionalFile.commit

    def refuse(self, **options):
        if (tmp_path / "fails").exists():
            (tmp_path / "fails").unlink()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        commit(self, **options)

    with monkeypatch.context() as patched:
        patched.setattr(TransactionalFile, "commit", refuse)
        with pytest.raises(OSError, match=r"cannot be written.*data.hdf5"):
            env.run(run_once, tmp_path)
    results = environment(tmp_path, "resuming").resume("t")

    assert results == [(run, run) for run in range(6)]
    assert (tmp_path / "executed").read_text().split() == [str(run) for run in range(6)]
    traj = load_trajectory("t", filename=tmp_path / "data.hdf5", load_data=2)
    assert [traj.f_get(f"run_{run:08}.z", fast_access=True) for run in range(6)] == [
        10 * run for run in range(6)
    ]
