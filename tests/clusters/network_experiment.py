"""An experiment over several hosts, as a script: ``head`` on one of them, a ``worker`` on others.

    network_experiment.py head FOLDER MODE RUNS TIMEOUT
    network_experiment.py worker FOLDER NAME RUNS SECONDS RECONNECT_SECONDS

The head shares its trajectory by a file that only its user can read, and ends when there is a file
``end``. A worker executes some runs, a list like ``[0, 2]``, with a pause after each, and notes in
files what was stored and what was not. A worker with the name ``dies`` kills itself in its third
run, with the lock if there is one; one with the name ``stops`` stops itself in the same way. One
with the name ``torn-log`` or ``torn-changes`` is killed within the commit of its third run.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import sys
import time
from pathlib import Path

import numpy as np

from pypet import HDF5StorageService, MultiprocContext, Trajectory

PORT = "tcp://10.78.0.1"


def wait_for(path):
    while not path.exists():
        time.sleep(0.02)


def write(path, content, mode=0o600):
    """Write a file that is there as a whole or not at all."""
    hidden = path.with_name(f".{path.name}")
    descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
    hidden.rename(path)


def head(folder, mode, runs, timeout):
    service = HDF5StorageService(filename=str(folder / "data.hdf5"))
    traj = Trajectory("hosts", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": list(range(int(runs)))})
    traj.f_store()
    seconds = None if timeout == "none" else float(timeout)
    context = MultiprocContext(traj, mode, full_copy=True, port=PORT, timeout=seconds)
    context.start()
    (server,) = multiprocessing.active_children()
    write(folder / "server", str(server.pid).encode())
    part = context.lock if mode == "NETLOCK" else context.queue
    write(folder / "url", part.url.encode())
    write(folder / "task", pickle.dumps(traj))
    wait_for(folder / "end")
    told = {"error": "", "runs": []}
    try:
        context.finalize()
    except RuntimeError as error:
        told = {"error": str(error), "runs": list(getattr(error, "runs", ()))}
    write(folder / "told", json.dumps(told).encode())


def worker(folder, name, runs, seconds, reconnect_seconds):
    from pypet.wrap_modes.netlock import network_lock
    from pypet.wrap_modes.netqueue import channel

    # A shorter patience than that of users keeps the tests short.
    network_lock.RECONNECT_SECONDS = channel.RECONNECT_SECONDS = float(reconnect_seconds)
    wait_for(folder / "task")
    traj = pickle.loads((folder / "task").read_bytes())
    done = (folder / f"{name}.done").open("a", buffering=1)
    failed = (folder / f"{name}.failed").open("a", buffering=1)
    for number, index in enumerate(json.loads(runs)):
        if number == 2 and name in ("dies", "stops"):
            if hasattr(traj.v_storage_service, "acquire_lock"):
                traj.v_storage_service.acquire_lock()
            write(folder / f"{name}.pid", str(os.getpid()).encode())
            os.kill(os.getpid(), signal.SIGKILL if name == "dies" else signal.SIGSTOP)
        if number == 2 and name.startswith("torn-"):
            tear(name.removeprefix("torn-"))
        traj.f_set_crun(index)
        traj.f_start_run()
        traj.f_add_result("z", np.full(1000, index))
        try:
            traj.f_store()
            done.write(f"{index}\n")
        except Exception as error:
            failed.write(f"{index} {type(error).__name__}: {error}\n")
        traj.f_finalize_run(store_meta_data=False, clean_up=True)
        time.sleep(float(seconds))
    write(folder / f"{name}.ended", b"")


def tear(part):
    """Let this process be killed within its next commit, when it has written half of the redo log
    (``part`` is ``"log"``) or, with the log being whole, half of the first changes."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from pypet.storage_backends.hdf5.files import transactional_file
    from tests.faults.kills import MAIN, FailPoint

    point = FailPoint(MAIN, 1, half=True)
    write_log = transactional_file.write_log

    def torn(*arguments):
        if part == "log":
            point.install()
        write_log(*arguments)
        point.install()

    transactional_file.write_log = torn


if __name__ == "__main__":
    {"head": head, "worker": worker}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
