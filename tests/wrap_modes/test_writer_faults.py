"""Wrap modes with a writer process: what happens when it, or a worker, dies or fails."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest

from pypet import NotStoredError, load_trajectory
from pypet.interfaces import Outcome
from pypet.runs import run_table_of
from pypet.services import messages
from pypet.testing.wrap_modes import OPTIONS, RUNS, sample_trajectory
from pypet.wrap_modes._local.run_tables import self_contained_rows
from pypet.wrap_modes._local.sink import StorageSink
from pypet.wrap_modes.local import LocalWrapMode
from pypet.wrap_modes.lock import LockWrapMode
from pypet.wrap_modes.pipe import PipeWrapMode
from pypet.wrap_modes.queue import QueueWrapMode
from tests.processes import DEADLINE_SECONDS, has_ended, wait_until

pytest.importorskip("h5py")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

from pypet.storage_backends.hdf5 import HDF5StorageService

FORK = multiprocessing.get_context("fork")
BOTH = pytest.mark.parametrize("mode_class", [QueueWrapMode, PipeWrapMode])


class FullDisk(HDF5StorageService):
    """Has no room for run 2."""

    def apply(self, request):
        if any("run_00000002" in getattr(each, "path", "") for each in request.operations):
            raise OSError(28, "No space left on device")
        super().apply(request)


@pytest.fixture
def service(tmp_path):
    return HDF5StorageService(filename=str(tmp_path / "data.hdf5"))


@pytest.fixture
def active():
    """Start modes; they are stopped at the end, whatever the test made of them."""
    modes = []

    def start(mode_class, service, **options):
        mode = mode_class({**OPTIONS, **options})
        mode.start(service, FORK)
        modes.append(mode)
        return mode

    yield start
    for mode in modes:
        mode.stop()
        mode.wait_closed()
    assert not multiprocessing.active_children()


def writer_pid():
    names = ("QueueProcess", "PipeProcess")
    (process,) = [p for p in multiprocessing.active_children() if p.name in names]
    return process.pid


def store_run(mode, traj, index, value=0):
    traj.v_storage_service = mode.worker_service()
    traj.f_set_crun(index)
    traj.f_start_run()
    try:
        traj.f_add_result("z", value)
        traj.f_store()
    finally:
        traj.f_finalize_run(store_meta_data=False)
        traj.f_restore_default()
    return Outcome(index, None, 0.0, 0.0)


def store_runs(mode, traj, indices, value):
    for index in indices:
        store_run(mode, traj, index, value)


def in_worker(mode, traj, indices, value=0):
    process = FORK.Process(target=store_runs, args=(mode, traj, indices, value))
    process.start()
    return process


def is_blocked(process):
    """Return whether a process that never sleeps waits for another one, or has ended."""
    psutil = pytest.importorskip("psutil")
    status = psutil.Process(process.pid).status()
    return status in (psutil.STATUS_SLEEPING, psutil.STATUS_ZOMBIE)


def loaded(service):
    return load_trajectory("conformance", storage_service=service, load_data=2)


def repeat(*actions):
    """Do something again and again, until it raises."""
    wait_until(lambda: any(action() for action in actions))  # none of them returns anything


def accept_and_stop(mode, outcomes):
    for outcome in outcomes:
        mode.accept(outcome)
    mode.stop()


@BOTH
def test_a_killed_writer_is_noticed_and_finished_runs_are_named(service, active, mode_class):
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    mode.accept(store_run(mode, traj, 3))
    os.kill(writer_pid(), signal.SIGKILL)
    with pytest.raises(NotStoredError, match="SIGKILL") as caught:
        repeat(mode.check)
    assert caught.value.runs in ((3,), ())
    with pytest.raises(NotStoredError, match="gone"):
        store_run(mode, traj, 4)
    with pytest.raises(RuntimeError, match="was killed by SIGKILL"):
        mode.stop()


@BOTH
def test_a_worker_that_is_killed_while_it_sends_is_no_harm(service, active, mode_class):
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    os.kill(writer_pid(), signal.SIGSTOP)
    # With QUEUE some arrays have room in memory that both sides share.
    worker = in_worker(
        mode, traj, range(2, RUNS), np.random.default_rng(1).standard_normal(1 << 20)
    )
    try:
        wait_until(lambda: is_blocked(worker))
        worker.join(1.0)  # it has far more to send than fits into any buffer
        is_waiting = worker.exitcode is None
    finally:
        worker.kill()
        worker.join(DEADLINE_SECONDS)
        os.kill(writer_pid(), signal.SIGCONT)
    assert is_waiting, "it should have been waiting for the writer"
    others = [in_worker(mode, traj, [index], index) for index in (0, 1)]
    for other in others:
        other.join(DEADLINE_SECONDS)
        assert other.exitcode == 0
    mode.stop()
    assert loaded(service).f_get("results.runs.run_00000001.z").f_get() == 1


@BOTH
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_do_not_end_the_writer_before_its_time(service, active, mode_class, number):
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    store_run(mode, traj, 0, 1)
    os.kill(writer_pid(), number)
    store_run(mode, traj, 1, 2)
    mode.stop()
    assert loaded(service).f_get("results.runs.run_00000001.z").f_get() == 2


@BOTH
def test_what_cannot_be_stored_is_reported_with_run_and_cause(tmp_path, active, mode_class):
    service = FullDisk(filename=str(tmp_path / "data.hdf5"))
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    outcomes = [store_run(mode, traj, index, index) for index in (1, 2, 3)]
    with pytest.raises(NotStoredError, match="No space left on device") as caught:
        accept_and_stop(mode, outcomes)
    assert caught.value.runs == (2,)
    assert "run_00000002.z" in str(caught.value)
    mode.stop()
    there = loaded(service)
    assert there.f_get("results.runs.run_00000003.z").f_get() == 3
    assert not there.f_contains("results.runs.run_00000002.z")


@BOTH
def test_a_failure_that_is_known_fails_its_run(tmp_path, active, mode_class):
    service = FullDisk(filename=str(tmp_path / "data.hdf5"))
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    outcome = store_run(mode, traj, 2)
    with pytest.raises(NotStoredError, match="run 2"):
        repeat(mode.check, lambda: mode.accept(outcome))
    mode.stop()


def test_errors_come_home_with_local(tmp_path, active):
    service = FullDisk(filename=str(tmp_path / "data.hdf5"))
    traj = sample_trajectory(service)
    mode = active(LocalWrapMode, service)
    traj.v_storage_service = mode.worker_service()
    outcomes = []
    for index in (2, 3):
        outcome = store_run(mode, traj, index, index)
        outcomes.append(outcome._replace(payload=mode.collect(traj)))
    assert mode.collect(traj) is None
    with pytest.raises(NotStoredError, match=r"run 2.*No space left on device") as caught:
        mode.accept(outcomes[0])
    assert caught.value.runs == (2,)
    mode.accept(outcomes[1])
    assert loaded(service).f_get("results.runs.run_00000003.z").f_get() == 3


@pytest.mark.parametrize("mode_class", [QueueWrapMode, PipeWrapMode, LocalWrapMode])
def test_large_items_arrive(service, active, mode_class):
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    large = np.tile(np.arange(1000.0), 3000)
    assert large.nbytes > 20_000_000
    outcome = store_run(mode, traj, 0, large)
    traj.v_storage_service = mode.worker_service()
    mode.accept(outcome._replace(payload=mode.collect(traj)))
    mode.stop()
    np.testing.assert_array_equal(
        loaded(service).f_get("results.runs.run_00000000.z").f_get(), large
    )


@pytest.mark.parametrize("mode_class", [QueueWrapMode, PipeWrapMode, LocalWrapMode])
def test_what_is_changed_after_storing_is_not_stored(service, active, mode_class):
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    traj.v_storage_service = mode.worker_service()
    traj.f_set_crun(0)
    traj.f_start_run()
    values = np.arange(10)
    traj.f_add_result("z", values)
    traj.f_store()
    values[:] = -1
    mode.accept(Outcome(0, None, 0.0, 0.0, None, mode.collect(traj)))
    traj.f_finalize_run(store_meta_data=False)
    mode.stop()
    there = loaded(service).f_get("results.runs.run_00000000.z").f_get()
    np.testing.assert_array_equal(there, np.arange(10))


def test_garbage_is_collected_at_the_interval(service, active, caplog):
    traj = sample_trajectory(service)
    mode = active(LocalWrapMode, service, gc_interval=2)
    with caplog.at_level(logging.DEBUG):
        for index in range(4):
            outcome = store_run(mode, traj, index)
            traj.v_storage_service = mode.worker_service()
            mode.accept(outcome._replace(payload=mode.collect(traj)))
    told = [record.message for record in caplog.records if "garbage" in record.message]
    assert told == [
        "Collecting garbage after 0 operations",
        "Collecting garbage after 2 operations",
    ]


def test_strangers_are_turned_away(service, active):
    traj = sample_trajectory(service)
    mode = active(QueueWrapMode, service)
    state = pickle.loads(pickle.dumps(mode.worker_service())).queue.__dict__
    stranger = socket.socket(state["_family"], socket.SOCK_STREAM)
    stranger.settimeout(DEADLINE_SECONDS)
    stranger.connect(state["_address"])
    with stranger:
        stranger.sendall(b"x" * 32)
        assert stranger.recv(1) == b""
    store_run(mode, traj, 0, 5)
    mode.stop()
    assert loaded(service).f_get("results.runs.run_00000000.z").f_get() == 5


def test_pipe_needs_fork(service):
    with pytest.raises(ValueError, match="start_method"):
        PipeWrapMode(OPTIONS).start(service, multiprocessing.get_context("spawn"))


SCRIPT = """
import multiprocessing, os, signal, sys
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.testing.wrap_modes import OPTIONS
from pypet.wrap_modes.{mode} import {class_name}

