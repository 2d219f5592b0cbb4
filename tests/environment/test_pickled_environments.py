"""Environments, and objects that hold one: a pickle has a handle, and workers the trajectory."""

from __future__ import annotations

import copy
import logging
import multiprocessing
import os
import pickle
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest

from pypet import Environment, MultiprocContext, Trajectory
from pypet.storage_backends.memory import MemoryStorageService

START_METHODS = [
    method for method in ("fork", "spawn") if method in multiprocessing.get_all_start_methods()
]


@pytest.mark.parametrize("name", ["pickle", "dill"])
def test_an_unpickled_environment_knows_what_it_is(make_env, name):
    pickler = pytest.importorskip(name)
    env = make_env("t", ncores=1, comment="about")
    env.traj.f_add_parameter("x", 3)
    env.current_idx = 1
    env.mine = "an attribute of the user"
    env.add_postprocessing(lambda traj, results: None)
    handle = pickler.loads(pickler.dumps(env))
    assert type(handle) is Environment
    for name in ("name", "hexsha", "timestamp", "time", "current_idx", "mine"):
        assert getattr(handle, name) == getattr(env, name)
    assert repr(handle) == repr(env)
    assert handle.f_name == env.name
    assert handle.options == env.options
    assert handle.traj.x == 3
    assert handle.v_trajectory.v_comment == "about"
    again = pickler.loads(pickler.dumps(handle))
    assert again.options == env.options


def test_a_handle_executes_nothing_and_says_what_would(make_env):
    env = make_env("t")
    handle = pickle.loads(pickle.dumps(env))
    calls = {
        "run": lambda: handle.run(print),
        "run_map": lambda: handle.run_map(print, [1]),
        "experiment": lambda: handle.pipeline(lambda traj: (print,)),
        "add_postprocessing": lambda: handle.add_postprocessing(print),
        "resume": handle.resume,
    }
    for what, call in calls.items():
        with pytest.raises(RuntimeError, match=f"{what}.* is a handle of environment_.*a new"):
            call()
    with handle:  # nothing to close, and nothing is closed
        handle.disable_logging()
    assert env.run(double) == [(0, None)]


def test_unpickling_starts_and_opens_nothing(tmp_path):
    pytest.importorskip("h5py")
    with Environment("t", filename="t.hdf5", multiproc=True, ncores=1) as env:
        env.traj.f_store()
        image = pickle.dumps(env)
        files = sorted(path for path in tmp_path.rglob("*"))
        before = (logging.getLogger().handlers[:], threading.enumerate(), _open_files())
        handle = pickle.loads(image)
        assert (logging.getLogger().handlers, threading.enumerate(), _open_files()) == before
        assert sorted(path for path in tmp_path.rglob("*")) == files
        assert handle.traj.v_storage_service.filename == env.traj.v_storage_service.filename
        handle.disable_logging()
        assert logging.getLogger().handlers == before[0]


