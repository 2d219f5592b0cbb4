"""Strangers get nowhere with the servers of NETLOCK and NETQUEUE, and harm nothing."""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import selectors
import threading
import time
from collections import deque
from contextlib import contextmanager

import numpy as np
import pytest

from pypet import Environment, load_trajectory
from pypet.errors import NotStoredError
from pypet.services.messages import ServiceCall, StoreMessage
from tests.wrap_modes import attackers

pytest.importorskip("zmq")
pytest.importorskip("h5py")

import zmq

from pypet.wrap_modes._local.framing import encode_batch
from pypet.wrap_modes._net.keys import ServerKey
from pypet.wrap_modes._net.server_socket import HEADER
from pypet.wrap_modes.netqueue import channel as channels
from pypet.wrap_modes.netqueue.channel import Channel
from pypet.wrap_modes.netqueue.listener import NetworkListener


class Serving:
    """A listener that is served by a thread, and what it took."""

    def __init__(self):
        self.key = ServerKey.make(zmq)
        self.messages = deque()
        ours, theirs = multiprocessing.Pipe()
        self._listener = NetworkListener("NETQUEUE", self.key, None, False, theirs)
        self._selector = selectors.DefaultSelector()
        self._listener.register(self._selector)
        self.url = ours.recv()
        ours.close()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def counts(self):
        return self._listener._server.refusals.counts

    def runs(self):
        return [message.run for message in self.messages]

    def _serve(self):
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.02):
                key.data(self.messages)

    def stop(self):
        """End the thread; what was refused is counted then."""
        self._ended.set()
        self._thread.join(10)
        self._listener.sweep(self.messages)
        counts = dict(self.counts)
        self._listener.close()
        self._selector.close()
        return counts


@pytest.fixture
def serving():
    served = Serving()
    yield served
    if not served._ended.is_set():
        served.stop()


@contextmanager
def channel_to(serving, url=None):
    channel = Channel(url or serving.url, serving.key.for_workers())
    try:
        yield channel
    finally:
        channel.close()


def message(run, content=None):
    return StoreMessage(run, ServiceCall("LEAF", content, (), {}))


def header(serving, number=1, token=None):
    return HEADER.pack(token or serving.key.token, attackers.SESSION, number)


def bomb(tmp_path):
    content = pickle.dumps(attackers.Bomb(str(tmp_path / "exploded")))
    return b"".join(bytes(each) for each in encode_batch([[b"\0" * 8, content]]))


def test_workers_are_served_while_strangers_try_everything(serving, tmp_path, caplog):
    with channel_to(serving) as channel:
        channel.put(message(0))
        with caplog.at_level(logging.WARNING):
            assert attackers.everything(serving.url, str(tmp_path)) == []
        channel.put(message(1))
    counts = serving.stop()
    assert serving.runs() == [0, 1]
    assert list(tmp_path.iterdir()) == []
    assert counts["a connection without the key of this experiment"] >= 3
    assert "refused a connection without the key" in caplog.text


def test_a_message_without_the_token_is_not_even_unpickled(serving, tmp_path):
    message = [header(serving, token=b"t" * 32), bomb(tmp_path)]
    assert attackers.encrypted(serving.url, serving.key.public, message, message) == []
    assert serving.stop() == {"a message without the token of this experiment": 2}
    assert serving.runs() == []
    assert list(tmp_path.iterdir()) == []


def test_the_bomb_would_explode_in_a_message_with_the_token(serving, tmp_path):
    attackers.encrypted(serving.url, serving.key.public, [header(serving), bomb(tmp_path)])
    serving.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["exploded"]


def test_malformed_headers_are_counted_and_dropped(serving):
    messages = [[b"short"], [b""], [b"x" * 56], [b"x" * 57, b"y"]]
    assert attackers.encrypted(serving.url, serving.key.public, *messages) == []
    counts = serving.stop()
    assert counts["a malformed message"] == 3
    assert serving.runs() == []


def test_a_message_that_is_sent_again_is_taken_once(serving):
    body = b"".join(bytes(each) for each in encode_batch([[b"\0" * 8, pickle.dumps(None)]]))
    message = [header(serving), body]
    answers = attackers.encrypted(serving.url, serving.key.public, message, message, message)
    assert len(answers) >= 1
    assert serving.stop()["a message that was there already"] == 2
    assert len(serving.messages) == 1


def test_oversized_frames_end_the_connection(serving):
    message = [header(serving), bytes(8 << 20)]
    assert attackers.encrypted(serving.url, serving.key.public, message) == []
    serving.stop()
    assert serving.runs() == []


