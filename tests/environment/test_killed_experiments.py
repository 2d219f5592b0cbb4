"""An experiment whose main process is killed or terminated leaves a file that can be used.

A child executes the experiment: its first runs are over at once, the others wait until it ends.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal

import pytest

from pypet import load_trajectory
from pypet.support.optional import is_installed
from tests.environment.killed_scripts import end, kill, started_scripts, wait_for
from tests.processes import run_python

pytest.importorskip("h5py")
psutil = pytest.importorskip("psutil")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

pytestmark = pytest.mark.timeout(120)

RUNS, QUICK = 12, 6
WAYS = [("serial", "NONE")] + [
    (scheduler, mode)
    for scheduler in ("pool", "process")
    for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL")
]
NETWORK_WAYS = (
    [("pool", "NETLOCK"), ("pool", "NETQUEUE"), ("process", "NETQUEUE")]
    if is_installed("zmq")
    else []
)
ALL_WAYS = pytest.mark.parametrize("way", WAYS + NETWORK_WAYS, ids="-".join)
SOME_WAYS = pytest.mark.parametrize(
    "way",
    [
        ("serial", "NONE"),
        ("pool", "LOCK"),
        ("pool", "QUEUE"),
        ("pool", "LOCAL"),
        ("process", "PIPE"),
        ("process", "LOCK"),
        *NETWORK_WAYS,
    ],
    ids="-".join,
)
FEW_WAYS = pytest.mark.parametrize(
    "way", [("serial", "NONE"), ("pool", "QUEUE"), ("process", "LOCK")], ids="-".join
)

SCRIPT = """
import os, signal, sys, time
from pypet import Environment

QUICK = 6
folder, scheduler, mode, graceful = sys.argv[1:5]

def work(traj):
    traj.f_add_result("z", 10 * traj.x)
    if traj.v_idx < QUICK:
        time.sleep(0.15 if scheduler == "serial" else 0.03)  # or runs are handed out in batches
        return
    open(os.path.join(folder, f"waiting_{traj.v_idx}"), "w").close()
    while not os.path.exists(os.path.join(folder, "go")):
        time.sleep(0.01)

