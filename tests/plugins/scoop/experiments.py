"""Experiments under SCOOP: a script whose argument says which; it prints what came out as JSON."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from pypet import Environment, Result
from pypet.interfaces import StorageService
from pypet.plugins.scoop import worker, worker_handle, worker_registry
from pypet.plugins.scoop.scoop_internals import Link
from tests.processes import meet

worker.GRACE_SECONDS = 0.5  # also in workers, which import this script


class Pair(Result):
    """A result of the script."""


class Point:
    """Something that a run returns."""

    def __init__(self, x):
        self.x = x


class Files(StorageService):
    """A file per message; safe for processes that do not know of each other."""

    multiproc_safe = multihost_safe = True

    def __init__(self, folder):
        self.folder = folder

    def store(self, msg, stuff_to_store, *args, **kwargs):
        Path(self.folder, f"{os.getpid()}-{time.monotonic_ns()}").write_text(str(msg))

    def load(self, msg, stuff_to_load, *args, **kwargs):
        raise NotImplementedError


def environment(length=8, **options):
    defaults = {
        "filename": "data.hdf5",
        "multiproc": True,
        "use_scoop": True,
        "wrap_mode": "LOCAL",
        "log_config": None,
        "report_progress": False,
        "dynamic_imports": [Pair],
    }
    env = Environment("test", **{**defaults, **options})
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": list(range(length))})
    return env


def settings(env):
    config = env.traj.f_get(f"config.environment.{env.name}")
    names = ("multiproc", "use_scoop", "scheduler", "ncores", "wrap_mode", "timeout")
    return {name: config.f_get(name).f_get() for name in names}


def errors(env):
    return {name: error.type for name, error in env.traj.f_get_run_errors().items()}


def multiply(traj, factor):
    traj.f_add_result("z", traj.x * factor, comment="product")
    traj.f_add_result(Pair, "pair", traj.x)
    return traj.x, os.getpid(), Point(traj.x)


def take(traj, one, two, *, three):
    traj.f_add_result("taken", [one, two, three])
    return traj.x, one, two, three


def local(freeze, mode="LOCAL"):
    env = environment(freeze_input=freeze, niceness=3, wrap_mode=mode)
    results = env.run(multiply, 3)
    own = os.getpid()
    env.traj.f_load(load_data=2)
    return {
        "indices": [index for index, _ in results],
        "values": [value[0] for _, value in results],
        "points": [isinstance(value[2], Point) for _, value in results],
        "elsewhere": own not in {value[1] for _, value in results},
        "stored": list(env.traj.f_get_from_runs("z", fast_access=True).values()),
        "kind": type(env.traj.f_get("results.runs.run_00000001.pair")) is Pair,
        "settings": settings(env),
    }


def everything():
    """Several rounds: `run_map`, expanding, post-processing that expands, and `run`."""
    env = environment(3, freeze_input=True)
    mapped = env.run_map(take, range(3), (c for c in "abc"), three=[7, 8, 9])
    env.traj.f_expand({"x": [10, 11]})
    more = env.run_map(take, range(2), "de", three=[5, 6])
    env.traj.f_expand({"x": [12]})

    def expand(traj, results):
        return {"x": [100, 101]} if len(traj) < 8 else None

    env.add_postprocessing(expand)
    rest = [(index, value[0]) for index, value in env.run(multiply, 2)]
    other = environment(600, filename="other.hdf5", freeze_input=True)
    values = [value[0] for _, value in other.run(multiply, 1)]
    return {"mapped": mapped, "more": more, "rest": rest, "other": values}


def sleep_at_two(traj):
    if traj.x == 2:
        time.sleep(1000)
    return traj.x


def never_mind_at_two(traj):
    while traj.x == 2:
        try:
            time.sleep(1000)
        except BaseException:
            continue
    return traj.x


def overdue(function, on_error):
    env = environment(6, timeout=0.5, on_error=on_error)
    results = env.run(globals()[function])
    completed = [bool(env.traj.f_is_completed(i)) for i in range(6)]
    return {
        "results": results,
        "completed": completed,
        "errors": errors(env),
        "timeout": settings(env)["timeout"],
    }


def kill_worker_once(traj):
    if traj.x == 3 and not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    traj.f_add_result("z", traj.x)
    return traj.x


def kill_worker(traj):
    if traj.x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    traj.f_add_result("z", traj.x)
    return traj.x


def killed(function):
    env = environment(8, on_error="continue")
    results = env.run(globals()[function])
    env.traj.f_load(load_data=2)
    stored = list(env.traj.f_get_from_runs("z", fast_access=True).values())
    after = environment(3, filename="after.hdf5").run(kill_worker_once)
    return {"results": results, "stored": stored, "errors": errors(env), "after": after}


def fail_at_two(traj):
    if traj.x == 2:
        raise ValueError("two")
    return traj.x


def failing(on_error):
    env = environment(4, on_error=on_error)
    results = env.run(fail_at_two)
    return {"results": results, "errors": errors(env)}


def unwrapped():
    Path("files").mkdir()
    env = environment(
        4, wrap_mode="NONE", storage_service=Files(os.path.abspath("files")), filename=None
    )
    results = [value[0] for _, value in env.run(multiply, 1)]
    writers = {int(path.name.partition("-")[0]) for path in Path("files").iterdir()}
    return {"results": results, "writers": len(writers - {os.getpid()})}


def logged(freeze):
    env = environment(4, log_config="DEFAULT", freeze_input=freeze)
    results = env.run(multiply, 1)
    pids = sorted({value[1] for _, value in results})
    env.disable_logging()
    return {"files": sorted(path.name for path in Path("logs").rglob("*.txt")), "pids": pids}


def swallowed():
    """Lose the first messages for a worker of SCOOP on their way, as if a connection had broken:
    its batch, and the question about that."""
    lost = []
    send = Link.send

    def lose_first(self, worker, message):
        is_first = b"-" not in worker and worker in (lost or [worker])
        if len(lost) < 2 and is_first:  # the local worker has a hyphen in its name
            lost.append(worker)
            return True
        return send(self, worker, message)

    Link.send = lose_first
    worker_handle.DOUBT_SECONDS = worker_registry.LATE_SECONDS = 0.5
    Path("meeting").mkdir()
    results = environment(3).run(gather, os.path.abspath("meeting"))
    return {"lost": len(lost), "indices": [index for index, _ in results]}


def modes_of_key_files(traj):
    traj.f_add_result("z", traj.x)
    return [path.stat().st_mode & 0o777 for path in Path().rglob(".pypet-*.key")]


def keys(mode):
    """Look for the key in all that is sent to workers."""
    from pypet.wrap_modes._net.keys import ServerKey

    sent, made = [], []
    make, send = ServerKey.make, Link.send

    def note_key(zmq):
        made.append(make(zmq))
        return made[-1]

    def note_message(self, worker, message):
        sent.append(message)
        return send(self, worker, message)

    ServerKey.make, Link.send = note_key, note_message
    env = environment(wrap_mode=mode, freeze_input=True)
    results = env.run(modes_of_key_files)
    (key,) = made
    env.traj.f_load(load_data=2)
    return {
        "modes": [modes for _, modes in results],
        "names": sum(b".pypet-" in message for message in sent),
        "keys": sum(part in each for each in sent for part in (key.token, key.public, key.secret)),
        "left": [str(path) for path in Path().rglob(".pypet-*.key")],
        "stored": list(env.traj.f_get_from_runs("z", fast_access=True).values()),
    }


def together():
    Path("meeting").mkdir()
    env = environment(3)
    return len({pid for _, pid in env.run(gather, os.path.abspath("meeting"))})


def gather(traj, folder):
    """End when three runs are under way."""
    meet(folder, traj.x, 3)
    return os.getpid()


def nested(traj):
    from scoop import futures

    return sum(futures.map(abs, range(-traj.x, 0)))


def futures_within():
    return environment(6).run(nested)


def same_data():
    from tests.environment.test_execution_matrix import execute

    execute(Path(), use_scoop=True, multiproc=True, wrap_mode="LOCAL")
    return True


SCENARIOS = {
    function.__name__: function
    for function in (
        local,
        everything,
        keys,
        overdue,
        killed,
        failing,
        unwrapped,
        swallowed,
        together,
        logged,
        futures_within,
        same_data,
    )
}

if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    sys.stdout.write("RESULT: " + json.dumps(SCENARIOS[name](*map(json.loads, arguments))) + "\n")
