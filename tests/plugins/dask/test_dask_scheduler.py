"""Runs as tasks of Dask."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pypet import Environment, load_trajectory
from pypet.errors import MissingDependencyError, WorkerDiedError
from pypet.interfaces import Task
from pypet.plugins.dask.scheduler import DaskScheduler
from pypet.testing.schedulers import SchedulerConformance, execute_all, square
from tests.plugins.dask.clusters import make_cluster
from tests.processes import wait_until

pytestmark = pytest.mark.timeout(120)


class TestDask(SchedulerConformance):
    @pytest.fixture
    def make_scheduler(self, client):
        return lambda: DaskScheduler({"ncores": 2, "dask_address": client})


def times_two(traj):
    traj.f_add_result("z", 2 * traj.x)
    return 2 * traj.x


def expected(length):
    return [(i, 2 * i) for i in range(length)]


def results_of(traj):
    traj.f_load(load_data=2)
    return list(traj.f_get_from_runs("z", fast_access=True).values())


# ----- where runs are executed ----------------------------------------------------------------


def test_a_local_cluster_ends_with_the_experiment(make_env, tmp_path):
    psutil = pytest.importorskip("psutil")
    before = set(psutil.Process().children(recursive=True))
    env = make_env(ncores=2)
    assert env.run(times_two) == expected(6)
    assert results_of(env.traj) == [0, 2, 4, 6, 8, 10]
    assert env.traj.config.environment.f_get_default("ncores", shortcuts=True) == 2
    left = set(psutil.Process().children(recursive=True)) - before
    assert [each for each in left if "spawn_main" in str(each.cmdline())] == []
    assert list(tmp_path.glob("pypet-dask-*")) == []


def test_a_local_cluster_takes_nobody_without_its_certificate(distributed, make_env):
    # Whoever can send a Dask worker a task can execute anything there.
    env = make_env(1, ncores=1)
    ((_, refusal),) = env.run(connect_without_certificate)
    assert "certificate" in refusal.lower() or "ssl" in refusal.lower() or "TLS" in refusal


def connect_without_certificate(traj):
    import distributed

    address = distributed.get_worker().scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    try:
        distributed.Client(address.replace("tls", "tcp"), timeout=2)
    except OSError as error:
        cause = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        return f"TLS only: {cause}"
    return "let in"


@pytest.mark.parametrize("kind", ["client", "cluster", "address"])
def test_a_cluster_of_the_user_goes_on(make_env, distributed, client, cluster, kind):
    address = {"client": client, "cluster": cluster, "address": cluster.scheduler_address}[kind]
    for _ in range(2):
        env = make_env(dask_address=address)
        assert env.run(times_two) == expected(6)
        assert results_of(env.traj) == [0, 2, 4, 6, 8, 10]
    assert client.submit(abs, -1).result() == 1


def test_what_executes_runs_is_noted(make_env, cluster):
    env = make_env(dask_address=cluster)
    noted = env.traj.f_get(f"config.environment.{env.name}")
    assert noted.scheduler == "dask (distributed.deploy.local.LocalCluster)"
    assert noted.ncores == 2


def test_security_of_the_client_is_used(make_env, distributed, tmp_path):
    with (
        make_cluster(distributed, tmp_path / "dask", 1, security=True) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        assert client.scheduler.address.startswith("tls://")
        for address in (client, cluster):
            assert make_env(dask_address=address).run(times_two) == expected(6)


def test_frozen_input_and_run_map(make_env, client):
    env = make_env(dask_address=client, freeze_input=True)
    assert env.run(times_two) == expected(6)
    env = make_env(dask_address=client)
    own = list(range(0, 600, 100))
    assert env.run_map(add, own) == [(i, 101 * i) for i in range(6)]


def add(traj, more):
    return traj.x + more


def test_post_processing_that_expands_while_others_are_executed(make_env, client):
    for immediate in (True, False):
        env = make_env(4, dask_address=client, immediate_postproc=immediate)
        env.add_postprocessing(expand_twice)
        results = env.run(times_two)
        assert sorted(results) == expected(6)
        assert results_of(env.traj) == [0, 2, 4, 6, 8, 10]


def expand_twice(traj, results):
    return {"x": [len(traj)]} if len(traj) < 6 else None


def test_a_local_cluster_stays_while_post_processing_expands(make_env):
    env = make_env(4, ncores=1)
    env.add_postprocessing(expand_twice)
    pids = [pid for _, pid in env.run(return_pid)]
    assert len(pids) == 6
    assert len(set(pids)) == 1


def return_pid(traj):
    return os.getpid()


def test_short_runs_go_in_batches_with_what_they_share_sent_to_each_worker_once(
    make_env, client, monkeypatch
):
    sent = []
    submit = type(client).submit

    def counting(self, function, *args, **kwargs):
        sent.append(function.__name__)
        return submit(self, function, *args, **kwargs)

    monkeypatch.setattr(type(client), "submit", counting)
    assert make_env(1000, dask_address=client).run(times_two) == expected(1000)
    assert sent.count("pass_on") == 1
    assert sent.count("perform_batch") < 200


def test_workers_forget_an_experiment_that_is_over(make_env, client):
    make_env(dask_address=client).run(times_two)
    assert set(client.run(functions_known_here).values()) == {0}


def functions_known_here():
    from pypet.plugins._workers import executor_worker

    return len(executor_worker._functions)


def test_threads_of_a_worker_take_turns_and_that_is_told(make_env, distributed, tmp_path, caplog):
    with make_cluster(distributed, tmp_path / "dask", 1, threads_per_worker=3) as cluster:
        assert make_env(dask_address=cluster).run(am_i_alone) == [(i, True) for i in range(6)]
    assert "threads_per_worker=1" in caplog.text


def am_i_alone(traj):
    global busy
    alone, busy = not busy, True
    time.sleep(0.2)
    busy = False
    return alone


busy = False


# ----- wrap modes ------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False], ids=["own cluster", "local cluster"])
def test_workers_on_this_host_can_lock(make_env, client, tmp_path, own):
    pytest.importorskip("h5py")
    filename = str(tmp_path / "locked.hdf5")
    options = {"ncores": 2} if own else {"dask_address": client}
    env = make_env(20, wrap_mode="LOCK", storage_service="hdf5", filename=filename, **options)
    assert env.run(times_two) == expected(20)
    traj = load_trajectory("test", filename=filename, load_data=2)
    assert len(traj.f_get_from_runs("z")) == 20


@pytest.mark.parametrize(
    ("mode", "options", "words"),
    [
        ("QUEUE", {}, "pypet starts"),
        ("PIPE", {}, "pypet starts"),
        ("LOCK", {"dask_address": "tcp://127.0.0.1:1"}, "one host"),
    ],
)
def test_modes_that_cannot_work_are_refused(make_env, client, monkeypatch, mode, options, words):
    pytest.importorskip("h5py")
    monkeypatch.setattr("pypet.plugins.dask.connection.count_workers", lambda options: 2)
    with pytest.raises(ValueError, match=f"(?s){words}.*wrap_mode='LOCAL'"):
        make_env(wrap_mode=mode, storage_service="hdf5", ncores=2, **options)


# ----- what is wrong ---------------------------------------------------------------------------


class Asynchronous:
    scheduler_address = "tcp://127.0.0.1:1"
    asynchronous = True


class Closed:
    scheduler_address = "tcp://127.0.0.1:1"
    status = "closed"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (3, "SLURMCluster"),
        ("", "not an address"),
        (Asynchronous(), "asynchronous=True"),
        (Closed(), "make a new one"),
    ],
)
def test_what_is_no_cluster_is_refused(make_env, distributed, address, words):
    with pytest.raises(ValueError, match=words):
        make_env(dask_address=address)


def test_an_address_where_nobody_answers_is_refused(make_env, distributed, unused_port):
    import dask.config

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(ConnectionError, match="no Dask scheduler answers"),
    ):
        make_env(dask_address=f"tcp://127.0.0.1:{unused_port}")


@pytest.fixture
def unused_port():
    import socket

    with socket.socket() as other:  # bound, but nobody listens
        other.bind(("127.0.0.1", 0))
        yield other.getsockname()[1]


@pytest.mark.parametrize("option", [{"start_method": "spawn"}, {"niceness": 3}])
def test_options_about_processes_are_refused(make_env, client, option):
    with pytest.raises(ValueError, match="where you make the cluster"):
        make_env(dask_address=client, **option)


def test_without_dask_the_extra_is_named(make_env, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingDependencyError, match=r"pypet\[dask\]"):
        make_env()


def test_one_worker_by_default_is_a_warning(make_env, client):
    with pytest.warns(UserWarning, match="ncores=1"):
        make_env()
    make_env(dask_address=client)  # which has as many as it has


def test_an_address_without_the_scheduler_does_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.warns(UserWarning, match="dask_address"):
        Environment(
            "test", storage_service="memory", log_config=None, dask_address="tcp://127.0.0.1:1"
        )


def test_workers_in_this_process_are_refused(make_env, distributed, tmp_path):
    with (
        make_cluster(distributed, tmp_path / "dask", 1, processes=False) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        pytest.raises(WorkerDiedError, match="main process"),
    ):
        make_env(dask_address=client).run(times_two)


# ----- runs that fail, workers that are lost -----------------------------------------------------


def fail_at_two(traj):
    if traj.x == 2:
        raise LookupError("two")
    return times_two(traj)


def test_failing_runs(make_env, client):
    with pytest.raises(LookupError, match="two"):
        make_env(dask_address=client).run(fail_at_two)
    env = make_env(dask_address=client, on_error="continue")
    assert [index for index, _ in env.run(fail_at_two)] == [0, 1, 3, 4, 5]
    folder = Path.cwd()
    env = make_env(dask_address=client, on_error="retry:2")
    assert env.run(fail_once, str(folder)) == expected(6)


def fail_once(traj, folder):
    mark = Path(folder, f"tried-{traj.x}")
    if traj.x == 2 and not mark.exists():
        mark.touch()
        raise LookupError("once")
    return times_two(traj)


def kill_worker_once(traj, folder):
    mark = Path(folder, "killed")
    if traj.x == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return times_two(traj)


def test_runs_of_a_worker_that_is_lost_are_executed_elsewhere(make_env, doomed):
    env = make_env(8, dask_address=doomed)
    assert env.run(kill_worker_once, str(Path.cwd())) == expected(8)
    assert Path("killed").exists()
    assert results_of(env.traj) == [2 * i for i in range(8)]


def always_kill_at_three(traj):
    if traj.x == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return times_two(traj)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_always_takes_its_worker_along_is_reported_alone(
    make_env, distributed, tmp_path, workers
):
    import dask.config

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        make_cluster(distributed, tmp_path / "dask", workers) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        env = make_env(8, dask_address=client, on_error="continue")
        results = env.run(always_kill_at_three)
    assert [index for index, _ in results] == [0, 1, 2, 4, 5, 6, 7]
    assert [i for i in range(8) if not env.traj.f_is_completed(i)] == [3]


def leave_or_square(task):
    raise SystemExit(5)


def test_a_run_that_exits_does_not_end_the_worker(client):
    scheduler = DaskScheduler({"ncores": 2, "dask_address": client})
    scheduler.start(leave_or_square)
    (outcome,) = execute_all(scheduler, [Task(0)])
    assert "SystemExit(5)" in str(outcome.error)
    scheduler.stop()


def sleep_at_two(traj):
    if traj.x == 2:
        time.sleep(600)
    return times_two(traj)


def test_a_run_that_takes_longer_than_the_timeout_is_given_up(make_env, doomed):
    env = make_env(8, dask_address=doomed, timeout=2.0, on_error="continue")
    results = env.run(sleep_at_two)
    assert [index for index, _ in results] == [0, 1, 3, 4, 5, 6, 7]
    assert doomed.submit(abs, -1).result(timeout=60) == 1


def test_a_cluster_without_workers_is_waited_for_until_the_timeout(make_env, distributed, tmp_path):
    with (
        make_cluster(distributed, tmp_path / "dask", 0) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
        pytest.raises(WorkerDiedError, match="no worker"),
    ):
        make_env(dask_address=client, timeout=1.0).run(times_two)


def test_an_adaptive_cluster_starts_workers_when_there_are_runs(make_env, distributed, tmp_path):
    with make_cluster(distributed, tmp_path / "dask", 0) as cluster:
        cluster.adapt(minimum=0, maximum=2, interval="100ms")
        assert make_env(20, dask_address=cluster).run(times_two) == expected(20)


def test_a_scheduler_of_dask_that_is_gone_ends_the_experiment(make_env, distributed, tmp_path):
    with make_cluster(distributed, tmp_path / "dask", 1) as cluster:
        env = make_env(1000, dask_address=cluster.scheduler_address)
        begun = tmp_path / "begun"

        def close_meanwhile():
            wait_until(begun.exists)
            cluster.close()

        closer = threading.Thread(target=close_meanwhile)
        closer.start()
        with pytest.raises(WorkerDiedError, match="connection to the Dask scheduler"):
            env.run(rest, begun)
        closer.join(60)


def rest(traj, begun):
    begun.touch()
    time.sleep(0.1)


def test_what_was_not_begun_is_skipped_after_an_interruption(client):
    scheduler = DaskScheduler({"ncores": 2, "dask_address": client})
    scheduler.start(square)
    scheduler.submit([Task(index) for index in range(scheduler.free_slots())])
    given_up = scheduler.cancel()
    assert len(list(scheduler.outcomes())) + given_up == 4
    scheduler.stop()
    scheduler.start(square)
    assert len(execute_all(scheduler, [Task(0), Task(1)])) == 2
    scheduler.stop()


# ----- scripts -----------------------------------------------------------------------------------

SCRIPT = """
import os, sys, time
from pypet import Environment

