"""Experiments that store in SQLite files, and files that are damaged, missing or shared."""

from __future__ import annotations

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from pypet import Environment, Trajectory, load_trajectory
from pypet.errors import StorageFormatError
from pypet_sqlite import SqliteStorageService

RUNS = 6
SCRIPT = """
import sys, time
from pypet import Environment

def slow(traj):
    traj.f_add_result("z", traj.x * 2)
    time.sleep(0.05)

with Environment(
    trajectory="t", storage_service="sqlite", filename=sys.argv[1], log_config=None
) as env:
    env.traj.f_add_parameter("x", 1.0)
    env.traj.f_explore({"x": [float(x) for x in range(1000)]})
    env.run(slow)
"""


def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="product")
    return traj.x


def load(path):
    return load_trajectory("t", storage_service="sqlite", filename=str(path), load_data=2)


@pytest.mark.parametrize("mode", [None, "QUEUE", "LOCK", "PIPE", "LOCAL"])
def test_all_runs_are_stored(tmp_path, mode):
    path = tmp_path / "data.sqlite"
    parallel = {"multiproc": True, "ncores": 2, "wrap_mode": mode} if mode else {}
    with Environment(
        trajectory="t",
        storage_service="sqlite",
        filename=str(path),
        log_config=None,
        report_progress=False,
        **parallel,
    ) as env:
        env.traj.f_add_parameter("x", 1.0)
        env.traj.f_add_parameter("y", 1.0)
        env.traj.f_explore({"x": [float(x) for x in range(RUNS)], "y": [2.0] * RUNS})
        env.run(multiply)
    loaded = load(path)
    assert all(loaded.f_is_completed(run) for run in range(RUNS))
    found = [loaded.f_get(f"results.runs.run_{run:08d}.z").f_get() for run in range(RUNS)]
    assert found == [2.0 * run for run in range(RUNS)]
    assert [each.name for each in tmp_path.glob("*.sqlite*")] == ["data.sqlite"]


def test_what_a_killed_process_stored_is_there(tmp_path):
    script, path = tmp_path / "script.py", tmp_path / "data.sqlite"
    script.write_text(SCRIPT)
    with subprocess.Popen([sys.executable, str(script), str(path)], cwd=tmp_path) as process:
        deadline = time.monotonic() + 60
        while stored_items(path) < 10 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    results = load(path).f_get("results.runs").f_to_dict(fast_access=True)
    assert len(results) >= 10
    for name, value in results.items():
        assert value == 2.0 * int(name.split(".")[2].removeprefix("run_"))
    service = SqliteStorageService(path)
    more = Trajectory("more", storage_service=service)
    more.f_store()
    assert service.trajectory_names() == ["t", "more"]


def stored_items(path):
    if not path.exists():
        return 0
    try:
        with sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True) as connection:
            query = "SELECT count(*) FROM items WHERE path LIKE 'results.runs.%'"
            (count,) = connection.execute(query).fetchone()
    except sqlite3.OperationalError:  # it is being created
        return 0
    finally:
        if "connection" in locals():
            connection.close()
    return count


# ----- files -----------------------------------------------------------------------------------


def stored(path, **options):
    service = SqliteStorageService(path, **options)
    traj = Trajectory("t", storage_service=service)
    traj.f_add_result("r", x=1)
    traj.f_store()
    return traj


def test_a_file_of_another_kind_is_refused(tmp_path):
    text, other = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    text.write_text("no database" * 100)
    with sqlite3.connect(other) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(StorageFormatError, match=path.name):
            SqliteStorageService(path).trajectory_names()
        with pytest.raises(StorageFormatError, match=path.name):
            stored(path)
        assert path.read_bytes() == before


def test_a_folder_without_write_access_can_be_read(tmp_path, monkeypatch):
    traj = stored(tmp_path / "data.sqlite")
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda *args: False)
        assert load(tmp_path / "data.sqlite").f_get("results.r").x == 1
        with pytest.raises(OSError, match="readonly"):
            traj.f_store_item(traj.f_add_result("late", 1))


def test_another_writer_is_waited_for_as_long_as_asked(tmp_path):
    traj = stored(tmp_path / "data.sqlite", sqlite_timeout=0.05)
    with sqlite3.connect(tmp_path / "data.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match="locked"):
            traj.f_store_item(traj.f_add_result("late", 1))
    other.close()
    traj.f_store_item("results.late")
    assert load(tmp_path / "data.sqlite").f_get("results.late").f_get() == 1


def test_a_copy_for_another_process_is_closed(tmp_path):
    service = stored(tmp_path / "data.sqlite").v_storage_service
    service.open()
    service.trajectory_names()
    copy = pickle.loads(pickle.dumps(service))
    assert not copy.is_open
    assert copy.trajectory_names() == ["t"]
    service.close()


def test_a_wrong_level_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'SOMETIMES'"):
        SqliteStorageService(tmp_path / "data.sqlite", sqlite_synchronous="SOMETIMES")