mode = {class_name}(OPTIONS)
mode.start(HDF5StorageService(filename=sys.argv[1]), multiprocessing.get_context("fork"))
print(multiprocessing.active_children()[0].pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@BOTH
def test_the_writer_ends_when_the_main_process_is_killed(tmp_path, mode_class):
    script = SCRIPT.format(mode=mode_class.name.lower(), class_name=mode_class.__name__)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "data.hdf5")],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    writer = int(done.stdout)
    try:
        wait_until(lambda: has_ended(writer))
    except AssertionError:
        os.kill(writer, signal.SIGKILL)
        raise


@BOTH
def test_a_writer_needs_no_selector_that_knows_pipes(service, active, mode_class, monkeypatch):
    monkeypatch.setattr("pypet.wrap_modes._local.writer.SELECTS_ALL", False)
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    for index in range(4):
        mode.accept(store_run(mode, traj, index, index))
        mode.check()
    mode.stop()
    assert loaded(service).f_get("results.runs.run_00000003.z").f_get() == 3


# ----- rows of the run table ------------------------------------------------------------------


def completed_rows(service):
    there = loaded(service)
    return [index for index in range(RUNS) if there.f_is_completed(index)]


@pytest.mark.parametrize("mode_class", [QueueWrapMode, PipeWrapMode, LockWrapMode, LocalWrapMode])
def test_rows_of_finished_runs_are_stored_while_the_mode_is_active(service, active, mode_class):
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    for index in (0, 1):
        outcome = store_run(mode, traj, index, index)
        mode.accept(outcome._replace(payload=mode.collect(traj)))
    wait_until(lambda: mode.store_run_table(traj))
    assert not run_table_of(traj).columns.changed.any()
    mode.stop()
    assert mode.has_stored_run_table
    assert completed_rows(service) == [0, 1]


