"""A main script that starts experiments on import is told what it lacks, and nothing hangs."""

from __future__ import annotations

import pytest

from pypet import load_trajectory
from tests.processes import run_python

SCRIPT = """
import sys
from pypet import Environment

def work(traj):
    return traj.x

scheduler, mode, service = sys.argv[1:]
env = Environment("t", storage_service=service, scheduler=scheduler, wrap_mode=mode, ncores=1,
                  start_method="spawn", log_config=None, report_progress=False)
env.traj.f_add_parameter("x", 0)
env.run(work)
"""


GUARDED = """
import os
from pypet import Environment

def work(traj):
    if traj.x == 0:
        os._exit(1)

if __name__ == "__main__":
    env = Environment("t", storage_service="memory", scheduler="process", wrap_mode="LOCAL",
                      ncores=1, start_method="spawn", log_config=None, report_progress=False)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1]})
    env.run(work)
    print(*env.traj.f_get_run_states().values())
"""


@pytest.mark.parametrize(
    ("scheduler", "mode", "service"),
    [("process", "LOCAL", "memory"), ("pool", "LOCAL", "memory"), ("pool", "QUEUE", "hdf5")],
)
def test_an_unguarded_script_is_told_of_the_guard(tmp_path, scheduler, mode, service):
    if service == "hdf5":
        pytest.importorskip("h5py")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = run_python(script, scheduler, mode, service, cwd=tmp_path)
    assert "put the code that it executes below if __name__ == '__main__'" in done.stderr
    assert done.returncode != 0
    last_line = done.stderr.rstrip().splitlines()[-1]
    # Whichever is noticed first: a worker or, with QUEUE, the process that stores.
    assert "could not start" in last_line or (mode == "QUEUE" and "that stores" in last_line)
    assert "if __name__ == '__main__'" in last_line


def test_workers_of_an_unguarded_script_do_not_delete_its_file(tmp_path):
    pytest.importorskip("h5py")
    options = 'filename="t.hdf5", overwrite_file=True, use_pool=True, multiproc=True'
    script = tmp_path / "script.py"
    script.write_text(
        SCRIPT.replace("storage_service=service, scheduler=scheduler", options).replace(
            "scheduler, mode, service = sys.argv[1:]", 'mode = "LOCAL"'
        )
    )
    done = run_python(script, cwd=tmp_path)
    assert "must not delete the file of the experiment" in done.stderr
    assert [path.name for path in tmp_path.glob("*.hdf5")] == ["t.hdf5"]  # and no rescue file
    stored = load_trajectory("t", filename=tmp_path / "t.hdf5")
    assert stored.f_get_run_states() == {"run_00000000": "not run"}


def test_a_run_that_ends_its_process_costs_that_run_only(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(GUARDED)
    done = run_python(script, cwd=tmp_path)
    assert done.stdout.split() == ["failed", "completed"]
    assert done.returncode == 0
