"""Kill processes in the middle of storing, and look at what is left.

    python tests/faults/kills.py [--rounds 200] [--seed 1]

Each round executes one scenario in a process of its own and kills a process of it in a system call
that changes the file: before it, or when half of the bytes are written. A scenario is first
executed without a kill to count these calls, and the rounds go through all of them evenly, so
that each window is found by its place and not by luck. Then the file is opened as a user
would. Prints what was found and ends with 1 if a trajectory could not be loaded or said
something that is not true.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import h5py

from pypet import Environment, cartesian_product, load_trajectory
from pypet.cli.app import main as command_line

NAME = "t"
FIRST_RUNS, MORE_RUNS = 30, 10
CALLS = ("pwrite", "pwritev", "ftruncate", "fsync")
TIMEOUT_SECONDS = 120
MAIN, HELPER = "main", "helper"


# ----- scenarios, executed in a process of their own -------------------------------------------


def multiply(traj: Any) -> float:
    """Store what can be computed again from the index of the run."""
    traj.f_add_result("z", traj.x * 10.0, comment="ten times x")
    traj.f_add_result("group.text", f"run {traj.v_idx}", numbers=[traj.v_idx] * 3)
    return float(traj.x)


def environment(path: Path, name: str = NAME, **options: Any) -> Environment:
    """Return a new experiment with `FIRST_RUNS` runs to come."""
    options = {"log_config": None, "report_progress": False, "git_repository": None, **options}
    env = Environment(name, filename=str(path), **options)
    traj = env.trajectory
    traj.f_add_parameter("x", 0.0, comment="a number")
    traj.f_add_parameter("sub.y", 1, comment="another one")
    traj.f_explore(cartesian_product({"x": [float(run) for run in range(FIRST_RUNS)]}))
    return env


def experiment(path: Path, **options: Any) -> None:
    """Execute a whole experiment."""
    environment(path, **options).run(multiply)


def serial(path: Path) -> None:
    """One core."""
    experiment(path)


def pooled(mode: str) -> Any:
    """Return an experiment with two workers."""

    def execute(path: Path) -> None:
        experiment(path, multiproc=True, ncores=2, use_pool=True, wrap_mode=mode)

    return execute


def prepare(path: Path) -> None:
    """Make a file with a finished experiment."""
    experiment(path)


def expand(path: Path) -> None:
    """Load a finished experiment, add runs, and execute them."""
    env = Environment(
        load_trajectory(NAME, filename=str(path), load_data=2),
        log_config=None,
        report_progress=False,
    )
    more = [float(FIRST_RUNS + run) for run in range(MORE_RUNS)]
    env.trajectory.f_expand({"x": more})
    env.trajectory.f_store()
    env.run(multiply)


def store_loaded(path: Path) -> None:
    """Load a finished experiment, change it, and store it."""
    traj = load_trajectory(NAME, filename=str(path), load_data=2)
    traj.f_add_result("summary.total", sum(range(FIRST_RUNS)), comment="of all runs")
    traj.v_annotations.note = "changed"
    parameter = traj.f_get("sub.y")
    parameter.f_unlock()
    parameter.f_set(2)
    traj.f_store(store_data=3)


def prepare_two(path: Path) -> None:
    """Make a file with two finished experiments."""
    experiment(path)
    environment(path, "other").run(multiply)


def merge(path: Path) -> None:
    """Merge one trajectory of a file into another one."""
    traj = load_trajectory(NAME, filename=str(path), load_data=1)
    other = load_trajectory("other", filename=str(path), load_data=1)
    traj.f_merge(other, backup=False)


class Scenario(NamedTuple):
    """What is done, before and while a process is killed."""

    execute: Any
    prepare: Any = None
    role: str = MAIN
    """Which process is killed."""


SCENARIOS = {
    "serial": Scenario(serial),
    "pool, LOCK": Scenario(pooled("LOCK")),
    "pool, LOCK, worker": Scenario(pooled("LOCK"), role=HELPER),
    "pool, LOCAL": Scenario(pooled("LOCAL")),
    "pool, QUEUE": Scenario(pooled("QUEUE")),
    "pool, QUEUE, writer": Scenario(pooled("QUEUE"), role=HELPER),
    "pool, PIPE, writer": Scenario(pooled("PIPE"), role=HELPER),
    "expand": Scenario(expand, prepare),
    "store": Scenario(store_loaded, prepare),
    "merge": Scenario(merge, prepare_two),
}


# ----- in the process that is killed -----------------------------------------------------------


class FailPoint:
    """Counts system calls that change files, and kills the process in one of them."""

    def __init__(self, role: str, at: int | None, half: bool) -> None:
        self.main = os.getpid()
        self.role = role
        self.at = at
        self.half = half
        self.process = 0
        self.count = 0
        self.calls = {name: getattr(os, name) for name in CALLS}

    def install(self) -> None:
        """Put it before the calls."""
        for name in CALLS:
            setattr(os, name, self._counting(name))

    def _counting(self, name: str) -> Any:
        call = self.calls[name]

        def counted(descriptor: int, *args: Any) -> Any:
            process = os.getpid()
            if (MAIN if process == self.main else HELPER) != self.role:
                return call(descriptor, *args)
            if process != self.process:
                self.process, self.count = process, 0
            self.count += 1
            if self.count == self.at:
                if self.half and name.startswith("pwrite"):
                    content = args[0] if name == "pwrite" else b"".join(args[0])
                    self.calls["pwrite"](descriptor, bytes(content)[: len(content) // 2], args[1])
                os.kill(process, signal.SIGKILL)
            return call(descriptor, *args)

        return counted


def execute_scenario(name: str, path: Path, at: int | None, half: bool) -> None:
    """Execute a scenario with a fail point; print how many calls there were."""
    point = FailPoint(SCENARIOS[name].role, at, half)
    point.install()
    with contextlib.suppress(Exception) if point.role == HELPER else contextlib.nullcontext():
        SCENARIOS[name].execute(path)
    print(point.count, flush=True)


def run_scenario(name: str, folder: Path, at: int | None = None, half: bool = False) -> int:
    """Execute a scenario in a process of its own; return how many calls its main process made."""
    command = [sys.executable, __file__, "--execute", name, str(folder)]
    options = ["--at", str(at)] if at is not None else []
    with subprocess.Popen(
        [*command, *options, *(["--half"] if half else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    if at is None and process.returncode:
        raise RuntimeError(f"{name} fails without a kill: {errors}")
    lines = output.split()
    return int(lines[-1]) if lines else 0


# ----- what is left ----------------------------------------------------------------------------


def read_everything(path: Path) -> None:
    """Read all that is in the file with h5py, so that damage anywhere is an error."""
    with h5py.File(path, "r") as file:

        def read(name: str, node: Any) -> None:
            for key in node.attrs:
                node.attrs[key]
            if isinstance(node, h5py.Dataset):
                node[()]

        file.visititems(read)


def faults_of(path: Path, name: str) -> list[str]:
    """Return what is wrong with a file after a kill."""
    if not path.exists() or not path.stat().st_size:
        return [] if SCENARIOS[name].prepare is None else ["the file is gone"]
    try:
        lies = lies_of(path, name)
        read_everything(path)
        with contextlib.redirect_stdout(io.StringIO()):
            commands = [["show", str(path)]]
            with h5py.File(path, "r") as file:
                commands += [["show", str(path), NAME]] * (NAME in file)
            faults = [f"pypet {' '.join(each)} fails" for each in commands if command_line(each)]
    except Exception as error:
        return [f"unloadable: {type(error).__name__}: {error}"]
    return faults + lies


def lies_of(path: Path, name: str) -> list[str]:
    """Return what the trajectory says that is not so."""
    before = SCENARIOS[name].prepare is not None
    with h5py.File(path, "r") as file:
        if NAME not in file:
            return ["the trajectory is gone"] if before else []
    load_trajectory(NAME, filename=str(path), with_run_information=False)
    traj = load_trajectory(NAME, filename=str(path), load_data=2)
    completed = [index for index in range(len(traj)) if traj.f_is_completed(index)]
    lies = []
    if before and completed[:FIRST_RUNS] != list(range(FIRST_RUNS)):
        lies.append(f"only runs {completed} are completed, of {FIRST_RUNS} that were before")
    for index in completed:
        traj.f_set_crun(traj.f_idx_to_run(index))
        try:
            found = (traj.crun.z, traj.crun.group.text.text, traj.crun.group.text.numbers)
        except Exception as error:
            lies.append(f"run {index} is said to be completed: {type(error).__name__}: {error}")
            continue
        own = index % FIRST_RUNS if name == "merge" else index
        if found != (own * 10.0, f"run {own}", [own] * 3):
            lies.append(f"run {index} has {found}")
    traj.f_restore_default()
    if before and traj.f_get("sub.y", fast_access=True) not in (
        (1, 2) if name == "store" else (1,)
    ):
        lies.append("a parameter has another value")
    return lies


# ----- rounds ----------------------------------------------------------------------------------


def counted_calls(name: str, folder: Path) -> int:
    """Return in how many calls a process can be killed."""
    if SCENARIOS[name].role == HELPER:
        return 40  # of processes that cannot tell; later ones are not reached, which is no fault
    prepared(name, folder)
    return run_scenario(name, folder)


def prepared(name: str, folder: Path) -> Path:
    """Return the file of a scenario, as it is before."""
    path = folder / "data.hdf5"
    prepare = SCENARIOS[name].prepare
    if prepare is not None:
        template = folder.parent / f"{prepare.__name__}.hdf5"
        if not template.exists():
            prepare(template)
        path.write_bytes(template.read_bytes())
    return path


def rounds_of(
    names: list[str], rounds: int, folder: Path, seed: int
) -> list[tuple[str, int, bool]]:
    """Return scenario, number of the call, and whether it is half done, for each round."""
    rng = random.Random(seed)
    per_scenario = -(-rounds // len(names))
    chosen = []
    for name in names:
        place = folder / f"count {name}"
        place.mkdir()
        calls = counted_calls(name, place)
        step = max(1.0, calls / per_scenario)
        places = [
            min(calls, 1 + int(step * number + rng.random() * step))
            for number in range(min(per_scenario, calls))
        ]
        chosen += [(name, at, rng.random() < 0.5) for at in places]
    return chosen[:rounds] if len(chosen) > rounds else chosen


def kill_many(rounds: int, seed: int, names: list[str] | None = None) -> list[str]:
    """Kill processes in many places; return what was found wrong."""
    wrong, counts = [], Counter()
    with tempfile.TemporaryDirectory(prefix="pypet-kills-") as scratch:
        folder = Path(scratch)
        for number, (name, at, half) in enumerate(
            rounds_of(names or list(SCENARIOS), rounds, folder, seed)
        ):
            place = folder / str(number)
            place.mkdir()
            path = prepared(name, place)
            run_scenario(name, place, at, half)
            faults = faults_of(path, name)
            counts[name, not faults] += 1
            wrong += [f"{name}, call {at}{' (half)' if half else ''}: {fault}" for fault in faults]
    for name in names or SCENARIOS:
        print(f"{name:24} {counts[name, True]:4} sound {counts[name, False]:4} not")
    return wrong


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scenario", action="append", choices=list(SCENARIOS))
    parser.add_argument(
        "--execute", nargs=2, metavar=("SCENARIO", "FOLDER"), help=argparse.SUPPRESS
    )
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--half", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.execute:
        name, folder = arguments.execute
        os.chdir(folder)
        execute_scenario(name, Path(folder) / "data.hdf5", arguments.at, arguments.half)
        return 0
    wrong = kill_many(arguments.rounds, arguments.seed, arguments.scenario)
    print("\n".join(wrong) or "No trajectory was unloadable, and none said what is not so.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
