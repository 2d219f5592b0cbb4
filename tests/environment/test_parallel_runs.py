"""Runs in other processes: the same experiment, whatever executes it, and what goes wrong there."""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time

import pytest

from pypet import Parameter, manual_run
from pypet.errors import WorkerDiedError
from pypet.storage_backends.memory import MemoryStorageService
from pypet.utils.siginthandling import sigint_handling
from tests.environment.file_per_run import FilePerRun
from tests.processes import (
    Announcing,
    in_child,
    meet,
    run_until_killed,
    signal_main,
    wait_until,
)

POOL = {"multiproc": True, "use_pool": True, "ncores": 2, "wrap_mode": "NONE"}
FROZEN = {**POOL, "freeze_input": True}
PROCESS = {"multiproc": True, "ncores": 2, "wrap_mode": "NONE"}
WAYS = {
    "pool": POOL,
    "frozen": FROZEN,
    "process": PROCESS,
    "spawned pool": {**POOL, "start_method": "spawn"},
    "spawned processes": {**PROCESS, "start_method": "spawn"},
}


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


@pytest.fixture
def service(tmp_path):
    folder = tmp_path / "runs"
    folder.mkdir()
    return FilePerRun(folder)


@pytest.fixture
def make_parallel(make_env, service):
    def make(length=6, **options):
        env = make_env(storage_service=service, **options)
        env.traj.f_add_parameter("x", 0)
        env.traj.f_add_parameter("y", 10)
        env.traj.f_explore({"x": range(length)})
        return env

    return make


@pytest.fixture(params=WAYS)
def env(request, make_parallel):
    return make_parallel(**WAYS[request.param])


@pytest.fixture(params=["pool", "process"])
def way(request):
    return WAYS[request.param]


def add_z(traj, factor=1):
    traj.f_add_result("z", traj.x * traj.y * factor)
    return traj.x, os.getpid()


# ----- the same experiment -------------------------------------------------------------------


def test_results_are_sorted_stored_and_noted(env, service):
    results = env.run(add_z, factor=2)
    assert [(index, value[0]) for index, value in results] == [(i, i) for i in range(6)]
    assert os.getpid() not in {value[1] for _, value in results}
    names = [f"results.runs.run_{i:08d}.z" for i in range(6)]
    assert service.stored() == {i: {names[i]: i * 20} for i in range(6)}
    assert env.traj.f_is_completed()
    record = env.traj.f_get_run_information(3)
    assert record["timestamp"] <= record["finish_timestamp"]
    assert record["short_environment_hexsha"] == env.hexsha[:7]
    assert env.current_idx == 6
    assert env.traj.v_storage_service is service
    assert env.traj.v_idx == -1


def first(traj, a, b=0):
    return traj.x, a, b


def test_run_map(env):
    assert env.run_map(first, range(10, 20), b=iter("abcdef")) == [
        (i, (i, 10 + i, letter)) for i, letter in enumerate("abcdef")
    ]


def test_nothing_is_stored_without_automatic_storing(make_parallel, way, service):
    make_parallel(automatic_storing=False, **way).run(add_z)
    assert service.stored() == {}


def draw(traj):
    return float(traj.f_rng().normal())


def test_random_numbers_do_not_depend_on_where_runs_execute(make_parallel):
    here = make_parallel(seed=5).run(draw)
    assert make_parallel(seed=5, **POOL).run(draw) == here
    assert make_parallel(seed=5, **PROCESS).run(draw) == here


def test_post_processing_may_expand(make_parallel, way):
    env = make_parallel(2, **way)

    def postproc(traj, results):
        return {"x": [len(traj)]} if len(traj) < 4 else None

    env.add_postprocessing(postproc)
    assert [(i, v[0]) for i, v in env.run(add_z)] == [(0, 0), (1, 1), (2, 2), (3, 3)]


@manual_run()
def manually(traj):
    return traj.v_is_run, traj.v_crun


def test_manual_runs_are_transparent(make_parallel, way):
    assert make_parallel(1, **way).run(manually) == [(0, (True, "run_00000000"))]