class Number:
    def __init__(self, value):
        self.value = value

def work(traj, factor):
    traj.f_add_result("z", traj.x * factor.value)
    if sys.argv[1:]:
        print("begun", os.getpid(), flush=True)
        time.sleep(float(sys.argv[1]))
    return traj.x * factor.value

def main():
    with Environment("t", storage_service="memory", log_config=None, scheduler="dask", ncores=2,
                     wrap_mode="LOCAL", report_progress=False,
                     graceful_exit=sys.argv[1:] == ["0.5"]) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(6)})
        print(env.run(work, Number(10)), flush=True)

FORK_LOCK
"""


def start_script(tmp_path, guard, *arguments):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT.replace("FORK_LOCK", guard))
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )


def test_a_script_can_define_what_runs_need(distributed, tmp_path):
    with start_script(tmp_path, 'if __name__ == "__main__": main()') as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.splitlines() == [str([(i, 10 * i) for i in range(6)])]


def test_a_script_without_guard_is_told_about_it(distributed, tmp_path):
    with start_script(tmp_path, "main()") as process:
        _, err = process.communicate(timeout=100)
    assert process.returncode == 1
    assert "WorkerDiedError" in err
    assert "if __name__ == '__main__'" in err


def test_an_interrupt_of_the_terminal_lets_active_runs_finish(distributed, tmp_path):
    with start_script(tmp_path, 'if __name__ == "__main__": main()', "0.5") as process:
        assert process.stdout.readline().startswith("begun")
        os.killpg(process.pid, signal.SIGINT)  # as CTRL+C does
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    results = eval(out.splitlines()[-1])
    assert 1 <= len(results) < 6
    assert all(value == 10 * index for index, value in results)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_nothing_goes_on_after_the_main_process(distributed, tmp_path, signum):
    psutil = pytest.importorskip("psutil")
    with start_script(tmp_path, 'if __name__ == "__main__": main()', "600") as process:
        pid = int(process.stdout.readline().split()[1])
        worker = psutil.Process(pid)
        process.send_signal(signum)
        process.communicate(timeout=60)
    assert process.returncode != 0
    assert psutil.wait_procs([worker], 30)[1] == []
