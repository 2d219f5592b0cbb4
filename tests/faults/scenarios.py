"""What is done while the disk fails or the power goes, and what has to be true afterwards.

Each scenario is executed in a process of its own, which `executed` starts, below a folder. It may
say by `tests.faults.shim.mark` what it has told its user; `ENDED` is marked when it returns.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path[:0] = [str(Path(__file__).parents[2])]

import h5py

from pypet import Environment, load_trajectory
from pypet.storage_backends.hdf5.files.file_handle import close_abandoned
from pypet.storage_backends.hdf5.files.opening import create_file, open_file
from pypet.storage_backends.hdf5.files.transactional_file import TransactionalFile
from pypet.storage_backends.hdf5.settings.settings import Filters
from tests.faults import kills, resumable
from tests.faults.shim import Recording, mark

FILE = "data.hdf5"
ENDED = "ended"
ALWAYS, AT_END, NEVER = "always", "at the end", "never"
TIMEOUT_SECONDS = 120
SECONDS_FOR_CHILDREN = 30

QUIET: dict[str, Any] = {"log_config": None, "report_progress": False, "git_repository": None}

Check = Callable[[Path, list[str]], list[str]]
"""Folder and marks so far -> what is wrong."""


class Scenario(NamedTuple):
    """What is done in a folder, and what has to be true at each moment of it."""

    execute: Callable[[Path], None]
    """Gets the path of the HDF5 file, and is executed in a process of its own."""
    check: Check
    prepare: Callable[[Path], None] | None = None
    """Makes the file before; what it has then is safe."""
    promise: str = AT_END
    """When nothing may be wrong after a loss of power: `ALWAYS`, `AT_END` or `NEVER`."""
    complete: Check | None = None
    """Goes on after a failure, when the disk is sound again, and checks that nothing is missing."""


# ----- experiments -----------------------------------------------------------------------------


def durable(execute: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return a scenario in which each commit waits for the disk."""

    def executed_durably(path: Path) -> None:
        commit = TransactionalFile.commit

        def wait(self: TransactionalFile, *, durable: bool, needs_log: bool = False) -> None:
            commit(self, durable=True, needs_log=needs_log)

        TransactionalFile.commit = wait  # type: ignore[method-assign]
        execute(path)

    return executed_durably


def truth_of(name: str, runs: int) -> Check:
    """Return a check for a scenario of `kills`: what is there can be loaded and is true.

    After the end ``runs`` runs have to be completed.
    """

    def check(folder: Path, marks: list[str]) -> list[str]:
        path = folder / FILE
        wrong = list(kills.faults_of(path, name))
        if ENDED in marks and not wrong:
            wrong = what_is_missing(path, runs, name)
        return wrong

    return check


def what_is_missing(path: Path, runs: int, name: str) -> list[str]:
    """Return which runs are not completed, or what else a scenario of `kills` lacks."""
    if not path.exists():
        return ["the file is gone"]
    traj = load_trajectory(kills.NAME, filename=str(path), load_data=1)
    missing = [
        index for index in range(runs) if index >= len(traj) or not traj.f_is_completed(index)
    ]
    wrong = [f"runs {missing} are lost"] if missing else []
    if name == "store" and "summary.total" not in traj:
        wrong.append("a result is lost")
    return wrong


def continued(name: str, again: Callable[[Path], None], runs: int) -> Check:
    """Return a check that first loads the trajectory and executes what is not completed.

    If there is nothing to go on with, as it could not be stored, ``again`` is done.
    """

    def check(folder: Path, marks: list[str]) -> list[str]:
        path = folder / FILE
        with contextlib.chdir(folder):
            traj = _loaded(path)
            if traj is None:
                path.unlink(missing_ok=True)
                again(path)
            elif not all(traj.f_is_completed(index) for index in range(len(traj))):
                Environment(traj, **QUIET).run(kills.multiply)
            if name in ("expand", "store") and what_is_missing(path, runs, name):
                again(path)
        return truth_of(name, runs)(folder, [*marks, ENDED])

    return check


def _loaded(path: Path) -> Any:
    """Return the trajectory, None if it is not there or nothing of it was stored."""
    if not path.exists() or not path.stat().st_size:
        return None
    open_file(str(path), writable=False).close()  # finishes a commit
    with h5py.File(path, "r") as file:
        if kills.NAME not in file:
            return None
    traj = load_trajectory(kills.NAME, filename=str(path), load_derived_parameters=2)
    return traj if "x" in traj and traj.f_get("x").f_has_range() else None


# ----- commits alone ---------------------------------------------------------------------------

COMMITS = 12


def commits(path: Path) -> None:
    """Add groups to a file, with a durable commit for each."""
    writer = open_file(str(path), writable=True)
    try:
        for number in range(COMMITS):
            group = h5py.File(writer.id).create_group(f"g{number}")
            group.attrs["text"] = "x" * (100 * number)
            group["small"] = [number] * 100
            if number % 3 == 0:
                group["large"] = [float(number)] * 20_000
            writer.commit(durable=True)
            mark(str(number))
    except OSError as error:
        writer.abandon()
        close_abandoned()  # HDF5 closes what is open after Python has gone
        raise OSError(error.errno, str(error), str(path)) from error  # h5py names no file
    writer.close()


def new_groups(path: Path) -> None:
    """Make a file with a group."""
    writer = create_file(str(path), "title", Filters())
    h5py.File(writer.id).create_group("before")["x"] = [1.0] * 500
    writer.close()


