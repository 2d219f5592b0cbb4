"""The pool: fixed workers, batches, deaths, and what runs may not share."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import threading
import time

import pytest

from pypet.errors import WorkerDiedError
from pypet.interfaces import Outcome, Task, TaskFunction
from pypet.plugins._workers import task_lease, worker_pool
from pypet.plugins.pool import PoolScheduler
from pypet.testing import scheduler_tasks, schedulers
from pypet.testing.schedulers import ProcessesConformance, execute_all, square
from tests.processes import wait_until


def make_pool(**options):
    defaults = {"ncores": 2, "start_method": "fork", "niceness": None}
    return PoolScheduler({**defaults, **options})


class TestForkedPool(ProcessesConformance):
    FEW = schedulers.MANY

    @pytest.fixture
    def make_scheduler(self):
        return make_pool


class TestSpawnedPool(ProcessesConformance):
    FEW = schedulers.MANY

    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: make_pool(start_method="spawn", **options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork server")
class TestPoolOfForkServer(TestSpawnedPool):
    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: make_pool(start_method="forkserver", **options)


@pytest.fixture
def run():
    made = []

    def run(execute, count, **options):
        pool = make_pool(**options)
        made.append(pool)
        pool.start(execute)
        return execute_all(pool, [Task(index) for index in range(count)])

    yield run
    for pool in made:
        pool.stop()
        pool.wait_closed()
    assert multiprocessing.active_children() == []


def test_workers_stay(run):
    assert len({outcome.value[1] for outcome in run(square, 200)}) <= 2


@pytest.mark.parametrize(
    ("execute", "words"),
    [
        (scheduler_tasks.kill_itself_at_three, "SIGKILL"),
        (scheduler_tasks.exit_at_three, "exit code 7"),
        (scheduler_tasks.call_sys_exit, r"SystemExit\(5\)"),
        (scheduler_tasks.fail_awkwardly, "Awkward: 1 and 2"),
    ],
)
def test_errors_say_how_a_worker_ended_or_what_did_not_travel(run, execute, words):
    errors = [each.error for each in run(execute, 4) if each.error is not None]
    assert errors
    assert all(re.search(words, str(error)) for error in errors)


def test_workers_are_only_started_for_tasks(run):
    assert len({outcome.value[1] for outcome in run(square, 1, ncores=8)}) == 1


def test_semaphores_are_made_for_workers_not_for_cores(run, monkeypatch):
    made = []
    monkeypatch.setattr(
        worker_pool,
        "TaskLeases",
        lambda context: made.append(1) or task_lease.TaskLeases(context),
    )
    run(square, 3, ncores=100_000)
    assert 1 <= len(made) <= 3


def wait_for_files(task):
    """Touch a file; the task that is ``waiting`` ends when all ``count`` have done so."""
    folder, count, waiting = task.args
    started = time.time()
    (folder / str(task.index)).touch()
    if task.index == waiting:
        wait_until(lambda: len(os.listdir(folder)) == count)
    return Outcome(task.index, len(os.listdir(folder)), started, time.time())


def test_a_long_run_does_not_keep_others_of_its_batch_waiting(tmp_path):
    count, waiting = 1000, 450
    scheduler = make_pool()
    scheduler.start(wait_for_files)
    outcomes = execute_all(
        scheduler, [Task(index, (tmp_path, count, waiting)) for index in range(count)]
    )
    scheduler.stop()
    scheduler.wait_closed()
    assert sorted(outcome.index for outcome in outcomes) == list(range(count))
    assert {outcome.index: outcome.value for outcome in outcomes}[waiting] == count


def nice_value(task):
    return Outcome(task.index, os.nice(0), 0.0, 1.0)


def test_workers_are_nice_and_the_main_process_is_not(run):
    before = os.nice(0)
    assert [outcome.value for outcome in run(nice_value, 2, niceness=before + 3)] == [
        before + 3
    ] * 2
    assert os.nice(0) == before


class Unwilling(TaskFunction):
    def serialized(self):
        return self

    def start_worker(self, index=None):
        raise OSError("no space left for logs")

    def __call__(self, task):
        return Outcome(task.index, None, 0.0, 1.0)


def test_a_worker_that_cannot_be_set_up_ends_the_experiment(run):
    with pytest.raises(WorkerDiedError, match="no space left for logs"):
        run(Unwilling(), 4)


class Dying(Unwilling):
    def start_worker(self, index=None):
        os._exit(3)


def test_workers_that_die_at_once_are_not_started_for_ever(run):
    with pytest.raises(WorkerDiedError, match="exit code 3"):
        run(Dying(), 4)


def test_arguments_that_cannot_be_pickled_are_an_error(run):
    pool = make_pool()
    pool.start(square)
    with pytest.raises(Exception, match="pickle") as caught:
        pool.submit([Task(0, (lambda: None,))])
    assert "workers" in caught.value.__notes__[0]
    pool.stop()
    pool.wait_closed()


def test_large_arguments_do_not_block():
    pool = make_pool()
    pool.start(schedulers.echo)
    tasks = [Task(index, ("x" * 300_000,)) for index in range(40)]
    assert len(execute_all(pool, tasks)) == 40
    pool.stop()
    pool.wait_closed()


def test_cancelled_tasks_have_no_outcome(run):
    pool = make_pool()
    pool.start(square)
    pool.submit([Task(index) for index in range(4)])
    cancelled = pool.cancel()
    assert len(list(pool.outcomes())) == 4 - cancelled
    pool.stop()
    pool.wait_closed()


@pytest.mark.parametrize("count", [3, 40, 400])
def test_no_run_waits_behind_a_long_one_while_a_worker_is_idle(tmp_path, count):
    scheduler = make_pool()
    scheduler.start(wait_for_files)
    for part in range(3):  # also with what was taken back in the former part
        folder = tmp_path / str(part)
        folder.mkdir()
        tasks = [Task(index, (folder, count, 0)) for index in range(count)]
        outcomes = sorted(execute_all(scheduler, tasks), key=lambda outcome: outcome.index)
        assert [outcome.index for outcome in outcomes] == list(range(count))
        assert outcomes[0].value == count
    scheduler.stop()
    scheduler.wait_closed()


def leave_a_thread(task):
    """Start a thread that writes into a file for ever; tell the process."""
    path, daemon = task.args
    has_written = threading.Event()

    def write():
        with open(path, "wb", buffering=0) as stream:
            while True:
                stream.write(b".")
                has_written.set()
                time.sleep(0.001)

    threading.Thread(target=write, daemon=daemon).start()
    has_written.wait()
    sys.stdout = SlowStream()
    return Outcome(task.index, os.getpid(), 0.0, 1.0)


class SlowStream:
    """Lets the end of a process take time."""

    def write(self, text):
        return len(text)

    def flush(self):
        time.sleep(0.3)


@pytest.mark.parametrize("daemon", [True, False])
def test_nothing_goes_on_in_workers_after_the_stop(tmp_path, monkeypatch, daemon):
    monkeypatch.setattr(worker_pool, "GRACE_SECONDS", 5.0 if daemon else 0.3)
    scheduler = make_pool()
    scheduler.start(leave_a_thread)
    assert len(execute_all(scheduler, [Task(0, (tmp_path / "file", daemon))])) == 1
    scheduler.stop()
    written = (tmp_path / "file").stat().st_size
    scheduler.wait_closed()
    assert (tmp_path / "file").stat().st_size == written > 0
    assert multiprocessing.active_children() == []


def test_an_interrupt_while_workers_shut_down_ends_them(monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    scheduler = make_pool()
    scheduler.start(square)
    workers = {outcome.value[1] for outcome in execute_all(scheduler, [Task(0), Task(1)])}
    monkeypatch.setattr(worker_pool, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scheduler.stop()
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
