"""Experiments work where Python cannot fork and signals are few, as on Windows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.processes import run_python

pytest.importorskip("h5py")

SCRIPT = """
import multiprocessing, os, signal, sys

for module, names in {
    os: ("fork", "forkpty", "register_at_fork", "waitid", "pidfd_open", "nice", "getuid"),
    signal: ("pthread_kill", "SIGHUP", "SIGUSR1"),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
multiprocessing.get_all_start_methods = lambda: ["spawn"]

from pypet import Environment, load_trajectory
from pypet.wrap_modes._local import writer

writer.SELECTS_ALL = False

def work(traj):
    traj.f_add_result("z", 2 * traj.x)
    return traj.x

if __name__ == "__main__":
    scheduler, mode = sys.argv[1:]
    options = {} if scheduler == "serial" else {"ncores": 2, "wrap_mode": mode}
    with Environment("t", filename="t.hdf5", scheduler=scheduler, **options) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(4)})
        results = env.run(work)
        config = env.traj.f_get(f"config.environment.{env.name}")
        start = config.start_method if "start_method" in config else None
    traj = load_trajectory("t", filename="t.hdf5", load_data=2)
    print(results, start, [
        traj.f_get(f"results.runs.run_{run:08d}.z").f_get() for run in range(4)
    ])
"""


@pytest.mark.parametrize(
    ("scheduler", "mode"),
    [("serial", "NONE"), ("pool", "QUEUE"), ("pool", "LOCK"), ("process", "LOCAL")],
)
def test_experiments_work_without_what_only_some_platforms_have(tmp_path, scheduler, mode):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = run_python(script, scheduler, mode, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    method = None if scheduler == "serial" else "spawn"
    assert done.stdout.strip() == f"[(0, 0), (1, 1), (2, 2), (3, 3)] {method} [0, 2, 4, 6]"
    assert "Traceback" not in done.stderr


ROOT = Path(__file__).parents[2]
POSIX_ONLY = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix"}


def sources():
    for folder in ("core", "plugins", "wrap_modes", "storage_backends"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_modules_of_posix_are_imported_only_where_the_platform_has_them():
    found = {}
    for path in sources():
        tree = ast.parse(path.read_text(encoding="utf8"))
        # What stands in a function or below a condition is somebody's decision.
        names = {
            alias.name.partition(".")[0]
            for node in tree.body
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").partition(".")[0]
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
        }
        if names & POSIX_ONLY:
            found[path.relative_to(ROOT).as_posix()] = names & POSIX_ONLY
    assert not found
