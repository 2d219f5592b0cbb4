"""Resumable experiments that are killed, and what is to be left of them.

Everything that a run stores can be computed again from its index.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pypet import Environment, cartesian_product, load_trajectory
from pypet.pypetconstants import OVERWRITE_DATA
from tests.faults.shim import mark

BEGUN = "a run is executed"
NAME, OTHER = "t", "other"
RESUME_FOLDER, FILE_NAME = "resume", "data.hdf5"
EXECUTED = "executed.txt"
"""The file in which each run notes that it is executed: index, process, time."""
ATTEMPT = "attempt"
"""The result of each run that tells which attempt at it that was."""


# ----- runs ------------------------------------------------------------------------------------


def note_execution(traj: Any, folder: str) -> str:
    """Append that a run is executed, in one system call, and add a result with the attempt.

    Returns what tells this attempt from others: all that is left of a run has to be of one.
    """
    mark(BEGUN)
    attempt = f"{os.getpid()} {time.time_ns()}"
    descriptor = os.open(os.path.join(folder, EXECUTED), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, f"{traj.v_idx} {attempt}\n".encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, EXECUTED) from error
    finally:
        os.close(descriptor)
    traj.f_add_result(ATTEMPT, attempt)
    return attempt


def executed(folder: Path) -> list[int]:
    """Return the indices of the runs that were executed, in their order."""
    path = folder / EXECUTED
    if not path.exists():
        return []
    return [int(line.split()[0]) for line in path.read_text().splitlines()]


def store_some(traj: Any, folder: str) -> tuple[str, float]:
    """Store some small results at the end of the run."""
    attempt = note_execution(traj, folder)
    time.sleep(0.002)
    traj.f_add_derived_parameter("next", traj.x + 1.0, comment="one more than x")
    traj.f_add_result("z", traj.x * 10.0, comment="ten times x")
    traj.f_add_result("group.text", f"run {traj.v_idx}", numbers=[traj.v_idx] * 3)
    return attempt, float(traj.x)


def store_early(traj: Any, folder: str) -> tuple[str, dict[str, Any]]:
    """Store before the run is over, overwrite and delete what was stored, and go on."""
    attempt = note_execution(traj, folder)
    first = traj.f_add_result("early.first", number=traj.x, other=np.full(700, traj.x))
    gone = traj.f_add_result("early.gone", traj.x)
    traj.f_store_items([first, gone])
    time.sleep(0.002)
    traj.f_delete_item(gone, remove_from_trajectory=True)
    first.f_set(number=traj.x + 0.5)
    traj.f_store_item(first, store_data=OVERWRITE_DATA)
    changed = traj.f_add_result("early.changed", kept=1, dropped=2)
    traj.f_store_item(changed)
    traj.f_delete_item(changed, delete_only=["dropped"], remove_from_item=True)
    traj.f_add_result("late", text=f"run {traj.v_idx}")
    return attempt, {"run": traj.v_idx, "values": np.arange(3) + traj.v_idx}


def store_large(traj: Any, folder: str) -> tuple[str, int]:
    """Store 8 MB, in every second run half of them before the run is over."""
    attempt = note_execution(traj, folder)
    first = traj.f_add_result("half", np.arange(500_000.0) + traj.x)
    if traj.v_idx % 2:
        traj.f_store_item(first)
    traj.f_add_result("rest", np.arange(500_000.0) * traj.x)
    return attempt, int(traj.v_idx)


def store_array(traj: Any, folder: str) -> tuple[str, int]:
    """Store 400 KB at the end of the run, which do not go into the journal where one stores."""
    attempt = note_execution(traj, folder)
    traj.f_add_result("array", np.arange(50_000.0) + traj.x)
    return attempt, int(traj.v_idx)


def store_given(traj: Any, number: int, folder: str) -> tuple[str, int]:
    """Store the argument of this run."""
    attempt = note_execution(traj, folder)
    traj.f_add_result("given", number, comment=f"{number} was given")
    return attempt, number


def expand(traj: Any, results: list[tuple[int, tuple[str, float]]], folder: str, step: int) -> Any:
    """Store something about the runs until now, and add more of them, twice."""
    values = [value for _, (_, value) in results]
    traj.f_add_result(f"summary.step_{step}", sum=sum(values), runs=[run for run, _ in results])
    if step == 2:
        return None
    first = len(traj)
    more = {"x": [float(first + run) for run in range(6)]}
    return more, (folder,), {}, (folder, step + 1)


# ----- experiments -----------------------------------------------------------------------------


class Mode(NamedTuple):
    """A scheduler and a wrap mode."""

    name: str
    options: dict[str, Any]

    @property
    def has_helpers(self) -> bool:
        """Whether there are processes beside the main one."""
        return bool(self.options)


def _modes() -> dict[str, Mode]:
    modes = [Mode("serial", {})]
    parallel = {"multiproc": True, "ncores": 2}
    for wrap_mode in ("LOCK", "QUEUE", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE"):
        options = {**parallel, "use_pool": True, "wrap_mode": wrap_mode}
        modes.append(Mode(f"pool, {wrap_mode}", options))
    for wrap_mode in ("LOCK", "QUEUE"):
        options = {**parallel, "use_pool": False, "wrap_mode": wrap_mode}
        modes.append(Mode(f"process, {wrap_mode}", options))
    return {mode.name: mode for mode in modes}


MODES = _modes()


class Workload(NamedTuple):
    """What the runs of an experiment do, and how many there are."""

    run: Callable[..., Any]
    length: int
    """Before any expansion."""
    expands: bool = False
    is_mapped: bool = False


SOME = Workload(store_some, 24)
EARLY = Workload(store_early, 16)
LARGE = Workload(store_large, 4)
ARRAYS = Workload(store_array, 12)
MAPPED = Workload(store_given, 24, is_mapped=True)
EXPANDING = Workload(store_some, 12, expands=True)


def make_environment(folder: Path, mode: Mode, name: str = NAME, **options: Any) -> Environment:
    """Return an environment that stores in a folder."""
    return Environment(
        name,
        filename=str(folder / FILE_NAME),
        log_config=None,
        report_progress=False,
        git_repository=None,
        **{**mode.options, **options},
    )


RESUMABLE = {"resumable": True, "resume_folder": RESUME_FOLDER}


def execute(workload: Workload, folder: Path, mode: Mode, **options: Any) -> list[Any]:
    """Execute a whole experiment; return what its runs returned."""
    env = make_environment(folder, mode, **options)
    add_parameters(env.trajectory, workload.length)
    if workload.expands:
        env.add_postprocessing(expand, str(folder), 0)
    if workload.is_mapped:
        numbers = [3 * run for run in range(workload.length)]
        return env.run_map(workload.run, numbers, [str(folder)] * workload.length)
    return env.run(workload.run, str(folder))


def resume(folder: Path, mode: Mode, **options: Any) -> list[Any]:
    """Resume the experiment in a folder; return what its runs returned."""
    options = {**RESUMABLE, **options}
    return make_environment(folder, mode, "resuming", **options).resume(NAME)


def add_parameters(traj: Any, length: int) -> None:
    """Add parameters and explore one of them."""
    traj.f_add_parameter("x", 0.0, comment="a number")
    traj.f_add_parameter("sub.y", np.arange(4), comment="another one")
    traj.v_annotations.note = "annotated"
    traj.f_explore(cartesian_product({"x": [float(run) for run in range(length)]}))


def execute_other(folder: Path) -> None:
    """Store another trajectory in the file, whose experiment is over."""
    env = make_environment(folder, MODES["serial"], OTHER)
    add_parameters(env.trajectory, 10)
    env.run(store_some, str(folder))
    (folder / EXECUTED).unlink()


# ----- what is there ---------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Return what can be compared and kept instead of a value."""
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, zlib.crc32(np.ascontiguousarray(value)))
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    return (type(value).__name__, value) if isinstance(value, np.generic) else value


