"""The local worker: a process that executes runs in place of the main process.

SCOOP counts the main process of a script as one of its workers. It could not store, watch workers
or hand out runs while it executes one, so it starts a process for that, and replaces it if it dies.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import types

from pypet.plugins.scoop import scoop_internals

COMMAND = "import sys; from pypet.plugins.scoop.local_worker import main; main(sys.argv[1])"


def launch(address: tuple[str, int], name: bytes) -> subprocess.Popen[bytes]:
    """Start the process that connects to the main process under a name."""
    import scoop

    settings = {
        "address": list(address),
        "name": name.decode(),
        "main_pid": os.getpid(),
        "script": scoop.MAIN_MODULE,
        "path": sys.path,
        "argv": sys.argv,
    }
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, json.dumps(settings)], stdin=subprocess.DEVNULL
    )


def main(settings: str) -> None:
    """Execute futures until the main process is gone."""
    from pypet.plugins._workers.lifetime import end_with

    known = json.loads(settings)
    end_with(known["main_pid"])
    if os.getppid() != known["main_pid"]:
        sys.exit("The main process is gone.")
    sys.argv = known["argv"]
    sys.path[:] = known["path"]
    _import_main_script(known["script"])
    _serve(tuple(known["address"]), known["name"].encode())


def _import_main_script(path: str) -> None:
    """Import the main script as workers of SCOOP do."""
    import scoop

    scoop.IS_RUNNING, scoop.IS_ORIGIN = True, False
    module = types.ModuleType(scoop_internals.WORKER_MAIN)
    sys.modules[scoop_internals.WORKER_MAIN] = sys.modules["__main__"] = module
    import runpy

    module.__dict__.update(runpy.run_path(path, run_name=scoop_internals.WORKER_MAIN))
    scoop_internals.adopt(module)


def _serve(address: tuple[str, int], name: bytes) -> None:
    import zmq

    context = zmq.Context()
    channel = context.socket(zmq.DEALER)
    channel.setsockopt(zmq.IDENTITY, name)
    channel.setsockopt(zmq.IPV6, 1)
    host, port = address
    channel.connect(f"tcp://{host}:{port}")
    while True:
        future = pickle.loads(channel.recv_multipart()[-1])
        future.resultValue = future.callable(*future.args, **future.kargs)
        future.isDone = True
        future.callable = future.args = future.kargs = None
        channel.send_multipart(
            [scoop_internals.REPLY, pickle.dumps(future, pickle.HIGHEST_PROTOCOL)]
        )
