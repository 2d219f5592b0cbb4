"""A script that starts a `MultiprocContext` and never finalizes it leaves nothing behind."""

from __future__ import annotations

import multiprocessing
import os

import pytest

from tests.processes import run_python

pytest.importorskip("h5py")
pytestmark = [
    pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork"
    ),
]

SCRIPT = """
import multiprocessing, os, sys
from pypet import MultiprocContext, Trajectory

def start():
    traj = Trajectory("own", filename="data.hdf5", storage_service="hdf5")
    MultiprocContext(traj, sys.argv[1]).start()

def with_a_child_that_ends_first():
    start()
    before = os.listdir(os.environ["TMPDIR"])  # nothing where files need no name
    child = os.fork()
    if not child:
        sys.exit()
    os.waitpid(child, 0)
    assert os.listdir(os.environ["TMPDIR"]) == before

if sys.argv[2] == "child":
    process = multiprocessing.get_context("fork").Process(target=start)
    process.start()
    process.join()
    sys.exit(process.exitcode)
with_a_child_that_ends_first()
"""


@pytest.mark.parametrize("wrap_mode", ["LOCK", "PIPE"])
@pytest.mark.parametrize("where", ["main", "child"])
def test_nothing_is_left_of_the_lock_when_the_process_that_made_it_ends(tmp_path, wrap_mode, where):
    folder = tmp_path / "temporary"
    folder.mkdir()
    done = run_python(
        "-c", SCRIPT, wrap_mode, where, cwd=tmp_path, env={**os.environ, "TMPDIR": str(folder)}
    )
    assert done.returncode == 0, done.stderr
    assert list(folder.iterdir()) == []