# ----- independence --------------------------------------------------------------------------


def spoil(traj, collected):
    seen = (list(collected), traj.y, traj.v_fast_access, "note" in traj.f_get("y").v_annotations)
    collected.append(traj.v_idx)
    parameter = traj.f_get("y")
    parameter.f_unlock()
    parameter.f_set(99)
    parameter.v_annotations.note = "spoilt"
    traj.v_fast_access = False
    return seen


def test_runs_do_not_see_what_others_changed(make_parallel, way):
    results = make_parallel(**way).run(spoil, [])
    assert [value for _, value in results] == [([], 10, True, False)] * 6


def test_runs_do_not_see_what_others_changed_in_place(make_parallel):
    env = make_parallel(**POOL)
    env.traj.f_add_result("mutable", a={"a": 1})
    env.traj.f_get("mutable").v_annotations.kept = True
    assert [value for _, value in env.run(spoil_in_place)] == [1] * 6


def spoil_in_place(traj):
    data = traj.results.f_get("mutable").f_get("a")
    before = data["a"]
    data["a"] = 100
    return before


def count_calls(traj, calls):
    calls.append(1)
    return len(calls), os.getpid()


def test_frozen_input_is_shared_by_the_runs_of_a_worker(make_parallel):
    results = make_parallel(**FROZEN).run(count_calls, [])
    by_worker = {}
    for _, (count, pid) in results:
        by_worker.setdefault(pid, []).append(count)
    assert all(sorted(counts) == list(range(1, len(counts) + 1)) for counts in by_worker.values())


class Counting(Parameter):
    pickled = 0

    def __getstate__(self):
        Counting.pickled += 1
        return super().__getstate__()


def test_frozen_input_is_pickled_once(make_parallel):
    env = make_parallel(**FROZEN)
    env.traj.f_add_parameter(Counting, "counting", 1)
    Counting.pickled = 0
    env.run(add_z)
    assert Counting.pickled == 1


def full_copy(traj):
    return traj.v_full_copy, traj.f_get("x").v_full_copy


@pytest.mark.parametrize("wanted", [True, False])
def test_full_copy_is_what_the_user_set(make_parallel, wanted):
    env = make_parallel(**FROZEN)
    env.traj.v_full_copy = wanted
    assert env.run(full_copy) == [(i, (wanted, wanted)) for i in range(6)]
    assert full_copy(env.traj) == (wanted, wanted)


# ----- pickling ------------------------------------------------------------------------------


def test_a_function_in_a_function_needs_a_process_a_run(make_parallel):
    generator = iter("abcdef")
    env = make_parallel(**PROCESS)
    assert env.run(lambda traj, letters: next(letters), generator) == [(i, "a") for i in range(6)]


def test_a_pool_says_what_cannot_be_pickled(make_parallel):
    env = make_parallel(**POOL)
    with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
        env.run(lambda traj: None)
    assert "use_pool=False" in caught.value.__notes__[0]
    assert env.traj.v_storage_service is not None
    assert env.run(add_z)[5][1][0] == 5


# ----- errors --------------------------------------------------------------------------------


class RunError(Exception):
    pass


def fail_at_two(traj):
    if traj.v_idx == 2:
        raise RunError("two")
    return traj.v_idx


def test_a_pool_raises_the_run_s_own_exception(make_parallel, caplog):
    env = make_parallel(**POOL)
    with pytest.raises(RunError, match="two") as caught:
        env.run(fail_at_two)
    assert "run_00000002" in caught.value.__notes__[-1]
    assert "fail_at_two" in str(caught.value.__cause__)
    assert env.current_idx <= 2
    assert env.traj._run_by_environment is False


def test_a_process_per_run_goes_on(make_parallel, caplog):
    env = make_parallel(**PROCESS)
    assert env.run(fail_at_two) == [(i, i) for i in (0, 1, 3, 4, 5)]
    assert not env.traj.f_is_completed(2)
    assert "run_00000002" in caplog.records[-1].getMessage()
    assert caplog.records[-1].levelno == logging.ERROR


