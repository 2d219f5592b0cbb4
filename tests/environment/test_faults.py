"""Runs and helpers that die, exit, fill the disk: a clear end, nothing left, earlier data readable.

`assert_readable` says that what the trajectory calls completed is in the file.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
from functools import partial

import pytest

from pypet import NotStoredError, load_trajectory
from pypet.errors import RemoteRunError, WorkerDiedError
from tests.processes import (
    DEADLINE_SECONDS,
    Announcing,
    in_child,
    run_python,
    run_until_killed,
    signal_main,
    wait_until,
)

pytest.importorskip("h5py")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

from pypet.storage_backends.hdf5 import HDF5StorageService

RUNS = 8
BAD = 5
SCHEDULERS = pytest.mark.parametrize("scheduler", ["pool", "process"])
MODES = pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "PIPE", "LOCAL"])
ALL_WAYS = pytest.mark.parametrize(
    "way",
    [
        ("serial", "NONE"),
        *[
            (each, mode)
            for each in ("pool", "process")
            for mode in ("LOCK", "QUEUE", "PIPE", "LOCAL")
        ],
    ],
    ids="-".join,
)


@pytest.fixture(autouse=True)
def _no_process_is_left():
    psutil = pytest.importorskip("psutil")
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    yield
    assert multiprocessing.active_children() == []
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


@pytest.fixture
def make(make_env, tmp_path):
    def make(scheduler="pool", mode="LOCK", *, length=RUNS, **options):
        env = make_env(
            storage_service="hdf5",
            filename=str(tmp_path / "data.hdf5"),
            scheduler=scheduler,
            wrap_mode=mode,
            **({} if scheduler == "serial" else {"ncores": 2, **options}),
        )
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(length)})
        return env

    return make


def assert_readable(tmp_path, *, at_least=0, length=RUNS):
    """Assert that the file opens and holds the result of every completed run."""
    loaded = load_trajectory("test", filename=str(tmp_path / "data.hdf5"), load_data=2)
    assert len(loaded) == length
    completed = [i for i in range(length) if loaded.f_is_completed(i)]
    assert len(completed) >= at_least
    for index in completed:
        assert loaded.f_get(f"results.runs.run_{index:08d}.z").f_get() == 10 * index
    return completed


def work(traj, fault=None):
    """Store a result; the run of index `BAD` does what it is told, too."""
    traj.f_add_result("z", 10 * traj.x)
    if fault is not None and traj.v_idx == BAD:
        return fault()
    return traj.x


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def crash():
    ctypes.string_at(0)


def leave():
    os._exit(0)


def leave_politely():
    sys.exit("enough")


class Unpicklable(Exception):  # noqa: N818 - a name for messages
    def __init__(self):
        super().__init__("cannot travel")
        self.function = lambda: None


class Unreadable(Exception):  # noqa: N818 - a name for messages
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_unpicklable():
    raise Unpicklable


def raise_unreadable():
    raise Unreadable(1, 2)


class Trap:
    """Can be pickled, but not unpickled."""

    def __reduce__(self):
        return _spring, ()


def _spring():
    raise RuntimeError("sprung")


DEATHS = {kill: "SIGKILL", crash: "SIGSEGV", leave: "exit code 0", leave_politely: "enough"}
ODDITIES = {
    raise_unpicklable: "Unpicklable: cannot travel",
    raise_unreadable: "Unreadable: 1 and 2",
    lambda: (i for i in "abc"): "generator",
}


# ----- workers -------------------------------------------------------------------------------


@SCHEDULERS
@MODES
@pytest.mark.parametrize("fault", DEATHS, ids=lambda fault: fault.__name__)
def test_a_run_that_ends_its_worker_costs_itself_only(make, tmp_path, scheduler, mode, fault):
    env = make(scheduler, mode, on_error="continue")
    others = [index for index in range(RUNS) if index != BAD]
    assert [index for index, _ in env.run(work, fault)] == others
    assert assert_readable(tmp_path) == others


@SCHEDULERS
@pytest.mark.parametrize("fault", DEATHS, ids=lambda fault: fault.__name__)
def test_it_is_told_how_a_worker_ended_and_in_which_run(make, tmp_path, scheduler, fault):
    with pytest.raises(WorkerDiedError, match=DEATHS[fault]) as caught:
        make(scheduler, on_error="raise").run(work, fault)
    assert f"un {BAD}" in str(caught.value)
    assert "parameters.x=5" in caught.value.__notes__[-1]
    assert_readable(tmp_path, at_least=1)


def raise_or_return(number):
    return list(ODDITIES)[number]()


class Oddity:
    def __init__(self, number):
        self.number = number

    def __call__(self):
        return raise_or_return(self.number)


@SCHEDULERS
@pytest.mark.parametrize("number", range(len(ODDITIES)))
def test_what_cannot_be_pickled_arrives_readable(make, tmp_path, scheduler, number):
    with pytest.raises(RemoteRunError, match=list(ODDITIES.values())[number]) as caught:
        make(scheduler, on_error="raise").run(work, Oddity(number))
    assert "parameters.x=5" in caught.value.__notes__[-1]
    assert_readable(tmp_path, at_least=1)


@SCHEDULERS
def test_a_value_that_cannot_be_unpickled_is_an_error_of_its_run(make, tmp_path, scheduler):
    with pytest.raises(RemoteRunError, match="sprung"):
        make(scheduler, on_error="raise").run(work, SetTrap())
    assert_readable(tmp_path, at_least=1)


class SetTrap:
    """A fault that returns a trap; can be pickled itself."""

    def __call__(self):
        return Trap()


def test_a_pool_tells_which_argument_cannot_be_pickled(make, tmp_path):
    env = make()
    with pytest.raises((pickle.PicklingError, TypeError, AttributeError)) as caught:
        env.run(work, (i for i in "abc"))
    assert "use_pool=False" in caught.value.__notes__[0]
    assert env.run(work) == [(i, i) for i in range(RUNS)]
    assert_readable(tmp_path, at_least=RUNS)


def test_without_a_pool_nothing_need_be_picklable(make, tmp_path):
    letters = iter("abc")
    env = make("process")
    assert env.run(lambda traj, more: (work(traj), next(more))[1], letters) == [
        (i, "a") for i in range(RUNS)
    ]
    assert_readable(tmp_path, at_least=RUNS)


# ----- this process --------------------------------------------------------------------------


def test_exiting_within_a_run_of_this_process_leaves_a_readable_file(make, tmp_path):
    with pytest.raises(SystemExit, match="enough"):
        make("serial", "NONE").run(work, leave_politely)
    assert assert_readable(tmp_path) == list(range(BAD))


# ----- the writer ----------------------------------------------------------------------------


def ask_to_kill_the_writer(killed):
    signal_main(signal.SIGUSR1)
    wait_until(killed.exists)


@SCHEDULERS
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
@pytest.mark.parametrize("on_error", ["raise", "continue"])
@in_child
def test_a_killed_writer_ends_the_experiment(make, tmp_path, scheduler, mode, on_error):
    killed = tmp_path / "killed"

    def kill_writer(signum, frame):
        for process in multiprocessing.active_children():
            if process.name in ("QueueProcess", "PipeProcess"):
                os.kill(process.pid, signal.SIGKILL)
        killed.touch()

    signal.signal(signal.SIGUSR1, kill_writer)
    env = make(scheduler, mode, length=200, ncores=1, on_error=on_error)
    with pytest.raises(NotStoredError, match=r"SIGKILL|gone"):
        env.run(work, partial(ask_to_kill_the_writer, killed))
    assert_readable(tmp_path, length=200)
    assert not env.traj.f_is_completed()


# ----- the disk ------------------------------------------------------------------------------

FULL_DISK = """
import resource
import sys
import numpy as np
from pypet import Environment, load_trajectory