if __name__ == "__main__":
    options = {} if scheduler == "serial" else {"ncores": 2, "wrap_mode": mode}
    env = Environment(
        "test", filename=folder + "/data.hdf5", scheduler=scheduler, log_config=None,
        report_progress=False, graceful_exit=graceful == "1", **options,
    )
    env.traj.f_add_parameter("x", 0, comment="explored")
    env.traj.f_add_parameter("y", "why")
    env.traj.f_add_derived_parameter("w", 3.5)
    env.traj.f_explore({"x": range(12)})
    env.run(work)
    print("returned", flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """Start the experiment in a child; nothing of it is left in the end."""
    folder, temporary = tmp_path / "files", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    variables = {**os.environ, "TMPDIR": str(temporary)}
    with started_scripts(tmp_path / "experiment.py", SCRIPT) as start_one:

        def start(way, *, graceful=False):
            process = start_one(folder, *way, str(int(graceful)), env=variables)
            waiting = 1 if way[0] == "serial" else 2  # and the others have been reported
            wait_for(lambda: len(list(folder.glob("waiting_*"))) >= waiting, process)
            return process

        yield start
    assert list(temporary.iterdir()) == []


def completed_runs(filename):
    """Return the completed runs after everything else about the file was checked."""
    loaded = load_trajectory("test", filename=str(filename), load_data=2)
    assert loaded.f_get("parameters.x").f_get_range() == list(range(RUNS))
    assert loaded.f_get("parameters.y").f_get() == "why"
    assert loaded.f_get("derived_parameters.w").f_get() == 3.5
    assert loaded.f_get("x").v_comment == "explored"
    assert loaded.f_contains("config.environment")
    assert loaded.f_get("config.hdf5.complevel").f_get() == 9
    completed = [index for index in range(RUNS) if loaded.f_is_completed(index)]
    for index in completed:
        assert loaded.f_get(f"results.runs.run_{index:08d}.z").f_get() == 10 * index
        assert loaded.f_get_run_information(index)["parameter_summary"] == f"x: {index}"
    return completed


def completed_in_copy(folder):
    """Return the completed runs as a crash would leave them now; none if that is in between."""
    shutil.copy(folder / "files/data.hdf5", folder / "copy.hdf5")
    try:
        load_trajectory("test", filename=str(folder / "copy.hdf5"), load_data=0)
    except Exception:
        return []
    return completed_runs(folder / "copy.hdf5")


@ALL_WAYS
def test_what_runs_start_from_and_which_are_completed_is_in_the_file_after_a_kill(
    start, tmp_path, way
):
    process = start(way)
    quick = list(range(QUICK))
    # In the main process the table is stored between two runs, so the last ones may be missing.
    enough = 1 if way[0] == "serial" else QUICK
    wait_for(lambda: len(completed_in_copy(tmp_path)) >= enough, process)
    kill(process)
    completed = completed_runs(tmp_path / "files/data.hdf5")
    assert len(completed) >= enough
    assert completed == quick[: len(completed)]


@SOME_WAYS
def test_sigterm_gives_up_active_runs_and_stores_what_is_there(start, tmp_path, way):
    process = start(way)
    end(process, process.terminate)
    assert process.returncode == -signal.SIGTERM
    out, err = process.communicate()
    assert "returned" not in out
    assert "Terminated: active runs are given up" in err
    assert completed_runs(tmp_path / "files/data.hdf5") == list(range(QUICK))


@FEW_WAYS
def test_sigterm_waits_for_active_runs_with_graceful_exit(start, tmp_path, way):
    process = start(way, graceful=True)

    def terminate():
        process.terminate()
        line = ""
        while "active runs have 20 s" not in line:
            line = process.stderr.readline()
            assert line, "it should have been told"
        (tmp_path / "files/go").touch()

    end(process, terminate)
    assert process.returncode == -signal.SIGTERM
    completed = completed_runs(tmp_path / "files/data.hdf5")
    waited = {int(path.name.split("_")[1]) for path in (tmp_path / "files").glob("waiting_*")}
    assert waited
    assert completed == [*range(QUICK), *sorted(waited)]
    assert len(completed) < RUNS


@pytest.mark.parametrize("way", [("pool", "QUEUE"), ("pool", "LOCK")], ids="-".join)
def test_sigterm_to_all_processes_at_once_loses_nothing(start, tmp_path, way):
    process = start(way)
    main = psutil.Process(process.pid)

    def terminate():
        for each in [*main.children(recursive=True), main]:
            each.terminate()

    end(process, terminate)
    assert process.returncode == -signal.SIGTERM
    assert completed_runs(tmp_path / "files/data.hdf5") == list(range(QUICK))


def test_a_second_sigterm_does_not_wait_any_longer(start, tmp_path):
    process = start(("serial", "NONE"), graceful=True)

    def terminate():
        process.terminate()
        while "active runs have 20 s" not in (line := process.stderr.readline()):
            assert line
        process.terminate()

    end(process, terminate)
    assert process.returncode == -signal.SIGTERM
    assert completed_runs(tmp_path / "files/data.hdf5") == list(range(QUICK))


# ----- whose handler it is -------------------------------------------------------------------

OWN_HANDLER = """
import os, signal, sys
from pypet import Environment

def own(signum, frame):
    print("mine", flush=True)

def work(traj):
    if traj.v_idx == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    return traj.v_idx

signal.signal(signal.SIGTERM, own)
env = Environment("test", filename=sys.argv[1], log_config=None, report_progress=False)
env.traj.f_add_parameter("x", 0)
env.traj.f_explore({"x": range(4)})
print(len(env.run(work)), signal.getsignal(signal.SIGTERM) is own)
"""

IN_A_THREAD = """
import signal, sys, threading
from pypet import Environment

seen = []

def work(traj):
    seen.append(signal.getsignal(signal.SIGTERM))

def run():
    env = Environment("test", filename=sys.argv[1], log_config=None, report_progress=False)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(2)})
    env.run(work)

thread = threading.Thread(target=run)
thread.start()
thread.join()
print(seen == [signal.SIG_DFL] * 2)
"""


def executed(script, *args):
    done = run_python("-c", script, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()


def test_a_handler_of_the_users_own_is_kept(tmp_path):
    assert executed(OWN_HANDLER, tmp_path / "data.hdf5") == ["mine", "4", "True"]


def test_outside_of_the_main_thread_no_handler_is_installed(tmp_path):
    assert executed(IN_A_THREAD, tmp_path / "data.hdf5") == ["True"]


def test_the_handler_is_there_during_an_experiment_only(make_env):
    seen = []
    env = make_env()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    env.run(lambda traj: seen.append(signal.getsignal(signal.SIGTERM)))
    assert callable(seen[0])
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


FORKING_RUN = """
import os, signal, sys
from pypet import Environment

def work(traj):
    pid = os.fork()
    if not pid:
        while True:
            signal.pause()
    os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

env = Environment("test", filename=sys.argv[1], log_config=None, report_progress=False)
print(env.run(work)[0][1])
"""


def test_processes_that_a_run_forks_end_by_the_signal(tmp_path):
    assert executed(FORKING_RUN, tmp_path / "data.hdf5") == [str(-signal.SIGTERM)]
