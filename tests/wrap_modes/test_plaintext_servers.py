"""Servers and clients of `pypet.utils.mpwrappers` that are made by hand speak established words."""

from __future__ import annotations

import multiprocessing
import pickle
import queue
import socket
import threading

import pytest

from pypet import Trajectory, UnprotectedServerWarning, load_trajectory

pytest.importorskip("zmq")
pytest.importorskip("h5py")

import zmq

from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.utils.mpwrappers import (
    ForkAwareLockerClient,
    ForkAwareQueuingClient,
    ForkDetector,
    LockerClient,
    LockerServer,
    LockWrapper,
    QueueStorageServiceSender,
    QueuingClient,
    QueuingServer,
    QueuingServerMessageListener,
    ReliableClient,
    TimeOutLockerServer,
    ZMQServer,
)
from tests.processes import DEADLINE_SECONDS


@pytest.fixture
def url():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def serve():
    """A function that runs a server in a thread; all end with the test, at the latest."""
    running = []

    def start(server, run="run"):
        errors = []

        def target():
            try:
                getattr(server, run)()
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=target)
        thread.start()
        running.append((server, thread))
        with (
            LockerClient(server.url)
            if run == "run" and hasattr(server, "_owners")
            else (QueuingClient(server.url)) as client
        ):
            client.test_ping()
        return thread, errors

    yield start
    for server, thread in running:
        if thread.is_alive():
            kind = LockerClient if hasattr(server, "_owners") else QueuingClient
            client = kind(server.url)
            client.send_done()
            client.finalize()
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


@pytest.fixture
def ask(url):
    """A function that sends bytes and returns the answer."""
    with zmq.Context(1) as context, context.socket(zmq.REQ) as client:
        client.linger = 0
        client.connect(url)

        def send(request):
            client.send(request)
            assert client.poll(10_000)
            return client.recv().decode()

        yield send


def made(kind, *args):
    with pytest.warns(UnprotectedServerWarning, match="Every program on this machine can use"):
        return kind(*args)


def test_the_lock_server_answers_as_established(url, serve, ask):
    serve(made(LockerServer, url))
    words = [
        ("LOCK:::l:::a:::1", "GO"),
        ("LOCK:::l:::b:::2", "WAIT"),
        ("LOCK:::l:::a:::3", "LOCK_ERROR"),
        ("LOCK:::other:::b:::4", "GO"),
        ("UNLOCK:::l:::b:::5", "RELEASE_ERROR"),
        ("UNLOCK:::none:::a:::6", "RELEASE_ERROR"),
        ("UNLOCK:::l:::a:::7", "RELEASED"),
        ("LOCK:::l:::b:::8", "GO"),
        ("PING:::l:::a:::9", "PONG"),
        ("NOTHING:::l:::a:::10", "MSG_ERROR"),
        ("LOCK:::l:::a", "MSG_ERROR"),
        ("LOCK:::l:::a:::11:::more", "MSG_ERROR"),
    ]
    for request, answer in words:
        assert ask(request.encode()).split(":::")[0] == answer, request
    assert ask(b"\xff\xfe").split(":::")[0] == "MSG_ERROR"
    assert ask(b"LOCK:::third:::a:::12") == "GO"


def test_done_ends_the_lock_server(url, serve, ask):
    thread, errors = serve(made(LockerServer, url))
    assert ask(b"DONE:::l:::a:::1") == "CLOSED"
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()
    assert errors == []


def test_with_a_timeout_the_lock_moves_on(url, serve, ask):
    server = made(TimeOutLockerServer, url, 1000.0)
    serve(server)
    assert ask(b"LOCK:::l:::a:::1") == "GO"
    assert ask(b"LOCK:::l:::b:::2") == "WAIT"
    server.timeout = 0.0  # which is over now
    answer = ask(b"LOCK:::l:::b:::3")
    assert answer.startswith("GO:::")
    server.timeout = 1000.0
    assert ask(b"UNLOCK:::l:::a:::4").split(":::")[0] == "RELEASE_ERROR"
    assert ask(b"UNLOCK:::l:::b:::5") == "RELEASED"
    assert ask(b"LOCK:::l:::a:::6") == "GO"
    assert ask(b"UNLOCK:::l:::a:::7") == "RELEASED"


def test_clients_lock_and_release(url, serve):
    serve(made(LockerServer, url))
    with LockerClient(url) as client:
        assert client.acquire()
        with pytest.raises(RuntimeError, match="LOCK_ERROR"):
            client.acquire()
        client.release()
        with pytest.raises(RuntimeError, match="RELEASE_ERROR"):
            client.release()
        assert client.client_id.endswith(f"__{multiprocessing.current_process().pid}")


class Forgetful(LockerServer):
    """Does not answer the first question of each kind."""

    def run(self):
        self.forgotten = set()
        super().run()

    def _pre_respond_hook(self, response):
        kind = response.split(":::")[0]
        if kind in ("GO", "RELEASED") and kind not in self.forgotten:
            self.forgotten.add(kind)
            return False
        return True


def test_a_lost_answer_is_made_up_for(url, serve, monkeypatch):
    monkeypatch.setattr(ReliableClient, "TIMEOUT", 300)
    serve(made(Forgetful, url))
    with LockerClient(url) as client:
        assert client.acquire()
        client.release()
        assert client.acquire()
        client.release()


def test_a_server_that_is_not_there_is_an_error(url, monkeypatch):
    monkeypatch.setattr(ReliableClient, "TIMEOUT", 20)
    monkeypatch.setattr(ReliableClient, "RETRIES", 2)
    for client in (LockerClient(url), QueuingClient(url)):
        with pytest.raises(RuntimeError, match="does not answer, after 2 more attempts"):
            client.start()
        client.finalize()


