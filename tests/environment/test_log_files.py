"""Which log files an experiment leaves, what is in them, and that none stays open."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pypet import Environment
from tests.processes import DEADLINE_SECONDS, meet, run_python

pytest.importorskip("h5py")
RUNS = 4


def simulate(traj, folder):
    """Print something; runs 0 and 1 meet in ``folder``, so that no worker executes all of them."""
    if folder is not None and traj.v_idx < 2:
        meet(folder, traj.v_idx, 2)
    print(f"hello from {traj.v_crun}")  # noqa: T201
    print("unfinished", traj.v_idx, end="")  # noqa: T201
    return os.getpid()


def execute(**options):
    """Execute a few runs; return the names of log files, and what they say, by name."""
    with Environment("t", filename="t.hdf5", report_progress=False, **options) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(RUNS)})
        folder = tempfile.mkdtemp(dir=".") if options.get("multiproc") else None
        env.run(simulate, folder)
    return {path.name: path.read_text() for path in Path("logs").rglob("*.txt")}


MODES = {
    "serial": ({}, 1),
    "process": ({"multiproc": True, "ncores": 2}, 1 + RUNS),
    "pool": ({"multiproc": True, "ncores": 2, "use_pool": True}, 1 + 2),
    "pool, QUEUE": (
        {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": "QUEUE"},
        1 + 2,
    ),
    "process, PIPE": ({"multiproc": True, "ncores": 2, "wrap_mode": "PIPE"}, 1 + RUNS),
    "none in workers": ({"multiproc": True, "ncores": 2, "log_multiproc": False}, 1),
}


@pytest.mark.parametrize(("options", "count"), MODES.values(), ids=MODES)
def test_there_are_so_many_files_and_nothing_printed_is_lost(options, count, capfd):
    before = sys.stdout
    logs = execute(log_stdout=True, **options)
    assert len(logs) == count
    assert sys.stdout is before
    text = "\n".join(text for name, text in logs.items() if name.endswith("LOG.txt"))
    for run in range(RUNS):
        assert text.count(f"hello from run_{run:08d}") == 1
        assert text.count(f"unfinished {run}") == 1
        assert text.count(f"Starting single run #{run} of {RUNS}") == 1
        assert text.count(f"Finished single run #{run} of {RUNS}") == 1
    assert not [name for name in logs if name.endswith("ERROR.txt")]


def test_names_tell_run_host_and_process():
    logs = execute(multiproc=True, ncores=2, wrap_mode="QUEUE")
    assert sum(bool(re.match(r"run_0000000\d_.+_Process-\d+-\d+_LOG", name)) for name in logs) == 4
    assert "LOG.txt" in logs


def test_files_of_errors_are_there_during_the_experiment_and_stay_if_something_is_in_them():
    with Environment("t", storage_service="memory", on_error="continue") as env:
        folder = Path("logs", "t", env.name)
        assert {path.name for path in folder.iterdir()} == {"LOG.txt", "ERROR.txt"}
        env.run(lambda traj: 1 / 0)
    assert "ZeroDivisionError" in (folder / "ERROR.txt").read_text()


def test_nothing_is_left_where_nothing_was_logged():
    with Environment("t", storage_service="memory", log_level="CRITICAL") as env:
        env.traj.f_add_parameter("x", 0)
        env.run(lambda traj: traj.x)
    assert not Path("logs").exists()


def test_workers_of_a_pool_log_without_a_run_in_the_name():
    logs = execute(multiproc=True, ncores=2, use_pool=True)
    found = [name for name in logs if re.match(r"run_ALL_.+PoolWorker-\d+-\d+_LOG", name)]
    assert len(found) == 2


SCRIPT = """
import os, signal, sys
from pypet import Environment

def simulate(traj):
    if traj.v_idx == 5:
        {what}

with Environment("t", storage_service="memory", log_stdout={stdout}) as env:
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({{"x": range(10)}})
    env.run(simulate)
