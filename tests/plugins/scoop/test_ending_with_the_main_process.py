"""Workers of SCOOP end when their main process is out of reach, whatever they are executing."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

WORKER = """
import sys, time
from pypet.plugins.scoop import worker
worker.CONNECT_SECONDS, worker.LOST_SECONDS = 0.05, 0.2
worker.end_without(("127.0.0.1", int(sys.argv[1])))
time.sleep(1000)
"""
SECONDS = 60


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(SECONDS)
        yield listening


def test_a_worker_stays_as_long_as_it_is_answered_and_ends_later(server):
    command = [sys.executable, "-c", WORKER, str(server.getsockname()[1])]
    with subprocess.Popen(command) as worker:
        try:
            for _ in range(10):  # each time the connection is ended, it makes another one
                connection, _ = server.accept()
                connection.close()
            connection, _ = server.accept()
            with connection, pytest.raises(subprocess.TimeoutExpired):
                worker.wait(1)  # nobody says anything, but somebody is there
            server.close()
            assert worker.wait(SECONDS) == -signal.SIGTERM
        finally:
            worker.kill()
