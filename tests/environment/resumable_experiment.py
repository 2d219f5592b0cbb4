"""A resumable experiment as a script, which kills itself where a test wants it, and is resumed.

    python resumable_experiment.py FOLDER '{"act": "run", "options": {...}, "kill": "main"}'

The folder gets the HDF5 file, the folder ``resume``, the file ``executed`` with a line for each
time that a run was executed, and ``returned.json`` in the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np

from pypet import Environment

NAME = "test"
RUNS, ALL_RUNS = 9, 12
"""At first, and after post-processing has expanded the trajectory."""
KILLED = 5
"""The run in which it happens; 10 is one that post-processing has added."""
DEADLINE_SECONDS = 60
WRITERS = ("QueueProcess", "PipeProcess", "QueuingServerProcess", "LockServer")
"""Names of the processes that store, or lock, for all runs."""


def simulate(traj, factor, *, folder, kill=None, at=KILLED):
    """Store small and large data, some of it early; be killed in one run, but only once."""
    with open(os.path.join(folder, "executed"), "a") as file:
        file.write(f"{traj.v_idx}\n")
    traj.f_add_derived_parameter("d", traj.x + 1)
    traj.f_add_result("early", traj.x, comment="stored before the end")
    traj.f_store_item("early")
    if traj.v_idx == at and kill is not None and not os.path.exists(os.path.join(folder, "killed")):
        wait_for_others(folder, at)
        Path(folder, "killed").touch()
        kill_process(kill)
    if traj.v_idx % 4 == 1:
        traj.f_add_result("large", np.full(40_000, traj.x))
    traj.f_add_result("group.z", factor * traj.x, text=f"run {traj.v_idx}")
    traj.f_add_result("random", float(traj.f_rng().random()))
    return traj.v_idx, factor * traj.x


def wait_for_others(folder, at):
    """Wait until all runs before this one were at least begun."""
    wait_until(lambda: len(set(Path(folder, "executed").read_text().split())) >= at)


def wait_until(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kill_process(which):
    """Kill a process of the experiment; never return, unless it is the writer."""
    if which == "worker":
        os.kill(os.getpid(), signal.SIGKILL)
    main = int(os.environ["RESUMABLE_MAIN"])
    if which == "group":
        os.killpg(main, signal.SIGKILL)
    if which == "main":
        os.kill(main, signal.SIGKILL)
        time.sleep(DEADLINE_SECONDS)
    if which == "writer":
        os.kill(int(Path(os.environ["RESUMABLE_WRITER"]).read_text()), signal.SIGKILL)
        return
    os.kill(main, getattr(signal, which))  # the name of a signal


def note_the_writer():
    """Write down the id of the process that stores for all others, when it is started."""
    start = BaseProcess.start

    def start_and_note(process):
        start(process)
        if process.name in WRITERS:
            Path(os.environ["RESUMABLE_WRITER"]).write_text(str(process.pid))

    BaseProcess.start = start_and_note


def summarise(traj, results, *, folder):
    """Store a sum, and expand the trajectory once, with other arguments for the new runs."""
    if len(traj) < ALL_RUNS:
        more = [float(index) for index in range(len(traj), ALL_RUNS)]
        return {"x": more}, (100.0,)
    traj.f_add_result("total", sum(value for _, (_, value) in results))
    return None


def experiment(folder, options, **kill):
    environment = Environment(
        NAME,
        filename=os.path.join(folder, "data.hdf5"),
        resume_folder=os.path.join(folder, "resume"),
        seed=7,
        log_config=None,
        report_progress=False,
        **{"resumable": True, **options},
    )
    environment.traj.f_add_parameter("x", 0.0, comment="explored")
    environment.traj.f_explore({"x": [float(index) for index in range(RUNS)]})
    environment.add_postprocessing(summarise, folder=folder)
    return environment.run(simulate, 10.0, folder=folder, **kill)


def resume(folder, options):
    environment = Environment(
        "another",
        resumable=True,
        resume_folder=os.path.join(folder, "resume"),
        filename=os.path.join(folder, "data.hdf5"),
        log_config=None,
        report_progress=False,
        **options,
    )
    return environment.resume(NAME)


def main():
    folder, choice = sys.argv[1], json.loads(sys.argv[2])
    os.environ["RESUMABLE_MAIN"] = str(os.getpid())
    os.environ["RESUMABLE_WRITER"] = os.path.join(folder, "writer")
    options = choice.get("options", {})
    if choice["act"] == "resume":
        returned = resume(folder, options)
    else:
        if choice.get("kill") == "writer":
            note_the_writer()
        kill = {name: choice[name] for name in ("kill", "at") if name in choice}
        returned = experiment(folder, options, **kill)
    Path(folder, "returned.json").write_text(json.dumps(returned))


if __name__ == "__main__":
    main()
