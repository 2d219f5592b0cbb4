"""A worker in place of the main process, which has to store, to watch and to hand out runs.

The main process of a script under SCOOP counts as one of the workers. It would be deaf as long as
it executes a run, so it starts a process for that, which is replaced if it dies.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import types

COMMAND = "import sys; from pypet.plugins.scoop.stand_in import main; main(sys.argv[1])"
REPLY = b"RP"
"""What SCOOP calls messages with a future that has ended."""


def launch(address: tuple[str, int], name: bytes) -> subprocess.Popen[bytes]:
    """Start the process that connects to the main process under a name."""
    import scoop

    facts = {
        "address": list(address),
        "name": name.decode(),
        "origin": os.getpid(),
        "script": scoop.MAIN_MODULE,
        "path": sys.path,
        "argv": sys.argv,
    }
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, json.dumps(facts)], stdin=subprocess.DEVNULL
    )


def main(facts: str) -> None:
    """Execute what comes, until the main process is gone."""
    from pypet.plugins._workers.lifetime import end_with

    known = json.loads(facts)
    end_with(known["origin"])
    if os.getppid() != known["origin"]:
        sys.exit("The main process is gone.")
    sys.argv = known["argv"]
    sys.path[:] = known["path"]
    _import_main_script(known["script"])
    _serve(tuple(known["address"]), known["name"].encode())


def _import_main_script(path: str) -> None:
    """Import it as workers of SCOOP do."""
    import scoop

    from pypet.plugins.scoop import remedies

    scoop.IS_RUNNING, scoop.IS_ORIGIN = True, False
    module = types.ModuleType(remedies.WORKER_MAIN)
    sys.modules[remedies.WORKER_MAIN] = sys.modules["__main__"] = module
    import runpy

    module.__dict__.update(runpy.run_path(path, run_name=remedies.WORKER_MAIN))
    remedies.adopt(module)


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
        channel.send_multipart([REPLY, pickle.dumps(future, pickle.HIGHEST_PROTOCOL)])
