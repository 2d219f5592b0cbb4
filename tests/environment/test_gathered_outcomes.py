"""A short run is on the disk while the next run of its worker goes on, however workers store."""

from __future__ import annotations

import multiprocessing

import pytest

import pypet
from pypet.plugins._workers import outbox, worker_process
from pypet.plugins._workers.task_queue import BatchSizing
from pypet.wrap_modes._local import locking
from tests.processes import wait_until

pytest.importorskip("h5py")
pytestmark = pytest.mark.skipif(
    not outbox.IS_AVAILABLE,
    reason="this platform has no non-blocking pipes, so no outcome is gathered",
)

LONG = 3
RUNS = 24
POOL = {"multiproc": True, "use_pool": True, "ncores": 2, "start_method": "fork"}
WAYS = {
    "LOCK": {**POOL, "wrap_mode": "LOCK"},
    "LOCK, frozen": {**POOL, "wrap_mode": "LOCK", "freeze_input": True},
    "LOCK, resumable": {**POOL, "wrap_mode": "LOCK", "resumable": True},
    "QUEUE": {**POOL, "wrap_mode": "QUEUE"},
    "QUEUE, resumable": {**POOL, "wrap_mode": "QUEUE", "resumable": True},
    "PIPE": {**POOL, "wrap_mode": "PIPE"},
    "LOCAL": {**POOL, "wrap_mode": "LOCAL"},
    "NETLOCK": {**POOL, "wrap_mode": "NETLOCK"},
    "NETQUEUE": {**POOL, "wrap_mode": "NETQUEUE"},
    "NETQUEUE, resumable": {**POOL, "wrap_mode": "NETQUEUE", "resumable": True},
    "process": {"multiproc": True, "ncores": 2, "wrap_mode": "LOCK"},
}


@pytest.fixture(autouse=True)
def _workers_gather_all_that_they_can(monkeypatch):
    """Let batches be large however slow the machine is, and report them at the end only."""
    monkeypatch.setattr(BatchSizing, "batch_size", RUNS)
    for name in ("REPORT_SECONDS", "PATIENCE_SECONDS"):
        monkeypatch.setattr(worker_process, name, 1e9)


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


def are_on_disk(filename):
    traj = pypet.load_trajectory(filename=filename, load_data=0)
    if list(traj.f_get_run_states().values())[:LONG] != ["completed"] * LONG:
        return False
    traj.f_load(load_data=2)
    assert [traj.f_get(f"run_{run:08d}.z").f_get() for run in range(LONG)] == list(range(LONG))
    return True


def look(filename, answer):
    """Answer whether the first runs are on the disk."""
    try:
        wait_until(lambda: are_on_disk(filename))
        answer.write_text("they are", encoding="utf-8")
    except BaseException as error:
        answer.write_text(repr(error), encoding="utf-8")


def run(traj, answer):
    traj.f_add_result("z", traj.v_idx)
    if traj.v_idx == LONG:
        wait_until(lambda: answer.exists() and answer.read_text(encoding="utf-8"))


def execute(make_env, tmp_path, options):
    """Execute the experiment and check what it stores, during the long run and at the end."""
    filename, answer = str(tmp_path / "x.hdf5"), tmp_path / "answer"
    if options.get("resumable"):
        options = {**options, "resume_folder": str(tmp_path / "resume")}
    env = make_env(storage_service="hdf5", filename=filename, **options)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": list(range(RUNS))})
    env.traj.f_store()
    looking = multiprocessing.get_context("fork").Process(target=look, args=(filename, answer))
    looking.start()
    env.run(run, answer)
    looking.join()
    assert answer.read_text(encoding="utf-8") == "they are"
    traj = pypet.load_trajectory(filename=filename, load_data=2)
    assert set(traj.f_get_run_states().values()) == {"completed"}
    assert [traj.f_get(f"run_{idx:08d}.z").f_get() for idx in range(RUNS)] == list(range(RUNS))


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
def test_short_runs_are_on_the_disk_during_a_long_one(make_env, tmp_path, options):
    if options["wrap_mode"].startswith("NET"):
        pytest.importorskip("zmq")
    execute(make_env, tmp_path, options)


def test_workers_do_not_store_again_what_the_main_process_has_stored(
    make_env, tmp_path, monkeypatch
):
    stored = tmp_path / "stored"
    stored.touch()
    store = locking.DeferredRequests.store

    def note(self, service):
        with stored.open("a", encoding="utf-8") as file:
            file.write("".join(f"{run}\n" for run, _ in self._waiting))
        store(self, service)

    monkeypatch.setattr(locking.DeferredRequests, "store", note)
    execute(make_env, tmp_path, WAYS["LOCK"])
    runs = list(map(int, stored.read_text(encoding="utf-8").split()))
    assert set(runs).isdisjoint(range(LONG))
    assert len(set(runs)) == len(runs)
    assert runs, "no worker has deferred anything"
