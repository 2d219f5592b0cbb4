"""The lock of wrap mode NETLOCK: who gets it, who loses it, and who is told."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from pypet import Environment, LeaseLostError, NotStoredError, load_trajectory
from pypet.support.leases import check_leases
from tests.processes import DEADLINE_SECONDS, has_ended, wait_until

pytest.importorskip("zmq")
pytest.importorskip("h5py")

from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.wrap_modes.netlock import NetLockWrapMode
from pypet.wrap_modes.netlock.lock_table import CONTACT_SECONDS, GRACE_SECONDS, Claim, LockTable

A, B, C = (Claim(name, 1) for name in (b"a", b"b", b"c"))
SILENCE = CONTACT_SECONDS + GRACE_SECONDS


# ----- the rules -----------------------------------------------------------------------------


def test_the_lock_is_given_in_the_order_of_asking():
    table = LockTable()
    assert table.acquire(A, 0)
    assert not table.acquire(B, 1)
    assert not table.acquire(C, 2)
    assert table.release(A)
    assert table.next_owner(3) == B
    assert table.release(B)
    assert table.next_owner(4) == C


def test_questions_that_are_repeated_change_nothing():
    table = LockTable()
    assert table.acquire(A, 0)
    assert table.acquire(A, 1)
    assert not table.acquire(B, 1)
    assert not table.acquire(B, 1)
    assert table.release(A)
    assert table.release(A)
    assert not table.acquire(A, 2)  # it comes late
    assert table.next_owner(2) == B
    assert table.release(B)
    assert table.next_owner(3) is None


def test_nobody_releases_the_lock_of_another():
    table = LockTable()
    table.acquire(A, 0)
    assert not table.release(B)
    assert not table.release(Claim(A.session, 2))
    assert table.owner == A


def test_an_owner_that_forgot_its_lock_gets_it_anew():
    table = LockTable()
    table.acquire(A, 0)
    assert table.acquire(Claim(A.session, 2), 1)
    assert not table.release(A)


def test_an_owner_out_of_reach_keeps_the_lock_as_long_as_it_may_write_without_asking():
    table = LockTable()
    table.acquire(A, 0)
    assert table.lease(0) == CONTACT_SECONDS
    table.acquire(B, 1)
    assert table.take_away(SILENCE - 0.1, is_reachable=False) is None
    assert table.renew(A, 3)
    assert table.take_away(SILENCE, is_reachable=False) is None
    assert table.take_away(100, is_reachable=True) is None
    assert table.take_away(3 + SILENCE, is_reachable=False) == A
    assert table.next_owner(10) == B
    assert not table.renew(A, 11)
    assert not table.release(A)


def test_a_dead_owner_keeps_the_lock_if_nobody_wants_it():
    table = LockTable()
    table.acquire(A, 0)
    assert table.take_away(100, is_reachable=False) is None
    assert table.renew(A, 101)


def test_with_a_timeout_the_lock_passes_to_who_waits():
    table = LockTable(timeout=2.0)
    table.acquire(A, 0)
    assert table.lease(0.5) == 1.5
    assert table.renew(A, 5)  # nobody waits: it has it anew
    assert table.lease(5) == 2.0
    table.acquire(B, 6)
    assert table.renew(A, 6.5)
    assert table.take_away(6.9, is_reachable=True) is None
    assert table.take_away(7.0, is_reachable=True) == A
    assert table.next_owner(7.0) == B
    assert not table.renew(A, 7.1)


# ----- over the network ----------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path):
    """A function that starts the mode with options and returns its lock."""
    modes = []

    def start(**options):
        service = HDF5StorageService(filename=str(tmp_path / "data.hdf5"))
        mode = NetLockWrapMode({"ncores": 2, **options})
        mode.start(service, multiprocessing.get_context())
        modes.append(mode)
        return mode.worker_service().lock

    yield start
    for mode in modes:
        mode.stop()
        mode.wait_closed()


def hold(lock, connection, how):
    lock.acquire()
    connection.send("has it")
    connection.recv()
    if how == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        check_leases()
        connection.send("may write")
    except LeaseLostError as error:
        connection.send(str(error))
    try:
        lock.release()
        connection.send("released")
    except LeaseLostError as error:
        connection.send(str(error))


@pytest.fixture
def holder():
    """A function that starts a process which takes a lock; returns process and connection."""
    started = []

    def start(lock, how):
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=hold, args=(lock, theirs, how))
        process.start()
        theirs.close()
        started.append((process, ours))
        assert ours.poll(DEADLINE_SECONDS)
        assert ours.recv() == "has it"
        return process, ours

    yield start
    for process, ours in started:
        process.join(DEADLINE_SECONDS)
        ours.close()


def test_a_second_process_waits_until_the_lock_is_free(shared, holder):
    lock = shared()
    _, other = holder(lock, "works")
    other.send("go on")
    assert other.recv() == "may write"
    assert other.recv() == "released"
    assert lock.acquire()
    lock.release()


def test_who_has_the_lock_may_acquire_it_again(shared, holder):
    lock = shared()
    assert lock.acquire()
    assert lock.acquire()
    lock.release()
    check_leases()
    lock.release()
    _, other = holder(lock, "works")
    other.send("go on")
    assert [other.recv(), other.recv()] == ["may write", "released"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the platform has no SIGKILL")
def test_the_lock_of_a_process_that_is_killed_becomes_free(shared, holder):
    lock = shared()
    process, other = holder(lock, "dies")
    other.send("go on")
    process.join(DEADLINE_SECONDS)
    assert process.exitcode == -signal.SIGKILL
    assert lock.acquire()
    check_leases()
    lock.release()


def test_who_had_the_lock_for_too_long_may_not_write(shared, holder):
    lock = shared(timeout=0.5)
    _, other = holder(lock, "works")
    assert lock.acquire()  # although the other one never gave it back
    other.send("go on")
    assert "has passed to another process" in other.recv()
    assert "was taken from this process" in other.recv()
    check_leases()
    lock.release()


def test_without_a_server_nobody_gets_the_lock(shared, monkeypatch):
    from pypet.wrap_modes.netlock import network_lock

    monkeypatch.setattr(network_lock, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(network_lock, "RECONNECT_SECONDS", 0.2)
    lock = shared(port=None)
    mode = NetLockWrapMode({})
    mode.start(HDF5StorageService(filename="unused.hdf5"), multiprocessing.get_context())
    stale = mode.worker_service().lock
    mode.stop()
    mode.wait_closed()
    with pytest.raises(LeaseLostError, match="out of reach"):
        stale.acquire()
    assert lock.acquire()
    lock.release()


# ----- experiments ---------------------------------------------------------------------------


def die_with_the_lock(traj):
    if traj.x == 1:
        traj.v_storage_service.acquire_lock()
        os.kill(os.getpid(), signal.SIGKILL)
    traj.f_add_result("z", traj.x)


def settings(env):
    leaves = env.traj.f_get("config.environment").f_iter_leaves()
    return {leaf.v_name: leaf.f_get() for leaf in leaves}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the platform has no SIGKILL")
def test_a_run_that_dies_with_the_lock_costs_no_other_run(tmp_path):
    filename = str(tmp_path / "data.hdf5")
    with Environment(
        "deadly",
        filename=filename,
        multiproc=True,
        use_pool=True,
        ncores=2,
        wrap_mode="NETLOCK",
        timeout=100.0,
        on_error="continue",
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": list(range(5))})
        results = env.run(die_with_the_lock)
    assert [index for index, _ in results] == [0, 2, 3, 4]
    assert settings(env)["timeout"] == 100.0
    loaded = load_trajectory("deadly", filename=filename, load_data=1)
    done = [loaded.f_get_run_information(run)["completed"] for run in range(5)]
    assert done == [1, 0, 1, 1, 1]


def wait_and_store(traj):
    time.sleep(0.2)
    traj.f_add_result("z", traj.x)


def kill_server():
    """Kill the server of the experiment that is running, once it is there."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        names = {child.name: child for child in multiprocessing.active_children()}
        for name in ("LockServer", "QueuingServerProcess"):
            if name in names and len(names) > 1:
                os.kill(names[name].pid, signal.SIGKILL)
                return
        time.sleep(0.05)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the platform has no SIGKILL")