def test_large_arrays_are_cut_into_frames_and_put_together(serving):
    values = np.arange(1 << 20, dtype=float)
    with channel_to(serving) as channel:
        channel.put(message(3, {"a": values, "b": values[:7], "c": values[::-1][:70_000]}))
    serving.stop()
    (taken,) = serving.messages
    np.testing.assert_array_equal(taken.content.stuff["a"], values)
    np.testing.assert_array_equal(taken.content.stuff["c"], values[::-1][:70_000])


def test_the_key_is_in_no_text(serving):
    secrets = (serving.key.token, serving.key.secret, serving.key.public)
    text = repr(serving.key) + str(serving.key.for_workers())
    assert not any(secret.decode("latin1") in text for secret in secrets)


def test_connections_without_a_word_are_closed_and_others_served(serving):
    import socket

    host, _, port = serving.url[len("tcp://") :].rpartition(":")
    idle = [socket.create_connection((host, int(port))) for _ in range(200)]
    try:
        with channel_to(serving) as channel:
            channel.put(message(0))
        idle[0].settimeout(30)
        while idle[0].recv(100):  # a greeting, then the end
            pass
    finally:
        for each in idle:
            each.close()
    assert serving.runs() == [0]


# ----- connections that break --------------------------------------------------------------


class Relay:
    """Passes bytes on between workers and a server, until it is told to break connections."""

    def __init__(self, url):
        import socket

        host, _, port = url[len("tcp://") :].rpartition(":")
        self._target = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"tcp://127.0.0.1:{self._listening.getsockname()[1]}"
        self._pairs = []
        self.deaf_to_server = False
        """Whether answers are swallowed."""
        self.delay = 0.0
        """Seconds until bytes are passed on."""
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self):
        import socket

        while True:
            try:
                worker, _ = self._listening.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._pairs.append((worker, server))
            for one, other, answers in ((worker, server, False), (server, worker, True)):
                thread = threading.Thread(target=self._pass, args=(one, other, answers))
                self._threads.append(thread)
                thread.start()

    def _pass(self, one, other, answers):
        try:
            while data := one.recv(1 << 16):
                time.sleep(self.delay)
                if not (answers and self.deaf_to_server):
                    other.sendall(data)
        except OSError:
            pass
        self._shut(one, other)

    @staticmethod
    def _shut(*ends):
        import socket

        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def break_all(self):
        for pair in self._pairs:
            self._shut(*pair)

    def close(self):
        self._shut(self._listening)
        self._listening.close()
        self.break_all()
        for thread in self._threads:
            thread.join(10)
        for pair in self._pairs:
            for end in pair:
                end.close()


@pytest.fixture
def relay(serving):
    relay = Relay(serving.url)
    yield relay
    relay.close()


@pytest.fixture
def _impatient(monkeypatch):
    monkeypatch.setattr(channels, "RESEND_SECONDS", 0.3)


@pytest.mark.usefixtures("_impatient")
def test_what_got_no_answer_is_sent_again_and_taken_once(serving, relay):
    with channel_to(serving, relay.url) as channel:
        channel.put(message(0))
        relay.deaf_to_server = True
        threading.Timer(1.0, setattr, (relay, "deaf_to_server", False)).start()
        channel.put(message(1))
        channel.put(message(2))
    counts = serving.stop()
    assert serving.runs() == [0, 1, 2]
    assert counts.get("a message that was there already", 0) >= 1


@pytest.mark.usefixtures("_impatient")
def test_broken_connections_lose_and_double_nothing(serving, relay):
    with channel_to(serving, relay.url) as channel:
        for run in range(60):
            if run % 20 == 10:
                relay.break_all()
            with channel:
                channel.put(message(run))
            if run % 7 == 0:
                assert channel.flush() == {}
        assert channel.flush() == {}
    serving.stop()
    assert serving.runs() == list(range(60))


@pytest.mark.usefixtures("_impatient")
def test_answers_that_come_late_lose_and_double_nothing(serving, relay):
    with channel_to(serving, relay.url) as channel:
        channel.put(message(0))
        relay.delay = 0.2  # a question and its answer take longer than one waits at first
        for run in range(1, 4):
            channel.put(message(run))
        relay.delay = 0.0
    serving.stop()
    assert serving.runs() == [0, 1, 2, 3]


