"""Log files and printed lines of pools, however many runs there are and however they start."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import pytest

from pypet import Environment
from tests.processes import meet

MANY = 3000
CORES = 2
POOL = {
    "multiproc": True,
    "ncores": CORES,
    "use_pool": True,
    "wrap_mode": "LOCAL",
    "storage_service": "memory",
    "report_progress": False,
}
EVERYWHERE = {"$env", "$traj", "$run", "$set", "$proc", "$host"}


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def count_open_files(traj, folder):
    meet_at_first(traj, folder)
    return os.getpid(), len(os.listdir("/proc/self/fd"))


def meet_at_first(traj, folder):
    """Let runs 0 and 1 wait for each other, so that no worker executes everything alone."""
    if traj.v_idx < CORES:
        meet(folder, traj.v_idx, CORES)


def say(traj, folder):
    meet_at_first(traj, folder)
    print("hello from", traj.v_idx)  # noqa: T201
    print("unfinished", traj.v_idx, end="")  # noqa: T201


def execute(function, runs, **options):
    with Environment("t", **{**POOL, **options}) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(runs)})
        return [value for _, value in env.run(function, tempfile.mkdtemp(dir="."))]


def wildcards():
    file = {"class": "logging.FileHandler", "formatter": "plain"}
    name = "_".join(sorted(EVERYWHERE))
    return {
        "version": 1,
        "formatters": {"plain": {"format": "%(message)s"}},
        "handlers": {"main": {**file, "filename": f"logs/main_{name}.txt"}},
        "root": {"level": "INFO", "handlers": ["main"]},
        "multiproc_formatters": {"plain": {"format": "%(message)s"}},
        "multiproc_handlers": {"worker": {**file, "filename": f"logs/worker_{name}.txt"}},
        "multiproc_root": {"level": "INFO", "handlers": ["worker"]},
    }


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 1 + CORES),
        ({"log_multiproc": False}, 1),
        ({"log_config": wildcards()}, 1 + CORES),
        ({"log_config": None}, 0),
    ],
    ids=["default", "log_multiproc=False", "all wildcards", "None"],
)
def test_files_do_not_grow_in_number_with_the_runs(options, expected):
    seen = execute(count_open_files, MANY, **options)
    files = [path for path in Path().rglob("*.txt") if path.is_file()]
    assert len(files) == expected
    for pid in {pid for pid, _ in seen}:
        opened = [number for each, number in seen if each == pid]
        assert opened[-1] <= opened[len(opened) // 10]
    if expected:
        finished = sum(path.read_text().count("Finished single run") for path in files)
        assert finished == MANY


@pytest.mark.parametrize("start_method", ["spawn", "forkserver"])
@pytest.mark.parametrize("use_pool", [True, False], ids=["pool", "process"])
def test_what_runs_print_is_logged_however_processes_start(start_method, use_pool):
    if start_method == "forkserver" and sys.platform == "win32":
        pytest.skip("needs Unix")
    before = sys.stdout
    execute(say, 4, log_stdout=True, start_method=start_method, use_pool=use_pool)
    assert sys.stdout is before
    files = list(Path("logs").rglob("*_LOG.txt"))
    assert len(files) == (CORES if use_pool else 4)
    text = "".join(path.read_text() for path in files)
    for run in range(4):
        assert text.count(f"hello from {run}\n") == 1
        # In a pool the line may go on with what the next run prints.
        assert text.count(f"unfinished {run}") == 1
    assert not list(Path("logs").rglob("*ERROR.txt"))
