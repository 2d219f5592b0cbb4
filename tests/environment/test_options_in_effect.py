"""Options of parallel runs do in whole experiments what they say, down to the file."""

from __future__ import annotations

import logging
import multiprocessing
import os
import time
from pathlib import Path

import numpy as np
import pytest

from pypet import load_trajectory, pypetconstants
from pypet.manager import get_manager
from pypet.markers import hookimpl
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.processes import wait_until

pytest.importorskip("h5py")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

PROCESS = {"multiproc": True}
POOL = {"multiproc": True, "use_pool": True}
BOTH = pytest.mark.parametrize("way", [PROCESS, POOL], ids=["process", "pool"])
ALL_MODES = ("LOCK", "QUEUE", "PIPE", "LOCAL")


@pytest.fixture(autouse=True)
def _no_process_is_left():
    yield
    assert multiprocessing.active_children() == []


@pytest.fixture
def make(make_env, tmp_path):
    def make(length=6, **options):
        defaults = {"storage_service": "hdf5", "filename": str(tmp_path / "data.hdf5"), "ncores": 2}
        env = make_env(**{**defaults, **options})
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": range(length)})
        return env

    return make


@pytest.fixture
def load(tmp_path):
    """Load what is in the file; the argument is a run and the name of one of its results."""
    return lambda run, name: load_trajectory(
        "test", filename=str(tmp_path / "data.hdf5"), load_data=2
    ).f_get(f"results.runs.run_{run:08d}.{name}")


def setting(env, name):
    return env.traj.f_get(f"config.environment.{env.name}.{name}").f_get()


# ----- caps and niceness ---------------------------------------------------------------------

IMPOSSIBLE = {"cpu_cap": 1e-9, "memory_cap": 1e-9, "swap_cap": 1e-9}


def be_alone(traj, folder):
    """Return how many runs are active, this one among them, and the process."""
    own = folder / str(traj.v_idx)
    own.touch()
    time.sleep(0.02)  # gives others an opportunity
    active = len(list(folder.iterdir()))
    own.unlink()
    return active, os.getpid()


@pytest.mark.parametrize("start_method", ["fork", "spawn"])
@pytest.mark.parametrize(
    "caps", [IMPOSSIBLE, {"memory_cap": 1e-6}, {"memory_cap": (50.0, 1e9)}], ids=repr
)
def test_caps_that_nothing_meets_leave_one_process_at_a_time(
    make, caplog, tmp_path, caps, start_method
):
    pytest.importorskip("psutil")
    folder = tmp_path / "active"
    folder.mkdir()
    env = make(4, ncores=4, start_method=start_method, **PROCESS, **caps)
    with caplog.at_level(logging.WARNING):
        results = env.run(be_alone, folder)
    assert [(index, value[0]) for index, value in results] == [(i, 1) for i in range(4)]
    assert len({value[1] for _, value in results}) == 4
    told = [each.getMessage() for each in caplog.records if "No process is started" in each.message]
    assert len(told) == 1
    assert env.traj.f_is_completed()
    for name, cap in caps.items():
        expected = (cap, 0.0) if name == "memory_cap" and isinstance(cap, float) else cap
        assert setting(env, name) == expected


def nice_value(traj):
    return os.nice(0)


@BOTH
@pytest.mark.parametrize("start_method", ["fork", "spawn"])
def test_runs_are_nice_and_the_main_process_is_not(make, way, start_method):
    before = os.nice(0)
    env = make(2, niceness=before + 2, start_method=start_method, **way)
    assert env.run(nice_value) == [(0, before + 2), (1, before + 2)]
    assert os.nice(0) == before
    assert setting(env, "niceness") == before + 2


@BOTH
def test_niceness_is_never_lowered(make, way):
    before = os.nice(0)
    assert make(1, niceness=before - 1, **way).run(nice_value) == [(0, before)]


# ----- order ---------------------------------------------------------------------------------


class Ended:
    """Leaves a file for each run whose outcome the main process has taken."""

    def __init__(self, folder):
        self.folder = folder

    @hookimpl
    def pypet_runs_finished(self, environment, outcomes):
        for outcome in outcomes:
            (self.folder / str(outcome.index)).touch()


def end_first_run_last(traj, folder):
    """Let run 0 end when the others are over; return how many of them are."""
    traj.f_add_result("z", traj.x)
    if traj.v_idx == 0:
        wait_until(lambda: len(list(folder.iterdir())) == len(traj) - 1)
        return len(traj) - 1
    return None


@BOTH
@pytest.mark.parametrize("mode", ALL_MODES)
def test_results_are_in_order_though_the_first_run_ends_last(
    make, load, tmp_path, monkeypatch, way, mode
):
    # Plugins are told of each outcome as soon as the main process has taken it.
    monkeypatch.setattr("pypet.environment.run_loop.BATCH_SECONDS", -1)
    folder = tmp_path / "ended"
    folder.mkdir()
    own = f"with {id(folder)}"  # switches nothing off, but makes a manager of its own
    get_manager((own,)).register(Ended(folder), own)
    env = make(4, wrap_mode=mode, disable_plugins=(own,), **way)
    assert env.run(end_first_run_last, folder) == [(0, 3), (1, None), (2, None), (3, None)]
    assert [load(run, "z").f_get() for run in range(4)] == [0, 1, 2, 3]