def _open_files():
    return sorted(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None


def test_options_that_cannot_travel_stay(make_env):
    with ProcessPoolExecutor(1) as executor:
        env = make_env("t", scheduler=executor, wrap_mode="LOCAL", seed=3)
        handle = pickle.loads(pickle.dumps(env))
    assert "scheduler" not in handle.options
    assert handle.options["seed"] == 3


def test_the_trajectory_of_a_handle_goes_to_a_new_environment(make_env):
    env = make_env("t")
    env.traj.f_add_parameter("x", 1)
    env.traj.f_explore({"x": [1, 2]})
    env.traj.v_full_copy = True
    traj = pickle.loads(pickle.dumps(env)).traj
    traj.v_storage_service = MemoryStorageService()
    assert make_env(traj).run(value_of_x) == [(0, 1), (1, 2)]


def test_copies_of_an_environment_are_handles(make_env):
    env = make_env("t")
    assert copy.copy(env).traj is env.traj
    twin = copy.deepcopy(env)
    assert twin.traj is not env.traj
    with pytest.raises(RuntimeError, match="handle"):
        twin.run(double)


# ----- run functions of objects that hold one ------------------------------------------------


def double(traj):
    return None


def value_of_x(traj):
    return traj.x


class Model:
    """What users write: an object with the environment, its trajectory and a group of it."""

    def __init__(self, env):
        self.env = env
        self.traj = env.traj
        self.group = env.traj.parameters
        self.service = env.traj.v_storage_service

    def run(self, traj):
        assert self.env.traj is traj
        assert self.traj is traj
        assert self.group is traj.parameters
        self.traj.f_add_result("z", 10 * self.group.x)
        return self.env.name, self.env.traj.v_idx, traj.x


@pytest.mark.parametrize(
    ("scheduler", "method", "options"),
    [
        ("serial", None, {}),
        *(("pool", method, {}) for method in START_METHODS),
        ("pool", START_METHODS[0], {"freeze_input": True}),
        *(("process", method, {}) for method in START_METHODS),
    ],
)
def test_methods_of_objects_with_an_environment_run_on_the_trajectory(
    make_env, scheduler, method, options
):
    parallel = {} if method is None else {"ncores": 2, "start_method": method, **options}
    env = make_env("t", scheduler=scheduler, wrap_mode="LOCAL", **parallel)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [5, 6, 7]})
    results = env.run(Model(env).run)
    assert results == [(i, (env.name, i, 5 + i)) for i in range(3)]
    env.traj.f_load(load_data=2)
    assert [env.traj.f_get(f"results.runs.run_{i:08d}.z").f_get() for i in range(3)] == [50, 60, 70]


def test_executors_take_them_too(make_env):
    with ProcessPoolExecutor(1, multiprocessing.get_context(START_METHODS[0])) as executor:
        env = make_env("t", scheduler=executor, wrap_mode="LOCAL")
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [5, 6]})
        assert env.run(Model(env).run) == [(i, (env.name, i, 5 + i)) for i in range(2)]


class Hoarder:
    """Keeps a pickle of the trajectory that was made for a worker."""

    def __init__(self, traj):
        self.traj = traj

    def __getstate__(self):
        return {"image": pickle.dumps(self.traj)}

    def __call__(self, traj):
        with pytest.raises(RuntimeError, match="refers to the trajectory that they execute runs"):
            pickle.loads(self.image)
        return traj.x


def test_what_refers_to_the_trajectory_of_a_run_is_refused_elsewhere(make_env):
    env = make_env("t", scheduler="pool", wrap_mode="LOCAL", ncores=1)
    env.traj.f_add_parameter("x", 4)
    assert env.run(Hoarder(env.traj)) == [(0, 4)]


# ----- contexts ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "LOCAL"])
def test_an_active_context_pickles_as_a_handle(tmp_path, mode):
    pytest.importorskip("h5py")
    traj = Trajectory("t", storage_service="hdf5", filename=str(tmp_path / "t.hdf5"))
    service = traj.v_storage_service
    with MultiprocContext(traj, wrap_mode=mode) as context:
        handle = pickle.loads(pickle.dumps(context))
        handled = handle._trajectory
        wrapper = handled.v_storage_service
        assert type(wrapper) is type(traj.v_storage_service)
        handle.start()
        assert handled.v_storage_service is wrapper
        handle.finalize()
        assert handled.v_storage_service is wrapper
        traj.f_add_result("z", 1)
        if mode != "LOCAL":
            traj.f_store()
    assert traj.v_storage_service is service


def test_a_context_that_was_not_started_can_be_started_where_it_was_unpickled(tmp_path):
    pytest.importorskip("h5py")
    traj = Trajectory("t", storage_service="hdf5", filename=str(tmp_path / "t.hdf5"))
    context = pickle.loads(pickle.dumps(MultiprocContext(traj, wrap_mode="QUEUE")))
    with context:
        assert context.queue is not None
