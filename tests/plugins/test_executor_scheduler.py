"""Runs in the processes of an executor that the user brings."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from pypet.errors import WorkerDiedError
from pypet.interfaces import Task
from pypet.plugins.executor import ExecutorScheduler
from pypet.testing.schedulers import SchedulerConformance, execute_all, square

METHOD = "forkserver" if hasattr(os, "fork") else "spawn"


def make_executor():
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(METHOD))


@pytest.fixture(scope="module")
def executor():
    with make_executor() as executor:
        list(executor.map(abs, range(4)))  # starts all workers
        yield executor


@pytest.fixture
def doomed():
    """An executor whose workers die in a test."""
    with make_executor() as executor:
        executor.submit(os.getpid).result()
        yield executor


class TestExecutor(SchedulerConformance):
    @pytest.fixture
    def make_scheduler(self, executor):
        return lambda: ExecutorScheduler({"ncores": 2, "scheduler": executor})


class Counting(Executor):
    """Passes on to another executor and counts how much it is given."""

    def __init__(self, executor):
        self._executor = executor
        self._max_workers = 2
        self.batches = []
        self.futures = []
        self.is_shut_down = False

    def submit(self, function, *args, **kwargs):
        self.batches.append(len(pickle.dumps((function, args, kwargs))))
        self.futures.append(self._executor.submit(function, *args, **kwargs))
        return self.futures[-1]

    def shutdown(self, wait=True, *, cancel_futures=False):
        self.is_shut_down = True


class Within(Executor):
    """Executes in the thread of the caller."""

    def submit(self, function, *args, **kwargs):
        future = Future()
        future.set_result(function(*args, **kwargs))
        return future


def times_two(traj):
    traj.f_add_result("z", 2 * traj.x)
    return traj.x, os.getpid()


def test_an_experiment_is_executed_and_stored(make_env, executor):
    env = make_env(scheduler=executor)
    results = env.run(times_two)
    assert [(i, value[0]) for i, value in results] == [(i, i) for i in range(6)]
    assert os.getpid() not in {value[1] for _, value in results}
    env.traj.f_load(load_data=2)
    assert env.traj.f_get_from_runs("z", fast_access=True) == {
        f"run_{i:08d}": 2 * i for i in range(6)
    }


def test_what_executes_runs_is_noted(make_env, executor):
    env = make_env(scheduler=executor, multiproc=True)
    config = env.traj.f_get(f"config.environment.{env.name}")
    assert config.scheduler == "executor (concurrent.futures.process.ProcessPoolExecutor)"
    assert (config.multiproc, config.ncores, config.wrap_mode) == (True, 2, "LOCAL")
    assert "start_method" not in config


def test_shared_input_is_not_sent_with_every_batch_and_the_executor_lives_on(
    make_env, executor, monkeypatch
):
    # However slow the machine is, runs make batches.
    monkeypatch.setattr("pypet.plugins._workers.task_queue.BATCH_SECONDS", 1e6)
    counting = Counting(executor)
    env = make_env(400, scheduler=counting)
    env.traj.f_add_parameter("large", bytes(300_000))
    assert len(env.run(times_two)) == 400
    # One for each worker, twice if it has to be sent with the main script, and again for batches
    # that a worker gets which does not have it yet.
    replies = [future.result() for future in counting.futures]
    versions = 1 + any(reply.is_foreign for reply in replies)
    refused = sum(reply.outcomes is None for reply in replies)
    large = sum(size > 300_000 for size in counting.batches)
    assert 1 <= large <= 2 * versions + refused
    assert large < len(counting.batches) < 400
    assert not counting.is_shut_down


def test_input_can_be_frozen(make_env, executor):
    assert len(make_env(scheduler=executor, freeze_input=True).run(times_two)) == 6


def test_one_executor_serves_experiments_one_after_the_other(make_env, executor):
    for factor in (1, 2):
        env = make_env(scheduler=executor)
        env.add_postprocessing(lambda traj, results: {"x": [7]} if len(traj) == 6 else None)
        assert [value for _, value in env.run(scaled, factor)] == [
            factor * x for x in (0, 1, 2, 3, 4, 5, 7)
        ]


def scaled(traj, factor):
    return traj.x * factor


class RunError(Exception):
    pass


def fail_at_two(traj):
    if traj.v_idx == 2:
        raise RunError("two")
    return traj.v_idx


def test_a_failing_run_ends_the_experiment_by_default(make_env, executor):
    with pytest.raises(RunError, match="two") as caught:
        make_env(scheduler=executor).run(fail_at_two)
    assert "run_00000002" in caught.value.__notes__[-1]
    env = make_env(scheduler=executor, on_error="continue")
    assert [index for index, _ in env.run(fail_at_two)] == [0, 1, 3, 4, 5]


def exit_at_two(traj):
    if traj.v_idx == 2:
        raise SystemExit(3)
    return traj.v_idx


def test_a_run_that_exits_does_not_end_the_worker(make_env, executor):
    env = make_env(scheduler=executor, on_error="continue")
    assert [index for index, _ in env.run(exit_at_two)] == [0, 1, 3, 4, 5]
    assert len(make_env(scheduler=executor).run(times_two)) == 6


def die_at_two(traj):
    if traj.v_idx == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return traj.v_idx


def test_lost_workers_are_reported_with_their_runs(make_env, doomed):
    with pytest.raises(WorkerDiedError, match="ProcessPoolExecutor") as caught:
        make_env(scheduler=doomed).run(die_at_two)
    assert "run_0000000" in caught.value.__notes__[-1]


def test_a_broken_executor_fails_all_further_runs(make_env, doomed):
    env = make_env(scheduler=doomed, on_error="continue")
    done = {index for index, _ in env.run(die_at_two)}
    assert 2 not in done
    assert {i for i in range(6) if env.traj.f_is_completed(i)} == done


def test_an_executor_that_was_shut_down_is_told(make_env):
    executor = make_executor()
    executor.shutdown()
    with pytest.raises(WorkerDiedError, match="after shutdown"):
        make_env(scheduler=executor).run(times_two)


def test_executors_that_stay_in_the_main_process_are_refused(make_env):
    with pytest.raises(WorkerDiedError, match=r"Within cannot .* main process"):
        make_env(scheduler=Within()).run(times_two)


def test_what_cannot_be_pickled_is_told(make_env, executor):
    with pytest.raises((pickle.PicklingError, AttributeError)) as caught:
        make_env(scheduler=executor).run(lambda traj: None)
    assert "cannot be sent to workers" in caught.value.__notes__[0]


def test_threads_are_refused(make_env):
    with ThreadPoolExecutor(1) as executor, pytest.raises(ValueError, match="ProcessPoolExecutor"):
        make_env(scheduler=executor)


class Client:
    def get_executor(self):
        return None


@pytest.mark.parametrize(("scheduler", "message"), [(3, "Executor"), (Client(), "get_executor")])
def test_other_objects_are_no_scheduler(make_env, scheduler, message):
    with pytest.raises(ValueError, match=message):
        make_env(scheduler=scheduler)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"wrap_mode": "LOCK", "storage_service": "hdf5"}, "wrap_mode='LOCAL'"),
        ({"wrap_mode": "QUEUE", "storage_service": "hdf5"}, "wrap_mode='LOCAL'"),
        ({"wrap_mode": "PIPE", "storage_service": "hdf5"}, "wrap_mode='LOCAL'"),
        ({"start_method": METHOD}, "start_method"),
        ({"niceness": 3}, "niceness"),
        ({"immediate_postproc": True}, "immediate_postproc"),
        ({"use_pool": True, "multiproc": True}, "contradict"),
    ],
)
def test_options_that_need_processes_of_pypet_are_refused(make_env, executor, options, message):
    with pytest.raises(ValueError, match=message):
        make_env(scheduler=executor, **options)


def test_a_large_executor_tells_its_workers():
    with ProcessPoolExecutor(3) as executor:
        options = {"scheduler": executor, "ncores": 1, "start_method": None, "niceness": None}
        assert ExecutorScheduler.resolve_options(options) == {"ncores": 3}


def test_tasks_that_the_executor_has_not_begun_are_given_up(executor):
    scheduler = ExecutorScheduler({"ncores": 2, "scheduler": executor})
    scheduler.start(square)
    scheduler.submit([Task(index) for index in range(scheduler.free_slots())])
    given_up = scheduler.cancel()
    assert len(list(scheduler.outcomes())) + given_up == 4
    scheduler.start(square)
    assert len(execute_all(scheduler, [Task(0), Task(1)])) == 2
    scheduler.stop()
