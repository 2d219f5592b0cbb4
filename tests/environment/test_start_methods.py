"""Processes start as the script wants it: by the option, else as it told multiprocessing."""

from __future__ import annotations

import sys

import pytest

from tests.processes import run_python

pytest.importorskip("h5py")

SCRIPT = """
import multiprocessing, os, sys

from pypet import Environment, MultiprocContext, Trajectory, load_trajectory, manual_run

forks = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=lambda: forks.append(1))  # not called for what execs at once

def work(traj):
    traj.f_add_result("z", 2 * traj.x)
    return type(multiprocessing.current_process()).__name__

def environment(scheduler, mode, **options):
    with Environment("t", filename="t.hdf5", scheduler=scheduler, wrap_mode=mode, ncores=2,
                     log_config=None, report_progress=False, **options) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(2)})
        kinds = {value for _, value in env.run(work)}
        config = env.traj.f_get(f"config.environment.{env.name}")
        print(*sorted(kinds), config.start_method)

def context(mode):
    traj = Trajectory("t", storage_service="hdf5", filename="t.hdf5")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(2)})
    traj.f_store()
    with MultiprocContext(traj, wrap_mode=mode):
        with multiprocessing.Pool(2) as pool:
            print(*sorted(set(pool.map(store, traj.f_iter_runs(yields="copy")))))

@manual_run(store_meta_data=False)
def store(traj):
    kind = work(traj)
    traj.f_store()
    return kind

if __name__ == "__main__":
    method, what, mode = sys.argv[1:4]
    multiprocessing.set_start_method(method)
    if what == "context":
        context(mode)
    else:
        environment(what, mode, **dict(item.split("=") for item in sys.argv[4:]))
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    print([traj.f_get(f"results.runs.run_{run:08d}.z").f_get() for run in range(2)])
    print("forked" if forks else "not forked")
"""


def execute(folder, *arguments):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    return run_python(script, *arguments, cwd=folder)


@pytest.mark.parametrize(
    ("scheduler", "mode"),
    [("pool", "QUEUE"), ("pool", "LOCK"), ("process", "QUEUE"), ("process", "LOCAL")],
)
def test_environments_start_processes_as_the_script_told_multiprocessing(tmp_path, scheduler, mode):
    done = execute(tmp_path, "spawn", scheduler, mode)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["SpawnProcess spawn", "[0, 2]", "not forked"]


@pytest.mark.parametrize("mode", ["QUEUE", "LOCK"])
def test_contexts_start_and_share_what_the_pools_of_the_script_can_use(tmp_path, mode):
    done = execute(tmp_path, "spawn", "context", mode)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["SpawnProcess", "[0, 2]", "not forked"]


@pytest.mark.skipif(sys.platform == "win32", reason="the platform cannot fork")
def test_the_option_counts_more_than_the_script(tmp_path):
    done = execute(tmp_path, "spawn", "pool", "QUEUE", "start_method=fork")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ForkProcess fork", "[0, 2]", "forked"]


@pytest.mark.skipif(sys.platform == "win32", reason="the platform has no fork server")
def test_a_fork_server_is_used_where_the_script_wants_one(tmp_path):
    done = execute(tmp_path, "forkserver", "pool", "LOCK")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["ForkServerProcess forkserver", "[0, 2]", "not forked"]


def test_a_mode_that_needs_forks_says_where_the_start_method_comes_from(tmp_path):
    done = execute(tmp_path, "spawn", "pool", "PIPE")
    assert done.returncode == 1
    assert "ValueError: wrap_mode='PIPE' needs processes that are forked" in done.stderr
    assert "multiprocessing.set_start_method" in done.stderr
    assert not list(tmp_path.glob("*.hdf5"))


def test_asking_for_the_start_method_does_not_choose_it_for_the_program(tmp_path):
    code = (
        "import multiprocessing\n"
        "from pypet import Environment\n"
        "env = Environment(storage_service='memory', scheduler='pool', wrap_mode='LOCAL',\n"
        "                  ncores=1, log_config=None)\n"
        "multiprocessing.set_start_method('spawn')\n"
    )
    done = run_python("-c", code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