@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_an_experiment_whose_server_is_killed_ends_with_an_error(tmp_path, mode):
    filename = str(tmp_path / "data.hdf5")
    with Environment(
        "orphaned",
        filename=filename,
        multiproc=True,
        use_pool=True,
        ncores=2,
        wrap_mode=mode,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": list(range(200))})
        killer = threading.Thread(target=kill_server)
        killer.start()
        with pytest.raises(NotStoredError, match=f"wrap_mode='{mode}' was killed by SIGKILL"):
            env.run(wait_and_store)
        killer.join()
    loaded = load_trajectory("orphaned", filename=filename, load_data=2)
    completed = [each["completed"] for each in loaded.f_get_run_information().values()]
    assert len(completed) == 200
    assert sum(completed) < 200


MAIN = """
import multiprocessing, sys, time
from pypet import HDF5StorageService, MultiprocContext, Trajectory
service = HDF5StorageService(filename=sys.argv[2])
with MultiprocContext(Trajectory("own", storage_service=service), sys.argv[1]):
    (server,) = multiprocessing.active_children()
    print(server.pid, flush=True)
    time.sleep(1000)
"""


@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_a_server_ends_with_a_main_process_that_is_killed(tmp_path, mode):
    command = [sys.executable, "-c", MAIN, mode, str(tmp_path / "data.hdf5")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as main:
        server = int(main.stdout.readline())
        main.kill()
    wait_until(lambda: has_ended(server))