def test_the_user_s_policy_wins(make_parallel):
    with pytest.raises(RunError):
        make_parallel(on_error="raise", **PROCESS).run(fail_at_two)
    assert len(make_parallel(on_error="continue", **POOL).run(fail_at_two)) == 5


def fail_once(traj, folder):
    marker = folder / f"{traj.v_idx}.tried"
    if traj.v_idx == 3 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return traj.v_idx


def test_a_run_whose_worker_was_killed_is_tried_again(make_parallel, way, tmp_path):
    env = make_parallel(on_error="retry:1", **way)
    assert env.run(fail_once, tmp_path) == [(i, i) for i in range(6)]


def die(traj):
    if traj.v_idx == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return traj.v_idx


def test_a_killed_worker_ends_an_experiment_with_a_pool(make_parallel):
    with pytest.raises(WorkerDiedError, match="SIGKILL") as caught:
        make_parallel(**POOL).run(die)
    assert "parameters.x=1" in caught.value.__notes__[-1]


def test_a_killed_process_costs_its_run(make_parallel):
    env = make_parallel(**PROCESS)
    assert [index for index, _ in env.run(die)] == [0, 2, 3, 4, 5]


# ----- interruptions -------------------------------------------------------------------------


@pytest.fixture
def noticed(tmp_path):
    """A file that is there as soon as the main process has said that it was interrupted."""
    return tmp_path / "noticed"


def announce(noticed):
    """Let ``noticed`` be made in this process."""
    sys.stderr = Announcing(sys.stderr, "Interrupted", noticed.touch)


def interrupt_main_at_one(traj, group, noticed):
    """Interrupt the main process in run 1, end later runs only after it has noticed."""
    time.sleep(0.05)  # or short runs would be sent to workers by the dozen
    if traj.v_idx == 1:
        if group:
            os.kill(os.getpid(), signal.SIGINT)
        signal_main()
    if traj.v_idx > 1:
        wait_until(noticed.exists)
    return traj.v_idx


@pytest.mark.parametrize("group", [True, False])
@in_child
def test_graceful_exit_finishes_active_runs(make_parallel, way, group, noticed, capfd):
    env = make_parallel(40, graceful_exit=True, **way)
    announce(noticed)
    before = signal.getsignal(signal.SIGINT)
    results = env.run(interrupt_main_at_one, group, noticed)
    done = [index for index, _ in results]
    assert 1 in done
    assert done == sorted(done)
    assert len(done) < 40
    assert not env.traj.f_is_completed()
    assert signal.getsignal(signal.SIGINT) is before
    assert not sigint_handling.hit
    assert env.current_idx == min(set(range(40)) - set(done))
    rest = [index for index, _ in env.run(add_z)]
    assert sorted(done + rest) == list(range(40))


def interrupt_main_twice(traj, noticed):
    if traj.v_idx == 1:
        signal_main()
        wait_until(noticed.exists)
        signal_main()
        run_until_killed()


@in_child
def test_the_second_interrupt_ends_at_once(make_parallel, way, noticed, capfd):
    env = make_parallel(graceful_exit=True, **way)
    announce(noticed)
    with pytest.raises(KeyboardInterrupt):
        env.run(interrupt_main_twice, noticed)
    assert env.traj.v_storage_service is not None


def interrupt_main_and_go_on(traj):
    if traj.v_idx == 1:
        signal_main()
        run_until_killed()


@in_child
def test_an_interrupt_ends_at_once_without_graceful_exit(make_parallel, way):
    env = make_parallel(**way)
    with pytest.raises(KeyboardInterrupt):
        env.run(interrupt_main_and_go_on)
    assert env.current_idx <= 1


# ----- immediate post-processing -------------------------------------------------------------


def end_first_run_late(traj, begun):
    if traj.v_idx == 0:
        wait_until(begun.exists)
    return traj.v_idx


