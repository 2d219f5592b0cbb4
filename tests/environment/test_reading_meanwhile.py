"""Others read the file of an experiment while it is stored in."""

import subprocess
import sys

import pytest

pytest.importorskip("h5py")

from pypet import Environment, load_trajectory
from pypet.support.optional import is_installed
from tests.processes import wait_until

if sys.platform != "linux":
    pytest.skip("locks of bytes are peculiar to Linux", allow_module_level=True)

RUNS = 30
READS = 5

READER = """
import sys, warnings
from pathlib import Path
from pypet import load_trajectory

folder = Path(sys.argv[1])
reads = 0
while not (folder / "over").exists():
    traj = load_trajectory("t", filename=str(folder / "data.hdf5"), load_data=2)
    completed = [index for index in range(len(traj)) if traj.f_is_completed(index)]
    for index in completed:
        assert traj.f_get(f"results.runs.run_{index:08d}.z").z == index * 2, index
    if (folder / "begun").exists():
        reads += 1
        (folder / f"read {reads}").touch()
print(reads)
"""


def double(traj, folder):
    """Store twice the index; run 10 goes on when somebody has read a few times meanwhile."""
    traj.f_add_result("z", traj.x * 2)
    (folder / "begun").touch()
    if traj.v_idx == 10:
        wait_until(lambda: (folder / f"read {READS}").exists())


NETWORK_MODES = ("NETLOCK", "NETQUEUE") if is_installed("zmq") else ()
MODES = [
    {"multiproc": False},
    *[
        {"multiproc": True, "ncores": 2, "use_pool": True, "wrap_mode": mode}
        for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL", *NETWORK_MODES)
    ],
]


@pytest.mark.parametrize("options", MODES, ids=lambda options: options.get("wrap_mode", "serial"))
def test_a_reader_gets_a_whole_view_and_ends_no_run(tmp_path, options):
    filename = str(tmp_path / "data.hdf5")
    env = Environment("t", filename=filename, log_config=None, report_progress=False, **options)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": list(range(RUNS))})
    env.traj.f_store()
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        try:
            results = env.run(double, tmp_path)
        finally:
            (tmp_path / "over").touch()
        output, errors = reader.communicate(timeout=100)
    assert errors == ""
    assert int(output) >= READS
    assert len(results) == RUNS
    traj = load_trajectory("t", filename=filename, load_data=2)
    assert all(traj.f_is_completed(index) for index in range(RUNS))
    assert traj.f_get_from_runs("z", fast_access=True) == {
        f"run_{index:08d}": index * 2 for index in range(RUNS)
    }
