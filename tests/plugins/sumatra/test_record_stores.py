"""Records in each kind of store that Sumatra has: a database by Django, a server by HTTP.

Sumatra configures Django once in a process, for one database, so that each test here is a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

pytest.importorskip("git")
pytest.importorskip("sumatra")


SET_UP = "import sys; from sumatra.commands import init; init(['demo', *sys.argv[1:]])"
EXPERIMENT = """
import sys
from pypet import Environment

def work(traj):
    return traj.x

if __name__ == "__main__":
    for label in ("first", "grün"):
        with Environment(
            "traj", filename="data.hdf5", overwrite_file=True, log_config=None,
            report_progress=False, multiproc=True, ncores=2, use_pool=True,
            sumatra_project="project", sumatra_reason='"why"', sumatra_label=label,
        ) as env:
            env.traj.f_add_parameter("x", 1)
            env.traj.f_add_parameter("text", 'a "b"\\nc')
            env.traj.f_explore({"x": [1, 2, 3]})
            env.run(work)
    try:
        Environment("traj", storage_service="memory", log_config=None,
                    sumatra_project="project", sumatra_label="first")
    except ValueError as err:
        print(err)
"""
LIST = """
import json
from sumatra.projects import load_project
for record in load_project().find_records():
    print(json.dumps([record.label, record.parameters.as_dict(), record.reason, record.outcome,
                      record.duration]))
"""


class Server(ThreadingHTTPServer):
    """A record server: what is put somewhere can be got there."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kept: dict[str, bytes] = {}
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_PUT(self) -> None:
        is_new = self.path not in self.server.kept
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.kept[self.path] = body
        self._answer(201 if is_new else 200, b"")

    def do_GET(self) -> None:
        kept = self.server.kept
        if self.path not in kept:
            self._answer(404, b"")
        elif self.path.count("/") == 2:
            names = [path for path in kept if path.count("/") > 2]
            urls = [self.server.url.rstrip("/") + name for name in names]
            self._answer(200, json.dumps({"name": "demo", "records": urls}).encode())
        else:
            self._answer(200, kept[self.path])

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(100)


def process(*command, cwd):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**clean, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def try_store(tmp_path, *store):
    """Record two experiments, and return what Sumatra itself then reads."""
    pytest.importorskip("h5py")
    project = tmp_path / "project"
    project.mkdir()
    (project / "model.py").write_text("RATE = 1\n")
    for command in (
        ("git", "init", "-q"),
        ("git", "config", "user.name", "Somebody"),
        ("git", "config", "user.email", "somebody@example.org"),
        ("git", "add", "model.py"),
        ("git", "commit", "-qm", "first"),
        (sys.executable, "-W", "ignore", "-c", SET_UP, *store),
    ):
        process(*command, cwd=project)
    (tmp_path / "experiment.py").write_text(EXPERIMENT)
    said = process(sys.executable, "experiment.py", cwd=tmp_path)
    assert "has a record of this label already" in said
    listed = process(sys.executable, "-W", "ignore", "-c", LIST, cwd=project)
    records = {label: rest for label, *rest in map(json.loads, listed.splitlines())}
    assert set(records) == {"first", "grün"}
    for parameters, reason, outcome, duration in records.values():
        assert parameters == {"parameters.x": [1, 2, 3], "parameters.text": 'a "b"\nc'}
        assert reason.startswith('"why" -- Trajectory `traj`')
        assert outcome == "All runs are completed."
        assert 0 < duration < 60
    assert {path.name for path in tmp_path.iterdir()} == {"project", "experiment.py", "data.hdf5"}


def test_a_database_by_django_keeps_records(tmp_path):
    pytest.importorskip("django")
    try_store(tmp_path)
    assert (tmp_path / "project" / ".smt" / "records").is_file()


def test_a_server_keeps_records(tmp_path, server):
    pytest.importorskip("httplib2")
    try_store(tmp_path, "--store", server.url)
    assert len(server.kept) == 3