# ----- wrap modes ----------------------------------------------------------------------------


def empty_after_storing(traj):
    """Store a result early, and take its data out of memory."""
    early = traj.f_add_result("early", np.arange(3) + traj.x)
    traj.f_store_item(early)
    early.f_empty()
    return early.f_is_empty()


@BOTH
@pytest.mark.parametrize("mode", ALL_MODES)
def test_data_that_was_stored_may_be_emptied_in_its_run(make, load, way, mode):
    env = make(3, wrap_mode=mode, **way)
    assert env.run(empty_after_storing) == [(0, True), (1, True), (2, True)]
    np.testing.assert_array_equal(load(2, "early").f_get(), [2, 3, 4])


LARGE_BYTES = 25_000_000
"""More than one piece of a message of PIPE."""


def add_large(traj):
    large = np.zeros(LARGE_BYTES, np.uint8)
    large[:: LARGE_BYTES // 10] = traj.v_idx + 1
    traj.f_add_result("large", large)
    traj.f_add_result("small", traj.v_idx)


@BOTH
@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
def test_items_of_tens_of_megabytes_are_stored(make, load, way, mode):
    make(2, wrap_mode=mode, queue_maxsize=1, complevel=1, **way).run(add_large)
    for run in range(2):
        large = load(run, "large").f_get()
        assert large.nbytes == LARGE_BYTES
        assert int(large.sum()) == 10 * (run + 1)
        assert load(run, "small").f_get() == run


class Witnessed(HDF5StorageService):
    """Notes which process applies requests to the file."""

    def apply(self, request):
        with Path("writers.txt").open("a") as notes:
            notes.write(f"{os.getpid()}\n")
        super().apply(request)


def add_pid(traj):
    traj.f_add_result("z", traj.x)
    return os.getpid()


@BOTH
@pytest.mark.parametrize("mode", ALL_MODES)
def test_a_file_is_written_by_the_processes_that_its_wrap_mode_says(make, load, way, mode):
    env = make(storage_service=Witnessed, wrap_mode=mode, **way)
    workers = {pid for _, pid in env.run(add_pid)}
    writers = {int(line) for line in Path("writers.txt").read_text().split()}
    assert load(5, "z").f_get() == 5
    if mode == "LOCK":
        assert workers <= writers
        return
    assert not workers & writers
    assert (writers == {os.getpid()}) == (mode == "LOCAL")


class Safe(HDF5StorageService):
    """Says that it needs no protection."""

    multiproc_safe = True


def service_kind(traj):
    return type(traj.v_storage_service).__name__


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE"])
def test_a_service_that_is_safe_is_not_wrapped(make, mode):
    env = make(1, storage_service=Safe, wrap_mode=mode, automatic_storing=False, **POOL)
    assert env.run(service_kind) == [(0, "Safe")]


@pytest.mark.parametrize("mode", ["NONE", None])
def test_no_wrap_mode_leaves_the_raw_service(make, mode):
    env = make(1, wrap_mode=mode, automatic_storing=False, **POOL)
    assert setting(env, "wrap_mode") == "NONE"
    assert env.run(service_kind) == [(0, "HDF5StorageService")]


def test_both_spellings_of_the_modes_are_what_users_type():
    for mode in ("QUEUE", "LOCK", "PIPE", "LOCAL", "NETLOCK", "NETQUEUE", "NONE"):
        assert getattr(pypetconstants, f"WRAP_MODE_{mode}") == mode
        assert getattr(pypetconstants, f"MULTIPROC_MODE_{mode}") == mode


@pytest.mark.parametrize("mode", ["QUEUE", "PIPE"])
@pytest.mark.parametrize(("asked", "noted"), [(-1, 4), (0, 0), (1, 1)])
def test_the_length_of_the_queue_is_noted_and_any_will_do(make, load, mode, asked, noted):
    env = make(wrap_mode=mode, queue_maxsize=asked, **POOL)
    assert setting(env, "queue_maxsize") == noted
    env.run(add_pid)
    assert load(5, "z").f_get() == 5


LOGGING = {
    "version": 1,
    "handlers": {"main": {"class": "logging.FileHandler", "filename": "main.log"}},
    "root": {"handlers": ["main"], "level": "DEBUG"},
    "multiproc_handlers": {"other": {"class": "logging.FileHandler", "filename": "$proc.log"}},
    "multiproc_root": {"handlers": ["other"], "level": "DEBUG"},
}


@pytest.mark.parametrize(
    ("mode", "log"),
    [("QUEUE", "QueueProcess-*.log"), ("PIPE", "PipeProcess-*.log"), ("LOCAL", "main.log")],
)
def test_garbage_is_collected_at_the_interval_where_data_is_stored(make, mode, log):
    env = make(wrap_mode=mode, gc_interval=4, log_config=LOGGING, **POOL)
    env.run(add_pid)
    env.disable_logging()
    (path,) = Path.cwd().glob(log)
    text = path.read_text()
    assert [text.count(f"Collecting garbage after {n} operations") for n in (0, 4)] == [1, 1]
    assert text.count("Collecting garbage after") == 2