def test_pickles_leave_the_connection_behind(url, serve):
    serve(made(LockerServer, url))
    with ForkAwareLockerClient(url, "name") as client:
        client.acquire()
        copy = pickle.loads(pickle.dumps(client))
        copy.release()  # the same process
        copy.finalize()


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork"
)
def test_forked_processes_have_connections_of_their_own(url, serve):
    serve(made(LockerServer, url))
    context = multiprocessing.get_context("fork")
    with ForkAwareLockerClient(url) as client:
        client.acquire()
        process = context.Process(target=lock_once, args=(client,))
        process.start()
        client.release()
        process.join(DEADLINE_SECONDS)
        assert process.exitcode == 0
        client.acquire()
        client.release()


def lock_once(client):
    client.acquire()
    client.release()
    client.finalize()


@pytest.mark.parametrize("kind", [LockerServer, QueuingServerMessageListener])
def test_servers_are_for_this_machine_only(kind):
    args = () if kind is LockerServer else (queue.Queue(),)
    with pytest.raises(ValueError, match="wrap_mode='NETLOCK' or 'NETQUEUE'"):
        kind("tcp://*:7777", *args)
    with pytest.raises(ValueError, match="has no key"):
        kind("tcp://192.0.2.1:7777", *args)


def test_everything_has_its_base():
    assert issubclass(LockerServer, ZMQServer)
    assert issubclass(QueuingServerMessageListener, ZMQServer)
    assert issubclass(ForkAwareLockerClient, ForkDetector)
    assert issubclass(ForkAwareQueuingClient, ForkDetector)


def stored_trajectory(folder):
    service = HDF5StorageService(filename=str(folder / "data.hdf5"))
    traj = Trajectory("own", storage_service=service)
    traj.f_add_parameter("x", 0)
    traj.f_store()
    return traj, service


def loaded(folder):
    return load_trajectory("own", filename=str(folder / "data.hdf5"), load_data=2)


def test_a_client_is_the_lock_of_a_wrapper(url, serve, tmp_path):
    serve(made(LockerServer, url))
    traj, service = stored_trajectory(tmp_path)
    with LockerClient(url) as lock:
        traj.v_storage_service = LockWrapper(service, lock)
        traj.f_add_result("z", 42)
        traj.f_store_item("z")
    assert loaded(tmp_path).z == 42


@pytest.mark.parametrize("client_class", [QueuingClient, ForkAwareQueuingClient])
def test_a_queuing_server_stores_what_a_sender_puts(url, serve, tmp_path, client_class):
    traj, service = stored_trajectory(tmp_path)
    thread, errors = serve(made(QueuingServer, url, service, 1, 2))
    with client_class(url) as client:
        traj.v_storage_service = QueueStorageServiceSender(client, service)
        for number in range(5):
            traj.f_add_result(f"z{number}", number)
            traj.f_store_item(f"z{number}")
        client.put(("STORE", ("LEAF", traj.f_add_result("plain", 7)), {"trajectory_name": "own"}))
        client.send_done()
    thread.join(DEADLINE_SECONDS)
    assert errors == []
    results = loaded(tmp_path)
    assert [results.f_get(f"z{number}").f_get() for number in range(5)] == [*range(5)]
    assert results.plain == 7


def test_the_queuing_listener_answers_as_established(url, serve, ask):
    items = queue.Queue()
    thread, errors = serve(made(QueuingServerMessageListener, url, items, 2), "listen")
    assert ask(pickle.dumps("PING")) == "PONG"
    assert ask(pickle.dumps("SPACE")) == "SPACE_AVAILABLE"
    assert ask(pickle.dumps("SPACE")) == "SPACE_AVAILABLE"
    assert ask(pickle.dumps("SPACE")) == "SPACE_NOT_AVAILABLE"
    assert ask(pickle.dumps(("DATA", 1))) == "STORING"
    assert ask(pickle.dumps(("DATA", 2))) == "STORING"
    with QueuingClient(url) as client, pytest.raises(queue.Full):
        client.put(3, block=False)
    assert items.get() == 1
    with QueuingClient(url) as client:
        client.put(3)
    assert ask(pickle.dumps("DONE")) == "CLOSED"
    thread.join(DEADLINE_SECONDS)
    assert [items.get(), items.get()] == [2, 3]
    assert items.get() == ("DONE",)
    assert errors == []


@pytest.mark.parametrize("request_", [pickle.dumps("WHAT"), b"no pickle", pickle.dumps(("DATA",))])
def test_a_request_of_no_protocol_ends_the_queuing_server_but_keeps_what_came(
    url, serve, tmp_path, request_
):
    traj, service = stored_trajectory(tmp_path)
    thread, errors = serve(made(QueuingServer, url, service))
    with QueuingClient(url) as client:
        traj.v_storage_service = QueueStorageServiceSender(client, service)
        traj.f_add_result("z", 1)
        traj.f_store_item("z")
    with zmq.Context(1) as context, context.socket(zmq.REQ) as stranger:
        stranger.linger = 1000
        stranger.connect(url)
        stranger.send(request_)
        thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()
    assert [type(error) for error in errors] == [RuntimeError]
    assert loaded(tmp_path).z == 1


def test_a_port_in_use_is_an_error_at_once(url, serve, tmp_path):
    serve(made(LockerServer, url))
    _, service = stored_trajectory(tmp_path)
    with pytest.raises(zmq.ZMQError):
        made(QueuingServer, url, service).run()
    with pytest.raises(zmq.ZMQError):
        made(LockerServer, url).run()
