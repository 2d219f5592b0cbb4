"""Processes of runs share a connection to the writer, one after the other."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import numpy as np
import pytest

from pypet import Environment, load_trajectory
from pypet.wrap_modes._local import framing

pytest.importorskip("h5py")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

RUNS = 8
DEADLY = 3


def store_much(traj):
    traj.f_add_result("z", np.full(20_000, traj.x))


def store_from_elsewhere(traj):
    """Store in a process of this one, which is not the one that may inherit."""
    child = multiprocessing.get_context("fork").Process(target=store_much, args=(traj,))
    child.start()
    child.join()
    traj.f_add_result("y", traj.x)


def leave_a_thread_behind(traj):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    store_much(traj)


def experiment(folder, function, **options):
    env = Environment(
        trajectory="t",
        filename=str(folder / "runs.hdf5"),
        multiproc=True,
        ncores=2,
        wrap_mode="QUEUE",
        log_config=None,
        report_progress=False,
        **options,
    )
    with env:
        traj = env.trajectory
        traj.f_add_parameter("x", 0.0)
        traj.f_explore({"x": [float(index) for index in range(RUNS)]})
        env.run(function)
    return load_trajectory(name="t", filename=str(folder / "runs.hdf5"), load_data=2)


def test_half_a_message_of_a_killed_run_spoils_no_other(tmp_path, monkeypatch):
    send = framing.send
    main = os.getpid()

    def send_half_and_die(connection, number, pieces):
        name = f"run_{DEADLY:08d}".encode()
        if os.getpid() != main and any(name in bytes(piece) for piece in pieces):
            connection.sendall(b"".join(framing.encode(number, pieces))[:-100])
            os.kill(os.getpid(), signal.SIGKILL)
        send(connection, number, pieces)

    monkeypatch.setattr(framing, "send", send_half_and_die)
    traj = experiment(tmp_path, store_much, on_error="continue")
    assert [index for index in range(RUNS) if not traj.f_is_completed(index)] == [DEADLY]
    for index in set(range(RUNS)) - {DEADLY}:
        assert traj.f_get(f"results.runs.run_{index:08d}.z").f_get()[-1] == index


@pytest.mark.parametrize("function", [store_much, leave_a_thread_behind])
def test_every_run_is_stored(tmp_path, function):
    traj = experiment(tmp_path, function)
    assert traj.f_is_completed()
    for index in range(RUNS):
        assert traj.f_get(f"results.runs.run_{index:08d}.z").f_get()[-1] == index


def test_processes_of_a_run_do_not_disturb_it(tmp_path):
    traj = experiment(tmp_path, store_from_elsewhere)
    assert traj.f_is_completed()
    for index in range(RUNS):
        assert traj.f_get(f"results.runs.run_{index:08d}.y").f_get() == index