RUNS, VALUES = 12, 125_000

def work(traj):
    traj.f_add_result("z", np.random.default_rng(traj.v_idx).random(VALUES))
    return traj.v_idx

if __name__ == "__main__":
    folder, scheduler, mode, limit = sys.argv[1:]
    if int(limit):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    options = {} if scheduler == "serial" else {"ncores": 2, "wrap_mode": mode}
    env = Environment(
        "test", filename=folder + "/data.hdf5", scheduler=scheduler, log_config=None,
        report_progress=False, complevel=0, **options,
    )
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(RUNS)})
    try:
        env.run(work)
    except Exception as error:
        print("told:", error, *getattr(error, "__notes__", ()))
    else:
        sys.exit("nothing was told")
    traj = load_trajectory("test", filename=folder + "/data.hdf5", load_data=2)
    completed = [run for run in range(RUNS) if env.traj.f_is_completed(run)]
    stored = [run for run in range(RUNS) if traj.f_is_completed(run)]
    for run in stored:
        values = np.random.default_rng(run).random(VALUES)
        np.testing.assert_array_equal(traj.f_get(f"results.runs.run_{run:08d}.z").f_get(), values)
    print("readable:", len(stored), "completed:", len(completed))
"""
ON_SMALL_DISK = 'mount -t tmpfs -o size=6m small "$1" && exec "$2" "$3" "$1" "$4" "$5" "$6"'


def execute_on_small_disk(folder, *command):
    """Execute ``command`` where ``folder`` is a disk of 6 MB that nobody else sees."""
    return subprocess.run(
        [
            "unshare",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            ON_SMALL_DISK,
            "sh",
            folder,
            *command,
        ],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


@ALL_WAYS
def test_a_full_disk_is_told_and_earlier_runs_stay_readable(tmp_path, way):
    script, folder = tmp_path / "full.py", tmp_path / "disk"
    script.write_text(FULL_DISK)
    folder.mkdir()
    if (
        shutil.which("unshare") is None
        or execute_on_small_disk(folder, "true", "", "", "", "").returncode
    ):
        pytest.skip("the platform lets this user mount no small disk")
    done = execute_on_small_disk(folder, sys.executable, script, *way, "0")
    assert_told_and_readable(done, "No space left on device")


def assert_told_and_readable(done, reason):
    assert done.returncode == 0, done.stdout + done.stderr
    assert reason in done.stdout + done.stderr
    assert "told:" in done.stdout
    _, _, report = done.stdout.partition("readable: ")
    stored, _, completed = report.split()
    assert int(stored) >= 2
    assert stored == completed


@ALL_WAYS
def test_earlier_runs_stay_readable_where_files_may_not_grow(tmp_path, way):
    script = tmp_path / "full.py"
    script.write_text(FULL_DISK)
    done = run_python(script, tmp_path, *way, "5000000")
    assert_told_and_readable(done, "File too large")


# ----- a storage that takes nothing ---------------------------------------------------------


class Refusing(HDF5StorageService):
    """Stores nothing of runs, or only of those whose indices are below a number."""

    taken = 0

    def apply(self, request):
        paths = [getattr(each, "path", "") for each in request.operations]
        runs = [int(path[17:25]) for path in paths if path.startswith("results.runs.run_")]
        if any(map(self.refuses, runs)):
            raise OSError(5, "Input/output error")
        super().apply(request)

    def refuses(self, run):
        return run >= self.taken


class RefusingOne(Refusing):
    def refuses(self, run):
        return run == BAD


class Raising(Refusing):
    def apply(self, request):
        try:
            super().apply(request)
        except OSError:
            raise RuntimeError("the disk is upside down") from None


@pytest.fixture
def make_with(make_env, tmp_path):
    def make(service, scheduler, mode, **options):
        env = make_env(
            storage_service=service(filename=str(tmp_path / "data.hdf5")),
            scheduler=scheduler,
            wrap_mode=mode,
            **({} if scheduler == "serial" else {"ncores": 2}),
            **options,
        )
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(30)})
        return env

    return make


@ALL_WAYS
@pytest.mark.parametrize("service", [Refusing, Raising])
def test_a_storage_that_takes_nothing_is_an_error(make_with, tmp_path, way, service):
    env = make_with(service, *way, on_error="continue")
    with pytest.raises(NotStoredError, match=r"Input/output error|upside down") as caught:
        env.run(work)
    assert caught.value.is_final
    assert not any(env.traj.f_is_completed(index) for index in range(30))
    assert assert_readable(tmp_path, length=30) == []


@ALL_WAYS
def test_a_storage_that_takes_nothing_any_more_is_an_error(make_with, tmp_path, way, monkeypatch):
    monkeypatch.setattr(Refusing, "taken", 10)
    env = make_with(Refusing, *way, on_error="continue")
    with pytest.raises(NotStoredError, match="Input/output error"):
        env.run(work)
    readable = assert_readable(tmp_path, length=30)
    # One worker may be refused often enough before the other one has reported a run.
    assert set(readable) <= set(range(10))
    if way[0] == "serial":
        assert readable == list(range(10))


@ALL_WAYS
def test_a_single_run_that_is_not_stored_is_no_error(make_with, tmp_path, way):
    env = make_with(RefusingOne, *way, on_error="continue")
    others = [index for index in range(30) if index != BAD]
    assert [index for index, _ in env.run(work)] == others
    assert assert_readable(tmp_path, length=30) == others


@SCHEDULERS
@MODES
def test_runs_that_fail_by_themselves_say_nothing_about_the_storage(
    make, tmp_path, scheduler, mode
):
    env = make(scheduler, mode, length=15, on_error="continue")
    assert env.run(fail_with_full_disk) == []
    assert assert_readable(tmp_path, length=15) == []


def fail_with_full_disk(traj):
    raise OSError(28, "No space left on device")


# ----- much ----------------------------------------------------------------------------------


def print_much():
    for _ in range(50):
        print("x" * 100_000)  # noqa: T201 - that is the point
        sys.stderr.write("y" * 20_000 + "\n")


@SCHEDULERS
def test_a_run_may_print_megabytes(make, tmp_path, scheduler, capfd):
    env = make(scheduler)
    assert len(env.run(work, print_much)) == RUNS
    assert_readable(tmp_path, at_least=RUNS)


def test_ten_thousand_runs_of_nothing(make, tmp_path):
    env = make("pool", "QUEUE", length=10_000, freeze_input=True)
    assert env.run(nothing) == [(index, None) for index in range(10_000)]
    loaded = load_trajectory("test", filename=str(tmp_path / "data.hdf5"))
    assert loaded.f_is_completed()


def nothing(traj):
    pass


# ----- interruptions -------------------------------------------------------------------------


def interrupt_twice(noticed):
    signal_main()
    wait_until(noticed.exists)  # two signals at once would be one
    signal_main()
    run_until_killed()


@SCHEDULERS
@MODES
@in_child
def test_after_one_interrupt_what_is_finished_is_stored(make, tmp_path, scheduler, mode, capfd):
    env = make(scheduler, mode, length=100, graceful_exit=True)
    done = [index for index, _ in env.run(work, signal_main)]
    assert BAD in done
    assert assert_readable(tmp_path, length=100) == done


@SCHEDULERS
@MODES
@pytest.mark.parametrize("graceful", [True, False])
@in_child
def test_interrupts_may_end_an_experiment_at_once(make, tmp_path, scheduler, mode, graceful, capfd):
    noticed = tmp_path / "noticed"
    sys.stderr = Announcing(sys.stderr, "Interrupted", noticed.touch)
    env = make(scheduler, mode, graceful_exit=graceful)
    with pytest.raises(KeyboardInterrupt):
        env.run(work, partial(interrupt_twice, noticed))
    assert_readable(tmp_path)
