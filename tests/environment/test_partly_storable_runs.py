"""One thing that cannot be stored costs nothing else of what a run computed."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from pypet import HDF5StorageService, Trajectory, load_trajectory
from pypet.interfaces import StorageService
from pypet.storage_backends.memory import MemoryStorageService

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

BAD_TO_ENCODE = {"a": object()}
BAD_TO_WRITE = "an annotation that is longer than any attribute of a file may be" * 2000
EXECUTIONS = {
    "serial": {"multiproc": False},
    "pool": {"multiproc": True, "use_pool": True},
    "frozen pool": {"multiproc": True, "use_pool": True, "freeze_input": True},
    "process a run": {"multiproc": True, "use_pool": False},
    "queue": {"multiproc": True, "use_pool": True, "wrap_mode": "QUEUE"},
    "pipe": {"multiproc": True, "use_pool": False, "wrap_mode": "PIPE"},
    "local": {"multiproc": True, "use_pool": True, "wrap_mode": "LOCAL"},
    "none": {"multiproc": True, "use_pool": True, "wrap_mode": "NONE", "ncores": 1},
    "executor": {"multiproc": True, "wrap_mode": "LOCAL"},
}


@pytest.fixture(params=EXECUTIONS)
def env(request, make_env):
    options = {"ncores": 2, "filename": "t.hdf5", "on_error": "continue"}
    options |= EXECUTIONS[request.param]
    executor = None
    if request.param == "executor":
        executor = options["scheduler"] = ProcessPoolExecutor(1)
    env = make_env(storage_service="hdf5", **options)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1, 2]})
    yield env
    if executor is not None:
        executor.shutdown()


def simulate(traj, how):
    traj.f_add_result("$.first", traj.x)
    leaf = traj.f_add_result("$.partly", good=traj.x)
    if traj.v_idx == 1:
        if how == "encode":
            leaf.f_set(bad=BAD_TO_ENCODE)
        else:
            traj.f_add_result("$.noted", 1).v_annotations.f_set(text=BAD_TO_WRITE)
    traj.f_add_result("$.last", np.arange(traj.x + 1))
    traj.results.f_add_link("shortcut_" + traj.v_crun, leaf)
    return traj.x


@pytest.mark.parametrize("how", ["encode", "write"])
def test_the_rest_of_a_run_is_stored_and_its_error_names_the_item(env, how):
    assert env.run(simulate, how) == [(0, 0), (2, 2)]
    loaded = load_trajectory("test", filename=env.traj.v_storage_service.filename, load_data=2)
    assert list(loaded.f_get_run_states().values()) == ["completed", "failed", "completed"]
    run = loaded.f_get("results.run_00000001")
    assert run.first == 1
    np.testing.assert_array_equal(run.last, [0, 1])
    assert run.f_get("partly").f_to_dict() == {"good": 1}
    assert loaded.results.f_contains("shortcut_run_00000001")
    error = loaded.f_get_run_errors(1)
    culprit = "run_00000001.partly, item 'bad'" if how == "encode" else "run_00000001.noted"
    assert culprit in error.message
    assert "everything else is stored" in error.message
    for idx in (0, 2):
        assert loaded.f_get(f"results.run_{idx:08d}.last").f_get().tolist() == list(range(idx + 1))


class MessagesOnly(StorageService):
    """A service of a user's own, which knows messages and no requests."""

    def __init__(self, filename):
        self._service = HDF5StorageService(filename)

    def store(self, msg, stuff_to_store, *args, **kwargs):
        return self._service.store(msg, stuff_to_store, *args, **kwargs)

    def load(self, msg, stuff_to_load, *args, **kwargs):
        return self._service.load(msg, stuff_to_load, *args, **kwargs)


@pytest.mark.parametrize("mode", [None, "LOCK", "QUEUE", "LOCAL"])
def test_services_of_users_get_what_can_be_stored_too(make_env, mode):
    options = {} if mode is None else {"multiproc": True, "ncores": 1, "wrap_mode": mode}
    env = make_env(storage_service=MessagesOnly("t.hdf5"), on_error="continue", **options)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1, 2]})
    assert env.run(simulate, "encode") == [(0, 0), (2, 2)]
    loaded = load_trajectory("test", filename="t.hdf5", load_data=2)
    run = loaded.f_get("results.run_00000001")
    assert (run.first, run.f_get("partly").f_to_dict()) == (1, {"good": 1})
    assert "item 'bad'" in loaded.f_get_run_errors(1).message


def test_the_error_is_raised_if_errors_are(make_env):
    env = make_env(storage_service="memory")
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1, 2]})
    with pytest.raises(TypeError) as caught:
        env.run(simulate, "encode")
    assert any("'bad'; everything else is stored" in note for note in caught.value.__notes__)
    loaded = load_trajectory("test", storage_service=env.traj.v_storage_service, load_data=2)
    assert loaded.f_get("results.run_00000001.last").f_get().tolist() == [0, 1]


def test_many_such_runs_are_no_failing_storage(make_env):
    env = make_env(
        storage_service="hdf5", filename="t.hdf5", on_error="continue", multiproc=True, ncores=1,
        use_pool=True, wrap_mode="QUEUE",
    )  # fmt: skip
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(25)})
    assert env.run(always_bad) == []
    assert set(env.traj.f_get_run_states().values()) == {"failed"}


def always_bad(traj):
    traj.f_add_result("$.noted", 1).v_annotations.f_set(text=BAD_TO_WRITE)
    traj.f_add_result("$.fine", 1)


def test_an_explicit_store_stores_all_or_nothing_and_says_how_to_store_the_rest():
    service = MemoryStorageService()
    traj = Trajectory("t", storage_service=service)
    traj.f_store(only_init=True)
    traj.f_add_result("bad", x=BAD_TO_ENCODE)
    fine = traj.f_add_result("fine", 1)
    with pytest.raises(TypeError) as caught:
        traj.f_store()
    (note,) = (each for each in caught.value.__notes__ if each.startswith("pypet:"))
    assert "Nothing of this call was stored" in note
    assert "f_store_items" in note
    assert not load_trajectory(traj.v_name, storage_service=service).f_contains("fine")
    traj.f_store_items([fine])
    assert load_trajectory(traj.v_name, storage_service=service, load_data=2).fine == 1