"""


def run_script(what, stdout=False):
    done = run_python("-c", SCRIPT.format(what=what, stdout=stdout))
    (log,) = (path.read_text() for path in Path("logs").rglob("LOG.txt"))
    return done, log


def test_lines_of_runs_are_complete_in_order_and_on_the_console():
    done, log = run_script("pass")
    assert done.returncode == 0, done.stderr
    expected = [
        f"{what} single run #{i} of 10" for i in range(10) for what in ("Starting", "Finished")
    ]
    for text in (log, done.stderr):
        assert re.findall(r"(?:Starting|Finished) single run #\d of 10", text) == expected
    assert log.index("PROGRESS: Finished  0/10") < log.index("Starting single run #0")
    assert log.index("Finished single run #9") < log.index("PROGRESS: Finished 10/10")
    times = re.findall(r"^\S+ \S+(?= pypet)", log, flags=re.M)
    assert times == sorted(times)


@pytest.mark.parametrize("what", ["raise ZeroDivisionError", "sys.exit(3)"])
def test_a_crash_loses_no_line(what):
    _, log = run_script(what)
    assert "Finished single run #4 of 10" in log
    assert "Starting single run #5 of 10" in log


def test_without_an_end_of_the_environment_the_end_of_python_leaves_no_empty_file():
    script = SCRIPT.format(what="pass", stdout=False).replace("with Env", "env = Env")
    script = script.replace(") as env:", ")\nif True:")
    done = subprocess.run(
        [sys.executable, "-c", script], timeout=DEADLINE_SECONDS, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in Path("logs").rglob("*.txt")] == ["LOG.txt"]


def test_a_run_that_takes_long_is_told_before_it_ends():
    waits = (
        "import glob, time; [time.sleep(0.01) for _ in iter(lambda: 'run #5 of' in "
        "open(glob.glob('logs/*/*/LOG.txt')[0]).read(), True)]"
    )
    done, _ = run_script(waits)
    assert done.returncode == 0, done.stderr


def test_what_is_printed_last_is_in_the_log_also_without_an_end():
    done, log = run_script("print('the end', end='')", stdout=True)
    assert done.returncode == 0, done.stderr
    assert "STDOUT INFO     the end" in log


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_process_leaves_whole_lines():
    _, log = run_script("os.kill(os.getpid(), signal.SIGKILL)")
    assert log == "" or log.endswith("\n")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_no_file_stays_open():
    execute()
    before = set(os.listdir("/proc/self/fd"))
    execute(overwrite_file=True, log_stdout=True)
    execute(overwrite_file=True, multiproc=True, ncores=2, use_pool=True, wrap_mode="QUEUE")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def two_files(first, second):
    handlers = {
        "a": {"class": "logging.FileHandler", "filename": first},
        "b": {"class": "logging.FileHandler", "filename": second, "mode": "no such"},
    }
    return {"version": 1, "handlers": handlers, "root": {"handlers": ["a", "b"]}}


def of_workers(name):
    handlers = {"a": {"class": "logging.FileHandler", "filename": name}}
    return {
        "version": 1,
        "multiproc_handlers": handlers,
        "multiproc_root": {"handlers": ["a"]},
    }


@pytest.mark.parametrize(
    "options",
    [
        {"log_config": "missing.ini"},
        {"log_config": {"version": 1, "root": {"handlers": ["nope"]}}},
        {"log_folder": "occupied"},
        {"log_config": two_files("made/LOG.txt", "occupied/LOG.txt")},
        {"log_config": of_workers("occupied/$run/LOG.txt")},
        {"log_config": two_files("made/$traj/LOG.txt", "made/$run")},
        {"log_stdout": ("too", "many", 3)},
        {"report_progress": (5,)},
    ],
)
def test_bad_input_is_told_before_anything_is_stored_or_logged(options):
    Path("occupied").write_text("a file")
    before = sys.stdout
    told = r"missing\.ini|nope|handler 'b'|of workers: .*not a folder|log_(folder|stdout)|report"
    with pytest.raises(ValueError, match=told):
        Environment("t", filename="t.hdf5", **options)
    assert [path.name for path in Path().iterdir()] == ["occupied"]
    assert sys.stdout is before
