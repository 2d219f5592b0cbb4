"""Scripts end well wherever they run: killed, in threads and daemons, with closed streams."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from pypet import Environment
from pypet.support.optional import is_installed
from tests.processes import (
    DEADLINE_SECONDS,
    Announcing,
    has_ended,
    in_child,
    main_pid,
    meet,
    run_until_killed,
    signal_main,
    wait_until,
)

pytest.importorskip("h5py")
psutil = pytest.importorskip("psutil")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

WAYS = pytest.mark.parametrize(
    ("scheduler", "mode"), [("pool", "QUEUE"), ("process", "PIPE")], ids=["pool", "process"]
)

SCRIPT = """
import multiprocessing, os, sys, time
from pypet import Environment

def work(traj, seconds):
    traj.f_add_result("z", traj.x)
    if seconds:
        os.write(1, b"busy\\n")  # at once, or lines would mix
        time.sleep(seconds)
    return traj.x

if __name__ == "__main__":
    scheduler, mode, method, seconds = sys.argv[1:]
    options = {} if scheduler == "serial" else {"wrap_mode": mode, "start_method": method}
    env = Environment(
        "test", filename="data.hdf5", overwrite_file=True, log_config=None,
        report_progress=False, scheduler=scheduler, ncores=2, **options,
    )
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(4)})
    results = env.run(work, float(seconds))
    with open("results.txt", "w") as file:
        file.write(str([value for _, value in results]))
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def wait_until_ended(processes):
    """Wait until processes have ended, also if nobody asks how; kill what goes on for ever."""
    try:
        wait_until(lambda: all(has_ended(process.pid) for process in processes))
    except AssertionError:
        for process in processes:
            process.kill()
        raise


# ----- the main process is killed ------------------------------------------------------------


@pytest.fixture
def temporary():
    """A folder for what a killed process cannot remove; its path is short enough for sockets."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield folder


NETWORK = (
    [("pool", "NETLOCK", "fork"), ("process", "NETQUEUE", "fork")] if is_installed("zmq") else []
)


@pytest.mark.parametrize(
    ("scheduler", "mode", "method"),
    [
        ("pool", "QUEUE", "fork"),
        ("process", "PIPE", "fork"),
        ("pool", "LOCK", "spawn"),
        ("pool", "QUEUE", "forkserver"),
        ("process", "LOCK", "forkserver"),
        *NETWORK,
    ],
)
def test_nobody_outlives_the_main_process(script, temporary, scheduler, mode, method):
    main = subprocess.Popen(
        [sys.executable, str(script), scheduler, mode, method, "1000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=script.parent,
        env={**os.environ, "TMPDIR": temporary},
    )
    with main.stdout as lines:
        try:
            assert [lines.readline() for _ in range(2)] == ["busy\n"] * 2
            others = psutil.Process(main.pid).children(recursive=True)
        finally:
            main.kill()
            main.wait(DEADLINE_SECONDS)
    assert len(others) >= 2
    wait_until_ended(others)


# ----- streams -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheduler", "mode"), [("serial", "NONE"), ("pool", "QUEUE"), ("process", "PIPE")]
)
@pytest.mark.parametrize("closed", ["<&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_streams_may_be_closed(script, scheduler, mode, closed):
    command = f'exec "$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", sys.executable, str(script), scheduler, mode, "fork", "0"],
        timeout=DEADLINE_SECONDS,
        check=False,
        cwd=script.parent,
        capture_output=True,
    )
    assert done.returncode == 0
    assert (script.parent / "results.txt").read_text() == "[0, 1, 2, 3]"


# ----- threads, event loops, daemons ---------------------------------------------------------


def work(traj):
    traj.f_add_result("z", traj.x)
    return traj.x


def experiment(name, scheduler, mode, function=work, *args):
    with Environment(
        name,
        filename=f"{name}.hdf5",
        scheduler=scheduler,
        wrap_mode=mode,
        ncores=2,
        log_config=None,
        report_progress=False,
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(6)})
        return [value for _, value in env.run(function, *args)]


@WAYS
def test_two_threads_may_have_an_experiment_each(scheduler, mode):
    with ThreadPoolExecutor(2) as threads:
        both = [threads.submit(experiment, name, scheduler, mode) for name in ("one", "two")]
        assert [each.result() for each in both] == [list(range(6))] * 2
    assert multiprocessing.active_children() == []


def work_when_allowed(traj, begun, allowed):
    begun.touch()
    wait_until(allowed.exists)
    return work(traj)


@WAYS
def test_an_event_loop_goes_on_while_an_experiment_runs_in_a_thread(scheduler, mode, tmp_path):
    files = begun, allowed = tmp_path / "begun", tmp_path / "allowed"

    async def main():
        running = asyncio.create_task(
            asyncio.to_thread(experiment, "loop", scheduler, mode, work_when_allowed, *files)
        )
        while not begun.exists() and not running.done():
            await asyncio.sleep(0.001)
        allowed.touch()
        return await running

    assert asyncio.run(main()) == list(range(6))


@WAYS
def test_an_experiment_may_block_an_event_loop(scheduler, mode):
    async def main():
        return experiment("loop", scheduler, mode)

    assert asyncio.run(main()) == list(range(6))


@WAYS
def test_daemons_are_told_before_anything_is_stored_that_they_start_no_processes(
    scheduler, mode, tmp_path
):
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool, pytest.raises(ValueError, match="multiproc=False"):
        pool.apply(experiment, ("daemon", scheduler, mode))
    assert not (tmp_path / "daemon.hdf5").exists()


def test_daemons_may_execute_runs_themselves():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply(experiment, ("daemon", "serial", "NONE")) == list(range(6))


def interrupt_main_until_the_end(traj, folder, noticed, graceful):
    """Interrupt the main process until it gives up, and again while it ends this process."""
    if traj.v_idx < 2:
        meet(folder, traj.v_idx, 2)
    if traj.v_idx == 1:
        signal_main()
        if graceful:
            wait_until(noticed.exists)  # two signals at once would be one
            signal_main()
        try:
            run_until_killed()
        finally:
            signal_main()
    return traj.v_idx


@WAYS
@pytest.mark.parametrize("graceful", [True, False])
@in_child
def test_interrupts_leave_no_process_whenever_they_come(tmp_path, scheduler, mode, graceful, capfd):
    noticed = tmp_path / "noticed"
    sys.stderr = Announcing(sys.stderr, "Interrupted", noticed.touch)
    env = Environment(
        "test",
        filename=str(tmp_path / "data.hdf5"),
        scheduler=scheduler,
        wrap_mode=mode,
        ncores=2,
        graceful_exit=graceful,
        log_config=None,
        report_progress=False,
    )
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(6)})
    folder = tmp_path / "begun"
    folder.mkdir()
    with pytest.raises(KeyboardInterrupt):
        env.run(interrupt_main_until_the_end, folder, noticed, graceful)
    wait_until_ended(psutil.Process(main_pid()).children(recursive=True))