def test_post_processing_begins_while_the_last_runs_are_active(make_parallel, tmp_path):
    env = make_parallel(4, immediate_postproc=True, **PROCESS)
    begun = tmp_path / "postprocessing has begun"
    calls = []

    def postproc(traj, results):
        calls.append([index for index, _ in results])
        begun.touch()
        return {"x": [7, 8]} if len(calls) == 1 else None

    env.add_postprocessing(postproc)
    assert [index for index, _ in env.run(end_first_run_late, begun)] == list(range(6))
    assert 0 not in calls[0]
    assert calls[-1] == list(range(6))
    assert len(calls) >= 2
    assert env.traj.f_is_completed()
    assert env.traj.f_get("x").f_get_range()[4:] == [7, 8]


# ----- settings ------------------------------------------------------------------------------


def entries(env):
    group = env.traj.f_get(f"config.environment.{env.name}")
    return {
        leaf.v_full_name.split(f"{env.name}.")[1]: leaf.f_get() for leaf in group.f_iter_leaves()
    }


def test_settings_of_a_pool_are_noted(make_parallel):
    noted = entries(make_parallel(niceness=1, **FROZEN))
    expected = {
        "multiproc": True,
        "use_pool": True,
        "use_scoop": False,
        "freeze_input": True,
        "ncores": 2,
        "wrap_mode": "NONE",
        "start_method": "fork",
        "niceness": 1,
    }
    assert {name: noted[name] for name in expected} == expected
    assert not {"cpu_cap", "memory_cap", "queue_maxsize", "immediate_postprocessing"} & set(noted)


def test_settings_of_processes_are_noted(make_parallel):
    noted = entries(make_parallel(memory_cap=(90.0, 5), **PROCESS))
    assert noted["memory_cap"] == (90.0, 5.0)
    assert noted["cpu_cap"] == noted["swap_cap"] == 100.0
    assert noted["immediate_postprocessing"] is False
    assert "freeze_input" not in noted


def test_a_scheduler_may_be_chosen_by_name(make_parallel):
    env = make_parallel(scheduler="pool", ncores=2, wrap_mode="NONE", freeze_input=True)
    assert entries(env)["use_pool"] is True
    assert env.run(add_z)[0][1][1] != os.getpid()


def test_zero_cores_are_all_cores(make_parallel):
    psutil = pytest.importorskip("psutil")
    assert entries(make_parallel(**{**POOL, "ncores": 0}))["ncores"] == psutil.cpu_count()


def test_a_service_in_memory_needs_the_main_process(make_env):
    with pytest.raises(ValueError, match="main process"):
        make_env(storage_service="memory", **PROCESS)


def test_a_service_in_memory_that_comes_later_is_refused_too(make_parallel):
    env = make_parallel(**PROCESS)
    env.traj.v_storage_service = MemoryStorageService()
    with pytest.raises(ValueError, match="main process"):
        env.run(add_z)


# ----- log files -----------------------------------------------------------------------------


def work_beside_another(traj, folder):
    """Let runs 0 and 1 wait for each other: no worker executes everything alone."""
    if traj.v_idx < 2:
        meet(folder, traj.v_idx, 2)


@pytest.mark.parametrize(("way", "workers"), [(POOL, 2), (PROCESS, 6)])
def test_every_worker_has_its_log_files(make_parallel, way, workers, tmp_path):
    env = make_parallel(log_config="DEFAULT", **way)
    folder = tmp_path / "begun"
    folder.mkdir()
    env.run(work_beside_another, folder)
    names = sorted(path.name for path in (tmp_path / "logs").rglob("*.txt"))
    assert len(names) == 2 + workers  # those of errors in workers would be empty
    start = "run_ALL" if way is POOL else "run_0000000"
    worker_logs = [name for name in names if name.endswith("_LOG.txt")]
    assert all(name.startswith(start) for name in worker_logs)
    assert all("PoolWorker-" in name or "_Process-" in name for name in worker_logs)
    text = "".join(path.read_text() for path in (tmp_path / "logs").rglob("*_LOG.txt"))
    assert text.count("Starting single run") == 6


def test_runs_in_a_thread_of_the_main_process(make_parallel, way):
    env = make_parallel(**way)
    results = []
    thread = threading.Thread(target=lambda: results.extend(env.run(add_z)))
    thread.start()
    thread.join()
    assert [index for index, _ in results] == list(range(6))
