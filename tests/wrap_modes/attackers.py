"""What strangers may try on a server of the network; importable by all processes of a test."""

from __future__ import annotations

import contextlib
import os
import pickle
import socket
import struct

SESSION = b"a" * 16


class Bomb:
    """Makes a folder where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def raw(url, data):
    """Send bytes that are no ZeroMQ, and wait until the server has had enough of it."""
    host, _, port = url[len("tcp://") :].rpartition(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            connection.sendall(data)
            while connection.recv(4096):
                pass


def oversized(url):
    """Announce a frame of an exabyte after a greeting without encryption, and begin it."""
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
    raw(url, greeting + b"\x06" + struct.pack(">Q", 1 << 60) + bytes(1 << 16))


def plain(url, *messages):
    """Send messages without encryption; return the answers, of which there should be none."""
    import zmq

    with zmq.Context(1) as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        stranger.connect(url)
        for message in messages:
            stranger.send_multipart([b"", message])
        return _answers(stranger)


def encrypted(url, server_key, *messages):
    """Send messages, each a list of frames, to who has a key; return the answers."""
    import zmq

    with zmq.Context(1) as context, context.socket(zmq.DEALER) as stranger:
        stranger.linger = 0
        stranger.curve_publickey, stranger.curve_secretkey = zmq.curve_keypair()
        stranger.curve_serverkey = server_key
        stranger.connect(url)
        for message in messages:
            stranger.send_multipart(message)
        return _answers(stranger)


def _answers(stranger):
    found = []
    while stranger.poll(500):
        found.append(stranger.recv_multipart())
    return found


def everything(url, folder):
    """Try all of it; return the answers of the server."""
    import zmq

    bomb = pickle.dumps(("DATA", Bomb(os.path.join(folder, "exploded"))))
    identity = "_DEFAULT_:::somebody__1:::1.0"
    texts = [f"{command}:::{identity}".encode() for command in ("LOCK", "UNLOCK", "DONE", "PING")]
    raw(url, b"GET / HTTP/1.1\r\n\r\n" * 100)
    raw(url, os.urandom(1 << 16))
    oversized(url)
    stolen = zmq.curve_keypair()[0]
    return [
        *plain(url, *texts, bomb, pickle.dumps("DONE"), bytes(4 << 20)),
        *encrypted(url, stolen, [b"x" * 56, bomb], [b"DONE"]),
    ]
