"""Small programs as users write them, each in an interpreter of its own."""

from __future__ import annotations

import sys

import pytest

from tests.processes import run_python

pytest.importorskip("h5py")

# A notebook has a `__main__` without a file, and executes cells in it.
NOTEBOOK = """
import sys
import __main__

CELL = '''
import logging
from pypet import Environment, load_trajectory

def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    return traj.z

env = Environment("notebook", filename="notebook.hdf5", overwrite_file=True, multiproc=True,
                  ncores=2, use_pool=True, wrap_mode="QUEUE")
env.traj.f_add_parameter("x", 1)
env.traj.f_add_parameter("y", 10 * (len(outputs) + 1))
env.traj.f_explore({"x": [1, 2, 3]})
outputs.append(env.run(multiply))
'''

del __main__.__file__
sys.ps1 = ">>> "
outputs = []
for _ in range(2):
    exec(compile(CELL, "<cell>", "exec"), vars(__main__))
print(outputs)
loaded = load_trajectory("notebook", filename="notebook.hdf5", load_data=2)
print(dict(loaded.f_get_from_runs("z", fast_access=True, use_indices=True)))
print(len(logging.getLogger().handlers), len(outputs))
env.disable_logging()
print(len(logging.getLogger().handlers))
"""

PICKLING = """
import pickle, sys
from pypet import Environment

class Model:
    def __init__(self, env):
        self.env = env

    def run(self, traj):
        self.env.traj.f_add_result("z", traj.x + 1)
        return traj.x + 1

if __name__ == "__main__":
    if sys.argv[1] == "make":
        with Environment("t", filename="t.hdf5", multiproc=True, ncores=2, use_pool=True,
                         wrap_mode="QUEUE", start_method=sys.argv[2]) as env:
            env.traj.f_add_parameter("x", 0)
            env.traj.f_explore({"x": [1, 2]})
            print(env.run(Model(env).run))
            env.traj.v_full_copy = True
            with open("env.pkl", "wb") as file:
                pickle.dump(env, file)
            print(env.name)
    else:
        with open("env.pkl", "rb") as file:
            handle = pickle.load(file)
        print(handle.name, handle.options["ncores"], handle.traj.f_get_run_names())
        handle.traj.f_load(load_data=2)
        print(dict(handle.traj.f_get_from_runs("z", fast_access=True, use_indices=True)))
        with Environment(handle.traj, multiproc=False) as env:
            env.traj.f_expand({"x": [5]})
            print(env.run(Model(env).run))
"""

FOLDER = """
from pypet import Environment

with Environment("t", filename="t.hdf5", resume_folder="resume") as env:
    env.traj.f_add_parameter("x", 3)
    print(env.run(lambda traj: traj.x))
"""


@pytest.fixture
def execute(tmp_path):
    """A function that executes a program and returns what it printed last, and its errors."""

    def execute(source, *arguments):
        script = tmp_path / "client.py"
        script.write_text(source)
        done = run_python(script, *arguments, cwd=tmp_path, timeout=200)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), done.stderr

    return execute


@pytest.mark.skipif(sys.platform == "win32", reason="workers must inherit what cells define")
def test_a_cell_of_a_notebook_is_executed_twice(execute):
    lines, errors = execute(NOTEBOOK)
    twice = [[(i, 10 * n * (i + 1)) for i in range(3)] for n in (1, 2)]
    assert lines[-4] == str(twice)
    assert lines[-3] == "{0: 20, 1: 40, 2: 60}"
    # The log files of the first environment were closed when the second one began.
    assert int(lines[-2].split()[0]) <= 3
    assert lines[-1] == "0"
    assert "Traceback" not in errors


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_script_pickles_its_environment_and_goes_on_another_day(execute, method):
    if method == "fork" and sys.platform == "win32":
        pytest.skip("the platform cannot fork")
    lines, errors = execute(PICKLING, "make", method)
    assert lines[-2] == "[(0, 2), (1, 3)]"
    name = lines[-1]
    assert "Traceback" not in errors
    lines, errors = execute(PICKLING, "load")
    shown = [line for line in lines if not line.startswith(("MainProcess", "PROGRESS"))]
    assert shown == [
        f"{name} 2 ['run_00000000', 'run_00000001']",
        "{0: 2, 1: 3}",
        "[(2, 6)]",
    ]


def test_a_script_gives_a_resume_folder_without_resuming(execute, tmp_path):
    lines, errors = execute(FOLDER)
    assert lines[-1] == "[(0, 3)]"
    assert "client.py:4: OptionWarning: resume_folder='resume' does nothing" in errors
    assert not (tmp_path / "resume").exists()