def test_a_writer_that_is_gone_is_an_error_of_the_runs(serving, monkeypatch):
    monkeypatch.setattr(channels, "RESEND_SECONDS", 0.2)
    monkeypatch.setattr(channels, "RECONNECT_SECONDS", 0.3)
    with channel_to(serving) as channel:
        channel.put(message(0))
        serving.stop()
        with pytest.raises(RuntimeError, match="wrap_mode='NETQUEUE' is gone"):
            channel.put(message(1))
    with channel_to(serving) as channel:
        with channel:
            channel.put(message(4))
            channel.put(message(5))
        failures = channel.flush()
    assert sorted(failures) == [4, 5]


LARGE = np.arange(1 << 18, dtype=float)


def socket_of(channel):
    """Return the socket of a channel, to disturb it."""
    return channel._socket


def test_large_data_is_on_its_way_while_the_next_run_is_executed(serving):
    values = LARGE.copy()
    with channel_to(serving) as channel:
        socket = socket_of(channel)
        receive, socket.receive = socket.receive, None  # nobody waits for it
        with channel:
            for run in range(4):
                values[0] = run
                channel.put(message(run, values))
        values[:] = -1.0  # it is theirs
        socket.receive = receive
        assert channel.flush() == {}
    serving.stop()
    assert [taken.content.stuff[0] for taken in serving.messages] == [0, 1, 2, 3]
    assert all(taken.content.stuff[-1] == LARGE[-1] for taken in serving.messages)


def test_a_worker_keeps_only_so_much(serving, monkeypatch):
    monkeypatch.setattr(channels, "_MAX_UNANSWERED_BYTES", LARGE.nbytes // 2)
    with channel_to(serving) as channel:
        with channel:
            channel.put(message(0, LARGE))
            assert channel._unanswered_bytes() == 0
        assert channel.flush() == {}


@pytest.mark.usefixtures("_impatient")
def test_what_was_on_its_way_is_sent_again_as_it_was(serving, relay):
    values = LARGE.copy()
    with channel_to(serving, relay.url) as channel:
        channel.put(message(0))
        relay.break_all()
        with channel:
            for run in (1, 2):
                values[:] = run
                channel.put(message(run, values))
        values[:] = -1.0
        assert channel.flush() == {}
    serving.stop()
    assert serving.runs() == [0, 1, 2]
    for taken in list(serving.messages)[1:]:
        assert set(taken.content.stuff) == {taken.run}


def test_an_error_in_one_run_tells_of_others_that_are_lost_with_it(serving, monkeypatch):
    monkeypatch.setattr(channels, "RESEND_SECONDS", 0.2)
    monkeypatch.setattr(channels, "RECONNECT_SECONDS", 0.3)
    with channel_to(serving) as channel:
        serving.stop()
        with channel:
            channel.put(message(4))
            channel.put(message(5, LARGE))
        with pytest.raises(NotStoredError, match="is gone") as told:
            channel.put(message(6))
        assert told.value.runs == (4, 5, 6)
        assert sorted(channel.flush()) == [4, 5, 6]
        assert channel.flush() == {}


def test_so_does_an_interruption(serving):
    def interrupt(seconds):
        raise KeyboardInterrupt

    with channel_to(serving) as channel:
        with channel:
            channel.put(message(4))
        receive, socket_of(channel).receive = socket_of(channel).receive, interrupt
        with pytest.raises(KeyboardInterrupt):
            channel.put(message(5))
        socket_of(channel).receive = receive
        channel.put(message(6))
        assert sorted(channel.flush()) == [4, 5]


# ----- whole experiments ---------------------------------------------------------------------


def attack(traj, folder):
    """Store, while strangers do what they can to the server."""
    (url,) = (each.f_get() for each in traj.config.f_iter_leaves() if each.v_name == "url")
    answers = attackers.everything(url, folder) if traj.x == 0 else []
    traj.f_add_result("z", traj.x)
    return len(answers)


@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_an_experiment_goes_on_under_attack(tmp_path, mode):
    filename, victim = str(tmp_path / "data.hdf5"), tmp_path / "victim"
    victim.mkdir()
    with Environment(
        "attacked",
        filename=filename,
        multiproc=True,
        use_pool=True,
        ncores=2,
        wrap_mode=mode,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": list(range(6))})
        assert env.run(attack, str(victim)) == [(run, 0) for run in range(6)]
    loaded = load_trajectory("attacked", filename=filename, load_data=2)
    assert [loaded.f_get(f"results.runs.run_{run:08d}.z").f_get() for run in range(6)] == [
        *range(6)
    ]
    assert list(victim.iterdir()) == []