def check_commits(folder: Path, marks: list[str]) -> list[str]:
    """Return which groups are missing or damaged, of those of which somebody knows."""
    path = folder / FILE
    open_file(str(path), writable=False).close()
    kills.read_everything(path)
    with h5py.File(path, "r") as file:
        found = set(file)
        expected = {"before", *(f"g{number}" for number in range(_committed(marks)))}
        wrong = [f"{name} is lost" for name in sorted(expected - found)]
        if len(found - expected) > 1:
            wrong.append(f"{sorted(found - expected)} are there too early")
        wrong += [
            f"{name} has other values"
            for name in found - {"before"}
            if list(file[name]["small"]) != [int(name[1:])] * 100
        ]
    return wrong


def _committed(marks: list[str]) -> int:
    return len([text for text in marks if text != ENDED])


# ----- all -------------------------------------------------------------------------------------

_ALL, _MORE = kills.FIRST_RUNS, kills.FIRST_RUNS + kills.MORE_RUNS


def _of_kills(name: str, runs: int, promise: str = AT_END) -> Scenario:
    execute, prepare, _ = kills.SCENARIOS[name]
    return Scenario(
        durable(execute) if promise == ALWAYS else execute,
        truth_of(name, runs),
        prepare,
        promise,
        continued(name, execute, runs),
    )


def _unharmed(experiment: resumable.Resumable) -> Check:
    """Return a check that holds what is left against the contract, before it is resumed."""
    return lambda folder, marks: experiment.look(folder, marks, is_over=ENDED in marks)


SCENARIOS: dict[str, Scenario] = {
    "commits": Scenario(commits, check_commits, new_groups, promise=ALWAYS),
    "serial": _of_kills("serial", _ALL),
    "pool, QUEUE": _of_kills("pool, QUEUE", _ALL),
    "pool, LOCK": _of_kills("pool, LOCK", _ALL),
    "expand": _of_kills("expand", _MORE),
    "store": _of_kills("store", _ALL, NEVER),
    "serial, durable": _of_kills("serial", _ALL, ALWAYS),
    "pool, LOCK, durable": _of_kills("pool, LOCK", _ALL, ALWAYS),
    "expand, durable": _of_kills("expand", _MORE, ALWAYS),
    "store, durable": _of_kills("store", _ALL, ALWAYS),
    **{
        name: Scenario(each.execute, _unharmed(each), each.prepare, ALWAYS, each.go_on)
        for name, each in resumable.SCENARIOS.items()
    },
}


# ----- in a process of its own -----------------------------------------------------------------


class Outcome(NamedTuple):
    """How a process ended."""

    kind: str
    """`DONE`, `ERROR`, `CRASH` or `HANG`."""
    error: tuple[str, ...] = ()
    """Names of the class of an exception and its bases."""
    text: str = ""
    """Its message with notes, or what the process has written last."""
    remark: str = ""
    """What is wrong besides."""


DONE, ERROR, CRASH, HANG = "done", "error", "crash", "hang"


def prepared(name: str, folder: Path, templates: Path) -> None:
    """Put what a scenario begins with into an empty folder; it is made once."""
    prepare = SCENARIOS[name].prepare
    if prepare is not None:
        template = templates / f"{prepare.__name__}.hdf5"
        if not template.exists():
            prepare(template)
        (folder / FILE).write_bytes(template.read_bytes())


def executed(name: str, folder: Path, recording: Recording | None = None) -> Outcome:
    """Execute a scenario in a process of its own, and wait for it and its children.

    What they do is recorded, and fails, as the recording says.
    """
    scratch = folder.parent / f"{folder.name}.tmp"
    scratch.mkdir(exist_ok=True)  # for files that are rescued where there is room
    variables = dict(os.environ) if recording is None else recording.environment()
    command = [sys.executable, __file__, "--execute", name, str(folder)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
        env={**variables, "TMPDIR": str(scratch)},
    ) as process:
        try:
            output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return Outcome(HANG, text=process.communicate()[1][-3000:])
    remark = "" if _has_ended(process.pid) else "processes were left"
    try:
        told = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return Outcome(CRASH, text=f"exit code {process.returncode}: {errors[-3000:]}")
    if process.returncode:
        return Outcome(CRASH, text=f"exit code {process.returncode}: {told} {errors[-3000:]}")
    return Outcome(told["kind"], tuple(told["error"]), told["text"], remark)


def _has_ended(group: int) -> bool:
    """Wait until no process of a group is left; kill those that are after a while."""
    deadline = time.monotonic() + SECONDS_FOR_CHILDREN
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return False


def _execute(name: str, folder: Path) -> dict[str, Any]:
    os.chdir(folder)
    try:
        SCENARIOS[name].execute(folder / FILE)
    except Exception as error:
        traceback.print_exc()
        notes = getattr(error, "__notes__", ())
        names = [each.__name__ for each in type(error).__mro__]
        return {"kind": ERROR, "error": names, "text": "\n".join([str(error), *notes])}
    mark(ENDED)
    return {"kind": DONE, "error": [], "text": ""}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--execute", nargs=2, metavar=("SCENARIO", "FOLDER"), required=True)
    scenario, place = parser.parse_args().execute
    print("\n" + json.dumps(_execute(scenario, Path(place))), flush=True)