def content(path: Path, name: str) -> dict[str, Any]:
    """Return everything that a stored trajectory has, but times and configuration."""
    traj = load_trajectory(name, filename=str(path), load_data=2)
    found: dict[str, Any] = {
        "annotations": traj.v_annotations.f_to_dict(),
        "length": len(traj),
        "explored": sorted(traj.f_get_explored_parameters()),
    }
    for node in traj.f_iter_nodes():
        if node.v_full_name.partition(".")[0] != "config":
            found[node.v_full_name] = _described(node)
    for run, record in traj.f_get_run_information().items():
        found["run table", run] = (record["idx"], record["completed"], record["parameter_summary"])
        if record["completed"] and not 0 < record["timestamp"] <= record["finish_timestamp"]:
            found["run table", run] += ("times", record["timestamp"], record["finish_timestamp"])
    return found


def _described(node: Any) -> Any:
    # Of equal comments of runs, that of the run stored first is kept.
    comment = node.v_comment if node.v_run_branch == "trajectory" else ""
    if not node.v_is_leaf:
        return (comment,)
    if node.v_is_parameter:
        ranged = node.f_get_range() if node.f_has_range() else None
        return (comment, plain(node.f_get()), plain(ranged))
    return (comment, plain(node.f_to_dict()))


def attempts(everything: dict[Any, Any]) -> dict[int, str]:
    """Take out of what a trajectory has which attempt at each run has stored it."""
    found = {}
    for key in [key for key in everything if str(key).endswith(f".{ATTEMPT}")]:
        _, stored = everything.pop(key)
        found[int(key.split(".run_")[1].split(".")[0])] = stored[ATTEMPT]
    return found


def of_run(everything: dict[Any, Any], run_name: str) -> dict[Any, Any]:
    """Return what a run has stored, out of what a trajectory has."""
    return {
        key: each
        for key, each in everything.items()
        if isinstance(key, str) and f".runs.{run_name}." in f"{key}."
    }
