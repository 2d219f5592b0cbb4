"""When the main process counts a worker of SCOOP as gone, without SCOOP."""

from __future__ import annotations

import socket

import pytest

from pypet.interfaces import Task
from pypet.plugins.scoop import scoop_internals, worker_handle
from pypet.plugins.scoop.worker_handle import UNREACHABLE_SECONDS, Batch, WorkerHandle
from tests.processes import wait_until


@pytest.fixture
def clock(monkeypatch):
    """The time that handles of workers see, in a list."""
    now = [1000.0]
    monkeypatch.setattr(worker_handle, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def port():
    """A port at which the system answers once, and swallows everything else after that."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        yield server.getsockname()[1]


@pytest.fixture
def worker(clock, port):
    each = WorkerHandle(f"127.0.0.1:{port}".encode(), "host", 1)
    yield each
    each.close()


def give(worker):
    worker.begin(Batch(1, [Task(0, (), {})], "function", None))


def look(worker, clock):
    clock[0] += 0.1
    assert not worker.is_gone
    return worker.probe.was_accepted


def test_time_without_a_batch_does_not_count_as_silence(worker, clock):
    give(worker)
    wait_until(lambda: look(worker, clock))
    worker.batch = None
    clock[0] += 10 * UNREACHABLE_SECONDS
    give(worker)
    assert not worker.is_gone
    clock[0] += UNREACHABLE_SECONDS - 1
    assert not worker.is_gone
    clock[0] += 2
    assert worker.is_gone


def test_a_worker_that_never_answered_is_given_up_in_the_same_time(worker, clock, port):
    socket.create_connection(("127.0.0.1", port)).close()
    give(worker)
    assert not worker.is_gone
    clock[0] += UNREACHABLE_SECONDS - 1
    assert not worker.is_gone
    clock[0] += 2
    assert worker.is_gone
    assert not worker.probe.was_accepted


def test_worker_with_a_sign_of_life_is_not_given_up(worker, clock):
    give(worker)
    wait_until(lambda: look(worker, clock))
    clock[0] += UNREACHABLE_SECONDS - 1
    assert not worker.is_gone
    worker.note_alive()
    clock[0] += 2
    assert not worker.is_gone


def test_worker_is_gone_when_its_host_refuses_the_connection(clock):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    worker = WorkerHandle(f"127.0.0.1:{port}".encode(), "host", 1)
    give(worker)
    wait_until(lambda: worker.is_gone)


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="not on this system")
def test_connections_to_the_port_end_when_the_other_side_is_silent():
    option = socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", 0)
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_server(("127.0.0.1", 0)) as other,
    ):
        address = server.getsockname()
        with socket.create_connection(address) as early:
            early_end, _ = server.accept()
            scoop_internals.end_silent_connections(address[1], 7.0)
            with early_end, socket.create_connection(address):
                late_end, _ = server.accept()
                with late_end:
                    assert early_end.getsockopt(*option) == 7000
                    assert late_end.getsockopt(*option) == 7000
            assert early.getsockopt(*option) == other.getsockopt(*option) == 0
