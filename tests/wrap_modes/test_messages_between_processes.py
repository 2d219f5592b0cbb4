"""What travels between processes arrives as it was sent, or is known to be lost."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import sys
import tempfile
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.records import ArrayItem, DeleteLink, PutNode, StoreRequest
from pypet.services.messages import (
    ServiceCall,
    StoreMessage,
    Unreadable,
    dump,
    dump_copy,
    load,
)
from pypet.wrap_modes._local import framing
from pypet.wrap_modes._local.file_lock import FileLock
from tests.processes import DEADLINE_SECONDS, in_child

needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="the platform cannot fork"
)
VALUES = [
    np.array(1.5),
    np.array(7),
    np.array(b"bytes", dtype="S5"),
    np.array([b"a", b"bc"]),
    np.arange(6).reshape(2, 3),
    np.asfortranarray(np.arange(6).reshape(2, 3)),
    np.zeros((0, 3)),
    np.arange(10.0)[::2],
    np.arange(100_000.0),
    np.array([True, False]),
    np.zeros(2, dtype=[("a", int), ("b", float)]),
    np.array("", dtype="S"),
]


def message_of(value, run=3):
    item = ArrayItem("data", "ARRAY", value, "COLL_SCALAR", "float", "numpy")
    node = PutNode("results.z", True, "Result", "comment", {"note": 1}, (item,), summary="1.5")
    return StoreMessage(run, StoreRequest("traj", (node, DeleteLink("results.old"))))


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value.dtype}{value.shape}")
@pytest.mark.parametrize("dumped", [dump, dump_copy])
def test_requests_arrive_as_they_were(dumped, value):
    sent = message_of(value)
    arrived = load([bytes(piece) for piece in dumped(sent)])
    assert arrived.run == 3
    assert arrived.trajectory == "traj"
    node, link = arrived.content.operations
    (item,) = node.items
    assert node._replace(items=()) == sent.content.operations[0]._replace(items=())
    assert link == DeleteLink("results.old")
    assert item.value.dtype == value.dtype
    np.testing.assert_array_equal(item.value, value)
    assert item._replace(value=None) == sent.content.operations[0].items[0]._replace(value=None)


def test_messages_arrive_as_they_were():
    message = ServiceCall("LEAF", {"a": 1}, (2,), {"trajectory_name": "traj"})
    arrived = load(dump(StoreMessage(-1, message)))
    assert arrived == StoreMessage(-1, message)
    assert arrived.trajectory == "traj"


def test_what_cannot_be_read_still_tells_its_run():
    run, pickled = dump(message_of(np.array(1.5), run=7))
    arrived = load([run, pickled[:-5]])
    assert arrived.run == 7
    assert isinstance(arrived.content, Unreadable)
    with pytest.raises(type(arrived.content.error)):
        arrived.store(None)


def received(inbox):
    found = []
    while True:
        try:
            found += [(frame.number, [bytes(p) for p in frame.pieces]) for frame in inbox.receive()]
        except EOFError:
            return found


@pytest.mark.parametrize("size", [0, 10, framing.ROOM - 24, framing.ROOM, 3 * framing.ROOM])
def test_frames_arrive_whole_whatever_their_size(size):
    ours, theirs = socket.socketpair()
    sent = [(1, [b"head", b"x" * size]), (2, []), (3, [b"y" * 100])]
    inbox = framing.Inbox(theirs)
    found = []
    with ours, theirs:
        for number, pieces in sent:
            stream = b"".join(framing.encode(number, pieces))
            for start in range(0, len(stream), 30_000):
                ours.sendall(stream[start : start + 30_000])
                found += [(f.number, [bytes(p) for p in f.pieces]) for f in inbox.receive()]
        ours.close()
        found += received(inbox)
    assert found == sent
    assert inbox.is_between_frames


def test_damaged_frames_are_refused():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = bytearray(b"".join(framing.encode(1, [b"some data"])))
        stream[-1] ^= 1
        ours.sendall(stream)
        with pytest.raises(framing.FrameError, match="checksum"):
            list(framing.Inbox(theirs).receive())
        ours.sendall(b"no frame at all, but long enough")
        with pytest.raises(framing.FrameError, match="begin"):
            list(framing.Inbox(theirs).receive())


def test_half_a_frame_is_noticed():
    ours, theirs = socket.socketpair()
    with theirs:
        with ours:
            ours.sendall(b"".join(framing.encode(1, [b"some data"]))[:-3])
        inbox = framing.Inbox(theirs)
        assert received(inbox) == []
        assert not inbox.is_between_frames


# ----- the pipe ----------------------------------------------------------------------------


@pytest.fixture
def fragments():
    """The fragments of a message of three fragments, as they come out of the pipe."""
    if sys.platform == "win32":
        pytest.skip("needs pipes that processes inherit")
    from pypet.wrap_modes._local.framing import FRAGMENT_BYTES
    from pypet.wrap_modes.pipe.pipe import MessageCounts, PipeWriter, make_pipe

    reading, writing = make_pipe()
    counts = MessageCounts()
    pipe = PipeWriter(writing, FileLock.make(), counts)
    pipe.put(message_of(np.arange(FRAGMENT_BYTES / 4)))
    assert counts.missing == 1
    counts.acknowledge(1)
    assert counts.missing == 0
    pipe.close()
    pipe.lock.remove()
    with open(reading, "rb") as stream:
        found = list(iter(lambda: stream.read(FRAGMENT_BYTES), b""))
    assert len(found) == 3
    return found


def assembled(fragments):
    from pypet.wrap_modes._local.framing import Reassembly
    from pypet.wrap_modes.pipe.pipe import message_from

    reassembly = Reassembly()
    return [message_from(each) for fragment in fragments for each in reassembly.add(fragment)]


def test_fragments_are_reassembled(fragments):
    (message,) = assembled(fragments)
    (item,) = message.content.operations[0].items
    np.testing.assert_array_equal(item.value, np.arange(len(item.value)))


@pytest.mark.parametrize("size", [1, 7, 1000, 5000, 100_000])
def test_fragments_may_come_in_any_pieces(fragments, size):
    stream = b"".join(fragments + fragments)
    messages = assembled(stream[start : start + size] for start in range(0, len(stream), size))
    assert len(messages) == 2
    assert all(isinstance(message.content, StoreRequest) for message in messages)


def test_what_is_no_fragment_is_reported_and_skipped(fragments):
    strange, intact = assembled([b"this is no fragment at all, and it is long", *fragments])
    assert isinstance(strange.content, Unreadable)
    assert isinstance(intact.content, StoreRequest)


def send_arrays(pipe, sender):
    for number in range(20):
        pipe.put(message_of(np.full(50_000 + 7 * number, 100.0 * sender + number)))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="forks")
@pytest.mark.parametrize("at_once", [1, None])
def test_large_messages_of_several_processes_at_once_arrive_whole(monkeypatch, at_once):
    from pypet.wrap_modes._local.framing import Reassembly
    from pypet.wrap_modes.pipe import pipe as pipe_module
    from pypet.wrap_modes.pipe.pipe import MessageCounts, PipeWriter, make_pipe, message_from

    if at_once is not None:  # as on platforms that fill a pipe in another way
        monkeypatch.setattr(pipe_module, "fragments_at_once", lambda: at_once)
    reading, writing = make_pipe()
    pipe = PipeWriter(writing, FileLock.make(), MessageCounts())
    context = multiprocessing.get_context("fork")
    senders = [context.Process(target=send_arrays, args=(pipe, number)) for number in range(4)]
    for sender in senders:
        sender.start()
    pipe.close()
    reassembly, values = Reassembly(), []
    with open(reading, "rb", buffering=0) as stream:
        while received := stream.read(1 << 16):
            for each in reassembly.add(received):
                (value,) = set(message_from(each).content.operations[0].items[0].value.tolist())
                values.append(value)
    for sender in senders:
        sender.join()
        assert sender.exitcode == 0
    pipe.lock.remove()
    assert sorted(values) == [
        100.0 * sender + number for sender in range(4) for number in range(20)
    ]


@settings(max_examples=100, deadline=None)
@given(
    messages=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20_000), st.booleans())),
    at_once=st.sampled_from([1, 3]),
    size=st.integers(1000, 70_000),
    random=st.randoms(use_true_random=False),
)
def test_fragments_of_senders_may_alternate_and_break_off(messages, at_once, size, random):
    pytest.importorskip("fcntl")
    from pypet.wrap_modes._local.framing import Reassembly, fragments
    from pypet.wrap_modes.pipe.pipe import message_from

    sent, expected = {}, {}
    for run, (sender, length, breaks_off) in enumerate(messages):
        pieces = dump(StoreMessage(run, ServiceCall("message", bytes(length), (run,), {})))
        steps = [bytes(step) for step in fragments(run, sender, run, pieces, at_once)]
        if breaks_off and len(steps) > 1:
            steps = steps[: random.randrange(1, len(steps))]
        else:
            expected[run] = bytes(length)
        sent.setdefault(sender, []).extend(steps)
    stream = b""
    while any(sent.values()):
        stream += random.choice([steps for steps in sent.values() if steps]).pop(0)
    reassembly = Reassembly()
    parts = [stream[start : start + size] for start in range(0, len(stream), size)]
    complete = [message_from(each) for part in parts for each in reassembly.add(part)]
    found = {message.run: message.content.stuff for message in complete}
    assert found == expected


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no such signals")
@in_child
def test_signals_that_arrive_while_a_message_is_sent_lose_nothing_of_it():
    from pypet.wrap_modes._local.framing import Reassembly
    from pypet.wrap_modes.pipe.pipe import MessageCounts, PipeWriter, make_pipe, message_from

    reading, writing = make_pipe()
    received = []

    def receive():
        reassembly = Reassembly()
        with open(reading, "rb", buffering=0) as stream:
            while data := stream.read(1 << 16):
                received.extend(map(message_from, reassembly.add(data)))

    receiver = threading.Thread(target=receive)
    receiver.start()
    pipe = PipeWriter(writing, FileLock.make(), MessageCounts())
    handled = []
    signal.signal(signal.SIGALRM, lambda *_: handled.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        count = 0
        while count < 5 or not handled:
            pipe.put(message_of(np.full(500_000, float(count))))
            count += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.close()
        pipe.lock.remove()
        receiver.join()
    for number, message in enumerate(received):
        assert set(message.content.operations[0].items[0].value.tolist()) == {number}
    assert len(received) == count


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_damaged_fragment_loses_its_message_only_and_tells_the_run(fragments, position):
    damaged = list(fragments)
    damaged[position] = damaged[position][:-1] + bytes([damaged[position][-1] ^ 1])
    lost, intact = assembled(damaged + fragments)
    assert lost.run == 3
    assert isinstance(lost.content, Unreadable)
    assert isinstance(intact.content, StoreRequest)


def test_what_a_dead_sender_left_is_forgotten(fragments):
    (message,) = assembled(fragments[:2] + fragments)
    assert isinstance(message.content, StoreRequest)


def test_a_missing_fragment_is_noticed(fragments):
    (message,) = assembled([fragments[0], fragments[2]])
    assert isinstance(message.content, Unreadable)


# ----- the lock ----------------------------------------------------------------------------


def acquire_and_die(lock):
    lock.acquire()
    os.kill(os.getpid(), signal.SIGKILL)


def count_up(lock, path):
    for _ in range(200):
        with lock:
            number = int(path.read_text())
            path.write_text(str(number + 1))


@needs_fork
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_lock_keeps_processes_apart_and_survives_its_holder(tmp_path, method):
    lock, path = FileLock.make(), tmp_path / "number"
    path.write_text("0")
    context = multiprocessing.get_context(method)
    dying = multiprocessing.get_context("fork").Process(target=acquire_and_die, args=(lock,))
    dying.start()
    dying.join(DEADLINE_SECONDS)
    workers = [context.Process(target=count_up, args=(lock, path)) for _ in range(2)]
    for worker in workers:
        worker.start()
    count_up(lock, path)
    for worker in workers:
        worker.join(DEADLINE_SECONDS)
        assert worker.exitcode == 0
    assert path.read_text() == "600"
    lock.remove()
    assert not os.path.exists(lock.path)


@needs_fork
@pytest.mark.skipif(sys.platform != "linux", reason="files without a name")
def test_a_lock_has_no_file_that_could_be_left_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    lock = FileLock.make()
    with lock:
        assert list(tmp_path.iterdir()) == []
    lock.remove()


@needs_fork
@pytest.mark.skipif(sys.platform != "linux", reason="files without a name")
def test_a_lock_that_was_removed_is_not_taken_for_another_one():
    lock = FileLock.make()
    late = pickle.loads(pickle.dumps(lock))
    lock.remove()
    another = FileLock.make()  # its descriptor has the same number
    try:
        with pytest.raises(FileNotFoundError, match=r"[Nn]o such|gone"):
            late.acquire()
    finally:
        another.remove()
