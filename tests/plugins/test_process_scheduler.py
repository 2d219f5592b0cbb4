"""A process for each run: inheritance, gates, and nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

import pytest

from pypet.errors import WorkerDiedError
from pypet.interfaces import AdmissionGate, Outcome, Task
from pypet.plugins.pool import PoolScheduler
from pypet.plugins.process import ProcessScheduler
from pypet.support.tricks import is_on
from pypet.testing.schedulers import ProcessesConformance, execute_all, square
from tests.processes import DEADLINE_SECONDS, run_until_killed, wait_until


def make_processes(**options):
    defaults = {"ncores": 2, "start_method": "fork", "niceness": None}
    return ProcessScheduler.from_options({**defaults, **options})


class TestForkedProcesses(ProcessesConformance):
    @pytest.fixture
    def make_scheduler(self):
        return make_processes


class TestSpawnedProcesses(ProcessesConformance):
    FEW = 4
    SOME = 4

    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: make_processes(start_method="spawn", **options)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork server")
class TestProcessesOfForkServer(TestSpawnedProcesses):
    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: make_processes(start_method="forkserver", **options)


@pytest.fixture
def run():
    made = []

    def run(execute, count, gates=(), **options):
        scheduler = make_processes(**options)
        scheduler.gates = gates
        made.append(scheduler)
        scheduler.start(execute)
        return execute_all(scheduler, [Task(index) for index in range(count)])

    yield run
    for scheduler in made:
        scheduler.stop()
        scheduler.wait_closed()
    assert multiprocessing.active_children() == []


def test_every_run_has_its_process(run):
    assert len({outcome.value[1] for outcome in run(square, 10)}) == 10


def test_nothing_need_be_picklable_where_processes_are_forked(run):
    values = (i for i in (7,))
    (outcome,) = run(lambda task: Outcome(task.index, next(values), 0.0, 1.0), 1)
    assert outcome.value == 7


@pytest.fixture
def most_at_once(run, tmp_path):
    """Execute runs; return how many processes were active at once when there were most."""

    def count(task):
        own = tmp_path / str(task.index)
        own.touch()
        time.sleep(0.02)  # gives others an opportunity
        active = len(os.listdir(tmp_path))
        own.unlink()
        return Outcome(task.index, active, 0.0, 1.0)

    return lambda *args, **options: max(outcome.value for outcome in run(count, *args, **options))


def test_there_are_at_most_so_many_processes_as_cores(most_at_once):
    assert most_at_once(12, ncores=3) <= 3


def test_there_are_as_many_processes_as_cores(run, tmp_path):
    def meet_all(task):
        (tmp_path / str(task.index)).touch()
        wait_until(lambda: len(os.listdir(tmp_path)) == 3)
        return Outcome(task.index, None, 0.0, 1.0)

    assert len(run(meet_all, 3, ncores=3)) == 3


class Closed(AdmissionGate):
    name = "closed"

    def __init__(self):
        self.asked = []

    def admits(self, active):
        self.asked.append(active)
        return False


def test_one_process_always_starts_whatever_gates_say(most_at_once):
    gate = Closed()
    assert most_at_once(4, gates=(gate,), ncores=4) == 1
    assert set(gate.asked) == {1}


def test_processes_of_a_stopped_scheduler_are_ended():
    scheduler = make_processes()
    scheduler.start(lambda task: run_until_killed())
    scheduler.submit([Task(0), Task(1)])
    scheduler.stop()
    scheduler.wait_closed()
    assert multiprocessing.active_children() == []


def test_cancelled_tasks_have_no_process(run):
    scheduler = make_processes(ncores=1)
    scheduler.start(lambda task: Outcome(task.index, os.getpid(), 0.0, 1.0))
    scheduler.submit([Task(0), Task(1)])
    assert scheduler.cancel() == 1
    assert [outcome.index for outcome in scheduler.outcomes()] == [0]
    scheduler.stop()
    scheduler.wait_closed()


# ----- fork servers --------------------------------------------------------------------------


def lineage(task):
    process = multiprocessing.current_process()
    return Outcome(task.index, (os.getppid(), process.name), 0.0, 1.0)


needs_fork_server = pytest.mark.skipif(
    not hasattr(os, "fork") or not is_on("fork_server"),
    reason="this platform has no fork server, or PYPET_PLAIN switches it off",
)


@needs_fork_server
def test_a_few_fork_servers_start_all_processes(run):
    values = [outcome.value for outcome in run(lineage, 12)]
    assert len({server for server, _ in values}) <= 2
    assert os.getpid() not in {server for server, _ in values}
    assert {name for _, name in values} == {f"Process-{number}" for number in range(1, 13)}


def test_arguments_that_cannot_be_pickled_are_inherited(run):
    scheduler = make_processes()
    scheduler.start(lambda task: Outcome(task.index, task.args[0](), 0.0, 1.0))
    tasks = [Task(index, (lambda index=index: 10 * index,)) for index in range(6)]
    outcomes = execute_all(scheduler, tasks)
    scheduler.stop()
    scheduler.wait_closed()
    assert sorted(outcome.value for outcome in outcomes) == [0, 10, 20, 30, 40, 50]


def test_what_is_executed_can_be_exchanged_while_runs_are_active(tmp_path):
    begun, exchanged = tmp_path / "begun", tmp_path / "exchanged"

    def old(task):
        begun.touch()
        wait_until(exchanged.exists)
        return Outcome(task.index, "old", 0.0, 1.0)

    scheduler = make_processes(immediate_postproc=True)
    scheduler.start(old)
    scheduler.submit([Task(0)])
    wait_until(begun.exists)
    scheduler.start(lambda task: Outcome(task.index, "new", 0.0, 1.0))
    scheduler.submit([Task(1)])
    exchanged.touch()
    outcomes = {outcome.index: outcome.value for outcome in scheduler.outcomes()}
    scheduler.stop()
    scheduler.wait_closed()
    assert outcomes == {0: "old", 1: "new"}


def test_with_immediate_post_processing_no_task_waits_for_a_worker():
    scheduler = make_processes(immediate_postproc=True, ncores=3)
    scheduler.start(lambda task: Outcome(task.index, None, 0.0, 1.0))
    assert scheduler.free_slots() == 3
    scheduler.submit([Task(0), Task(1)])
    assert scheduler.free_slots() == 1
    assert len(list(scheduler.outcomes())) == 2
    scheduler.stop()
    scheduler.wait_closed()


def test_large_values_arrive_whole(run):
    outcomes = run(lambda task: Outcome(task.index, bytes(20_000_000), 0.0, 1.0), 3)
    assert [len(outcome.value) for outcome in outcomes] == [20_000_000] * 3


def start_helpers(task):
    """Start a thread and a process that are busy longer than the run."""
    _, writing = os.pipe()
    thread = threading.Thread(target=lambda: time.sleep(0.1) or os.write(writing, b"t"))
    helper = multiprocessing.get_context("fork").Process(
        target=lambda: time.sleep(0.1) or os.write(writing, b"p")
    )
    helper.start()
    thread.start()
    return Outcome(task.index, (os.getpid(), helper.pid), 0.0, 1.0)


def test_processes_and_threads_of_a_run_are_waited_for(run):
    (outcome,) = run(start_helpers, 1)
    for pid in outcome.value:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def end_by_signal(task):
    os.kill(os.getpid(), task.index)
    run_until_killed()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGSEGV, signal.SIGKILL])
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_a_process_that_is_ended_by_a_signal_is_reported_with_it(method, number):
    scheduler = make_processes(ncores=1, start_method=method)
    scheduler.start(end_by_signal)
    (outcome,) = execute_all(scheduler, [Task(int(number))])
    scheduler.stop()
    scheduler.wait_closed()
    assert isinstance(outcome.error, WorkerDiedError)
    assert number.name in str(outcome.error)


def kill_fork_server_at_two(task):
    if task.index == 2:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(DEADLINE_SECONDS)  # not every platform ends a run with its fork server
    return Outcome(task.index, task.index, 0.0, 1.0)


@needs_fork_server
def test_an_idle_fork_server_that_was_killed_gets_no_task_and_is_replaced():
    scheduler = make_processes()
    scheduler.gates = [Closed()]  # tasks are sent one by one
    scheduler.start(square)
    try:
        execute_all(scheduler, [Task(0)])
        (server,) = multiprocessing.active_children()
        server.kill()
        server.join()
        (outcome,) = execute_all(scheduler, [Task(1)])
    finally:
        scheduler.stop()
        scheduler.wait_closed()
    assert (outcome.index, outcome.error) == (1, None)


@needs_fork_server
def test_a_fork_server_that_is_killed_is_replaced_and_its_run_reported(run):
    outcomes = {outcome.index: outcome for outcome in run(kill_fork_server_at_two, 8)}
    assert isinstance(outcomes[2].error, WorkerDiedError)
    assert [outcomes[index].value for index in range(8) if index != 2] == [0, 1, 3, 4, 5, 6, 7]


@pytest.fixture
def hold_the_pipe(run):
    """What leaves a process behind that keeps open whatever its parent has, and is killed.

    That process ends with the test and not before.
    """
    reading, writing = os.pipe()

    def hold(task):
        if not os.fork():
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)

    yield hold
    os.close(reading)
    os.close(writing)


def test_a_killed_process_is_noticed_though_its_own_processes_live_on(run, hold_the_pipe):
    (outcome,) = run(hold_the_pipe, 1)
    assert isinstance(outcome.error, WorkerDiedError)


def die_before_child(task):
    """Be killed while a forked process lives on, which ends when the file is gone."""
    (held,) = task.args
    if not os.fork():
        while os.path.exists(held):
            time.sleep(0.02)
        os._exit(0)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="this platform has no pidfd_open")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.parametrize("scheduler_class", [ProcessScheduler, PoolScheduler])
def test_processes_that_a_killed_one_has_forked_do_not_hide_its_end(
    scheduler_class, method, tmp_path
):
    held = tmp_path / "held"
    held.touch()
    options = {"ncores": 1, "start_method": method, "niceness": None}
    scheduler = scheduler_class.from_options(options)
    scheduler.start(die_before_child)
    try:
        (outcome,) = execute_all(scheduler, [Task(0, (str(held),))])
    finally:
        held.unlink()
        scheduler.stop()
        scheduler.wait_closed()
    assert "SIGKILL" in str(outcome.error)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this platform has no /proc")
@pytest.mark.parametrize("has_fork_servers", [True, False])
def test_no_descriptors_of_ended_processes_stay_open(has_fork_servers):
    def open_after(count):
        scheduler = (
            make_processes()
            if has_fork_servers
            else ProcessScheduler({"ncores": 2, "start_method": "fork", "niceness": None})
        )
        scheduler.start(square)
        execute_all(scheduler, [Task(index) for index in range(count)])
        scheduler.stop()
        scheduler.wait_closed()
        return len(os.listdir("/proc/self/fd"))

    assert open_after(1) == open_after(20)


@needs_fork_server
def test_a_fork_server_ends_at_once_also_in_the_middle_of_a_fork():
    # What hooks of a fork raise is only reported, so the request to end must not get lost there.
    armed = [True]  # hooks cannot be taken back, but disarmed

    def ask_once():
        if armed and multiprocessing.current_process().name.startswith("pypet-fork-server"):
            armed.clear()
            os.kill(os.getpid(), signal.SIGTERM)

    os.register_at_fork(after_in_parent=ask_once)
    scheduler = make_processes(ncores=1)
    scheduler.start(lambda task: run_until_killed())
    scheduler.submit([Task(0)])
    armed.clear()
    (server,) = multiprocessing.active_children()
    server.join(DEADLINE_SECONDS)
    assert server.exitcode == -signal.SIGTERM
    scheduler.stop()
    scheduler.wait_closed()


@needs_fork_server
def test_ends_are_noticed_where_the_platform_only_waits_for_processes(
    run, hold_the_pipe, monkeypatch
):
    def unknown(pid):
        raise OSError("no such system call")

    def sleep_and_die_at_two(task):
        time.sleep(0.05)  # longer than the fork server waits between two looks
        if task.index == 2:
            hold_the_pipe(task)
        return Outcome(task.index, task.index, 0.0, 1.0)

    monkeypatch.setattr(os, "pidfd_open", unknown, raising=False)
    monkeypatch.delattr(os, "waitid", raising=False)
    outcomes = {outcome.index: outcome for outcome in run(sleep_and_die_at_two, 4)}
    assert "SIGKILL" in str(outcomes[2].error)
    assert [outcomes[index].value for index in (0, 1, 3)] == [0, 1, 3]
