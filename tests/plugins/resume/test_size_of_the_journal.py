"""What is written twice, to the journal and to the file, and what is written once."""

from __future__ import annotations

import numpy as np
import pytest

from pypet import Environment, load_trajectory

pytest.importorskip("dill")
LARGE_BYTES, SMALL_BYTES = 1 << 20, 1 << 17
QUEUE = {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": "QUEUE"}


def numbers(run, size):
    """Return so many bytes of numbers that can hardly be compressed."""
    return np.random.default_rng(run).standard_normal(size // 8)


def store(traj, size):
    traj.f_add_result("numbers", numbers(traj.v_idx, size))


def store_early(traj, size):
    traj.f_store_item(traj.f_add_result("early", traj.x))
    store(traj, size)


def size_of_journal(folder, function, size, **options):
    """Return the bytes of the journal of two runs that store so many each, when it is over."""
    with Environment(
        "t",
        filename=folder / "t.hdf5",
        resumable=True,
        resume_folder=folder / "resume",
        delete_resume=False,
        log_config=None,
        report_progress=False,
        **options,
    ) as env:
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_explore({"x": [1.0, 2.0]})
        env.run(function, size)
    traj = load_trajectory("t", filename=folder / "t.hdf5", load_data=2)
    for run in traj.f_iter_runs():
        assert (traj[run].numbers == numbers(traj.v_idx, size)).all()
    return sum(path.stat().st_size for path in (folder / "resume" / "t").glob("*.rcnt"))


@pytest.mark.parametrize("options", [{}, QUEUE, {**QUEUE, "wrap_mode": "LOCAL"}])
def test_large_arrays_are_written_once_where_one_process_stores(tmp_path, options):
    assert size_of_journal(tmp_path, store, LARGE_BYTES, **options) < SMALL_BYTES


@pytest.mark.parametrize(
    ("function", "size", "options"),
    [
        (store, SMALL_BYTES, {}),
        (store, LARGE_BYTES, {**QUEUE, "wrap_mode": "LOCK"}),
        (store_early, LARGE_BYTES, {}),
    ],
)
def test_all_other_data_is_in_the_journal(tmp_path, function, size, options):
    assert size_of_journal(tmp_path, function, size, **options) > 1.5 * size
