"""What works where only numpy and pluggy are installed.

Each piece of code runs in an interpreter of its own in which the packages of all extras cannot be
imported, so these tests say the same in a bare and in a full environment.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXTRAS = (
    "h5py",
    "hdf5plugin",
    "tables",
    "pandas",
    "scipy",
    "psutil",
    "tqdm",
    "git",
    "dill",
    "zmq",
    "scoop",
    "dask",
    "matplotlib",
)
HIDE_EXTRAS = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))\n"
EXAMPLES = Path(__file__).parents[2] / "examples"

TEN_RUNS = """
from pypet import Environment

def multiply(traj):
    traj.f_add_result('z', traj.x * traj.y, comment='product')

with Environment(trajectory='mult', storage_service='memory', log_config=None) as env:
    traj = env.traj
    traj.f_add_parameter('x', 1.0)
    traj.f_add_parameter('y', 2.0)
    traj.f_explore({'x': [float(i) for i in range(10)]})
    env.run(multiply)
traj.f_load(load_results=2)
print([z for z in traj.f_get_from_runs('z', fast_access=True).values()])
"""


def run_bare(code, folder):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", HIDE_EXTRAS + code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_importing_pypet_needs_no_extra(tmp_path):
    done = run_bare("import pypet; print(pypet.__version__)", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_ten_runs_in_memory_are_read_back(tmp_path):
    done = run_bare(TEN_RUNS, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str([2.0 * i for i in range(10)])


def test_runs_in_memory_leave_no_files(tmp_path):
    assert run_bare(TEN_RUNS, tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", ["", "filename='x.hdf5'", "storage_service='hdf5'"])
def test_files_are_refused_with_the_extra_to_install(tmp_path, arguments):
    done = run_bare(
        f"import pypet\ntry:\n    pypet.Environment(log_config=None, {arguments})\n"
        "except ValueError as err:\n    print(err)",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert 'pip install "pypet[hdf5]"' in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_example_in_memory_prints_ten_runs(tmp_path):
    code = f"import runpy; runpy.run_path({str(EXAMPLES / 'in_memory.py')!r}, run_name='__main__')"
    done = run_bare(code, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 10
    assert lines[-1] == "run_00000009: 10.0 m take 1.43 s"


def test_the_command_lists_plugins(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "pypet", "plugins"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "memory" in done.stdout