def messages_of(traj, service, index):
    """Return what a run stores on its way, as a worker sends it."""
    mode = LocalWrapMode(OPTIONS)
    mode.start(service, FORK)
    store_run(mode, traj, index, index)
    payload = mode.collect(traj)
    traj.v_storage_service = service
    return [messages.load(each) for group in payload.values() for each in group]


def test_no_row_is_stored_of_a_run_whose_data_was_not(tmp_path):
    service = FullDisk(filename=str(tmp_path / "data.hdf5"))
    traj = sample_trajectory(service)
    store = StorageSink(service, None)
    for index in (1, 2, 3):
        for message in messages_of(traj, service, index):
            store.store(message)
    prepared = service.prepare("TRAJECTORY", traj, trajectory_name=traj.v_name, only_init=True)
    rows = self_contained_rows(prepared.request)
    assert rows.operations[0].runs.idx.tolist() == [1, 2, 3]
    store.store_rows(rows, known_failures=0)
    store.flush_if_due(idle=True)
    store.close()
    assert [failure.run for failure in store.failures] == [2]
    assert completed_rows(service) == [1, 3]
    store.store_rows(rows, known_failures=1)  # the run was tried again since
    store.close()
    assert completed_rows(service) == [1, 2, 3]


@BOTH
def test_a_run_that_is_lost_late_does_not_end_the_others(tmp_path, active, mode_class):
    service = FullDisk(filename=str(tmp_path / "data.hdf5"))
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    for index in (1, 2, 3):
        mode.accept(store_run(mode, traj, index, index))
    with pytest.raises(NotStoredError) as caught:
        repeat(mode.check)
    assert caught.value.runs == (2,)
    assert not caught.value.is_final
    mode.check()  # it is told once
    mode.stop()


@BOTH
def test_rows_that_a_killed_writer_had_are_not_taken_for_stored(service, active, mode_class):
    traj = sample_trajectory(service)
    mode = active(mode_class, service)
    mode.accept(store_run(mode, traj, 3))
    os.kill(writer_pid(), signal.SIGSTOP)
    mode._writer._asked or mode.store_run_table(traj)
    os.kill(writer_pid(), signal.SIGKILL)
    with pytest.raises(NotStoredError, match="SIGKILL") as caught:
        mode.stop()
    assert caught.value.is_final
    assert caught.value.runs == (3,)
