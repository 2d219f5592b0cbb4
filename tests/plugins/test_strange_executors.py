"""Executors whose workers are unlike those of the standard library."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor

import pytest

from pypet.interfaces import Outcome, Task
from pypet.plugins.executor import ExecutorScheduler
from pypet.testing.schedulers import execute_all
from tests.processes import run_python

MAIN = """
import sys
import types
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pypet import Environment

def forget_main():
    # As in workers that were started by a command of their own.
    sys.modules["__main__"] = types.ModuleType("__main__")
    sys.modules["__main__"].__file__ = "/worker"

class Number:
    def __init__(self, value):
        self.value = value

def work(traj, factor, own):
    traj.f_add_result("z", traj.x * factor.value)
    return traj.x * factor.value + own.value

if __name__ == "__main__":
    if sys.argv[1:] == ["bare"]:
        sys.modules["cloudpickle"] = None
    context = get_context(sys.argv[2] if len(sys.argv) > 2 else None)
    with ProcessPoolExecutor(2, mp_context=context, initializer=forget_main) as executor:
        for _ in range(2):
            env = Environment("t", storage_service="memory", log_config=None, scheduler=executor,
                              wrap_mode="LOCAL", report_progress=False)
            env.traj.f_add_parameter("x", 0)
            env.traj.f_explore({"x": range(6)})
            own = [Number(100 * i) for i in range(6)]
            print(env.run_map(work, [Number(10)] * 6, own))
            env.traj.f_load(load_data=2)
            print(list(env.traj.f_get_from_runs("z", fast_access=True).values()))
"""


def execute(tmp_path, *arguments):
    script = tmp_path / "script.py"
    script.write_text(MAIN)
    return run_python(script, *arguments)


def test_what_the_main_script_defines_reaches_workers_that_do_not_know_it(tmp_path):
    pytest.importorskip("cloudpickle")
    done = execute(tmp_path)
    assert done.returncode == 0, done.stderr
    returned = str([(i, 110 * i) for i in range(6)])
    assert done.stdout.splitlines() == [returned, str([10 * i for i in range(6)])] * 2


def test_without_cloudpickle_it_is_told_what_to_do(tmp_path):
    done = execute(tmp_path, "bare")
    assert done.returncode == 1
    assert "WorkerDiedError" in done.stderr
    assert "pip install cloudpickle" in done.stderr


# ----- Dask ----------------------------------------------------------------------------------


class Shared:
    """Work that would notice another thread in it."""

    busy = 0

    def __call__(self, task):
        Shared.busy += 1
        time.sleep(0.005)
        others, Shared.busy = Shared.busy - 1, Shared.busy - 1
        return Outcome(task.index, others, 0.0, 1.0)


class Clustered(ProcessPoolExecutor):
    """Tells of its workers like the executor of Dask: by its client."""

    class _client:  # noqa: N801 - the name is Dask's
        @staticmethod
        def ncores():
            return {"tcp://one": 1, "tcp://two": 1, "tcp://three": 1}

    _max_workers = None


def test_a_cluster_tells_how_many_workers_it_has():
    executor = Clustered.__new__(Clustered)
    options = {"scheduler": executor, "ncores": 1, "start_method": None, "niceness": None}
    assert ExecutorScheduler.resolve_options(options) == {"ncores": 3}


def test_dask_executes_runs_and_threads_of_a_worker_take_turns(tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where it leaves a folder
    with (
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=3,
            processes=True,
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        scheduler = ExecutorScheduler({"ncores": 3, "scheduler": client.get_executor()})
        scheduler.start(Shared())
        outcomes = execute_all(scheduler, [Task(index) for index in range(20)])
        scheduler.stop()
    assert sorted(outcome.index for outcome in outcomes) == list(range(20))
    assert {outcome.value for outcome in outcomes} == {0}


KILLED = """
import multiprocessing, os, signal, sys, time
from concurrent.futures import ProcessPoolExecutor
from pypet import Environment

def work(traj):
    open(f"{sys.argv[2]}/{os.getpid()}", "w").close()
    while len(os.listdir(sys.argv[2])) < 2:
        time.sleep(0.01)
    return os.getpid()

if __name__ == "__main__":
    executor = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(sys.argv[1]))
    env = Environment(
        "test", storage_service="memory", log_config=None, report_progress=False,
        scheduler=executor, wrap_mode="LOCAL",
    )
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(20)})
    print(*{pid for _, pid in env.run(work)}, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_of_an_executor_end_with_a_main_process_that_is_killed(tmp_path, method):
    psutil = pytest.importorskip("psutil")
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("the platform has no such start method")
    script, pids_folder = tmp_path / "killed.py", tmp_path / "pids"
    script.write_text(KILLED)
    pids_folder.mkdir()  # every worker has to execute a run
    done = subprocess.run(
        [sys.executable, script, method, pids_folder],
        stdout=subprocess.PIPE,
        text=True,
        timeout=50,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    pids = [int(pid) for pid in done.stdout.split()]
    assert pids
    workers = [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]
    _, alive = psutil.wait_procs(workers, 30)
    for worker in alive:
        worker.kill()
    assert alive == []
