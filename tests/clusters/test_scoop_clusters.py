"""SCOOP over several hosts, and in a job of Grid Engine."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from pypet import load_trajectory

pytest.importorskip("scoop")
pytest.importorskip("h5py")

EXAMPLES = Path(__file__).parents[2] / "examples" / "cluster"
SMALL = ("--size", "40", "--repetitions", "4")
SECONDS = 150
"""So long an experiment may take; it passes only if something hangs."""
GATED = '''
import socket, sys, time
from pathlib import Path
from pypet import Environment


def wait(traj):
    """End when the gate is open; the first runs are held there."""
    Path("begun", str(traj.x)).touch()
    while traj.x < 6 and not Path("gate").exists():
        time.sleep(0.02)
    traj.f_add_result("z", traj.x)
    return socket.gethostname()


if __name__ == "__main__":
    with Environment("gated", filename="gated.hdf5", multiproc=True, use_scoop=True,
                     wrap_mode=sys.argv[1], report_progress=False) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": list(range(20))})
        print("ON", *sorted({host for _, host in env.run(wait)}), flush=True)
'''
"""Runs 0 to 5 occupy the six workers until a file is there."""


@pytest.fixture
def place(tmp_path):
    """A folder with the examples, as a user has them."""
    return shutil.copytree(EXAMPLES, tmp_path / "cluster")


def check_percolation(place, output):
    traj = load_trajectory(
        filename=str(place / "percolation_results" / "percolation.hdf5"), load_data=2
    )
    assert len(traj) == 20
    assert traj.f_is_completed()
    for run in traj.f_iter_runs():
        if traj.p < 0.51:
            assert not traj[run].passes
    assert len(re.findall(r"^p = 0\.\d\d .* of 4 pass", output, re.MULTILINE)) == 5


def command(*arguments):
    return [sys.executable, "-m", "scoop", "--hostfile", "scoop_hosts", "-n", "6", *arguments]


def check_nothing_is_left(hosts):
    deadline = time.monotonic() + SECONDS
    for host in ("w1", "w2"):
        while hosts.processes(host):
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_hosts_file(hosts, place):
    done = hosts.run(*command("scoop_percolation.py", *SMALL), cwd=place, seconds=SECONDS)
    check_percolation(place, done.stdout)
    # Which hosts are fast enough to get some of these short runs is left open.
    (names,) = re.findall(r"^Executed on: (.*)$", done.stdout, re.MULTILINE)
    assert {"head", "w1", "w2"} >= set(names.split(", "))
    assert done.stdout.count("Launching 2 worker(s)") >= 2
    check_nothing_is_left(hosts)


def test_a_job_of_grid_engine(grid_engine, place):
    recipe = place / "scoop_percolation.qsub"
    text = recipe.read_text()
    assert text.count("scoop_percolation.py") == 1
    recipe.write_text(
        text.replace("scoop_percolation.py", " ".join(("scoop_percolation.py", *SMALL)))
    )
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}{os.pathsep}/usr/sbin"
    grid_engine.run(
        "qsub", "-sync", "y", recipe.name, cwd=place, env={"PATH": path}, seconds=SECONDS
    )
    (output,) = place.glob("percolation.o*")
    check_percolation(place, output.read_text())
    assert "3 + origin" in output.read_text()


@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_workers_of_all_hosts_get_the_key_of_the_network_by_a_file(hosts, tmp_path, mode):
    shutil.copy(EXAMPLES / "scoop_hosts", tmp_path)
    (tmp_path / "gated.py").write_text(GATED, encoding="utf8")
    for name in ("begun", "gate"):
        (tmp_path / name).mkdir()
    done = hosts.run(*command("gated.py", mode), cwd=tmp_path, seconds=SECONDS)
    traj = load_trajectory(filename=str(tmp_path / "gated.hdf5"), load_data=2)
    assert traj.f_is_completed(), done.stdout
    assert list(traj.f_get_from_runs("z", fast_access=True).values()) == list(range(20))
    assert list(tmp_path.glob(".pypet-*.key")) == []
    check_nothing_is_left(hosts)
