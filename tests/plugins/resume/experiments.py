"""A resumable experiment in a process of its own, which waits where a test wants it to."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

NAME, RUNS, FAILING, WAITING = "exp", 6, 2, 4
TIMEOUT_SECONDS = 60

SCRIPT = """\
import sys
import time
from pathlib import Path

from pypet import Environment


def simulate(traj, folder):
    time.sleep(0.06)  # the journal gathers what comes faster
    if traj.x == 2 and not (folder / "mended").exists():
        raise ValueError("no two")
    if traj.x == 2:
        record = traj.f_get_run_information(4, placeholders=False)
        traj.f_add_result("fourth", record["state"])
    if traj.x == 4:
        (folder / "waiting").touch()
        while not (folder / "go").exists():
            time.sleep(0.01)
    traj.f_add_result("z", traj.x * 10.0, comment="ten times x")
    traj.f_add_result("own.text", "of run %d" % traj.v_idx)
    return traj.x


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    with Environment(
        "exp",
        filename=str(folder / "exp.hdf5"),
        resumable=True,
        resume_folder=str(folder / "resume"),
        delete_resume=False,
        on_error="continue",
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0, comment="a number")
        env.traj.f_explore({"x": list(range(6))})
        env.run(simulate, folder)
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the experiment in a folder, and return when run `WAITING` waits for the file ``go``."""
    script = folder / "exp.py"
    script.write_text(SCRIPT, encoding="utf8")
    process = subprocess.Popen(
        [sys.executable, str(script), str(folder)], cwd=folder, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (folder / "waiting").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started, and wait until it is gone."""
    process.kill()
    process.communicate(timeout=TIMEOUT_SECONDS)
