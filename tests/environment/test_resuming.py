"""Resumable experiments: what runs see, what is kept of them, and what resuming does.

Crashes happen to children of pytest, in which the experiment begins; pytest goes on with it.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from pathlib import Path

import numpy as np
import pytest

from pypet import Environment, load_trajectory
from pypet.errors import (
    DataNotInStorageError,
    ResumeError,
    StorageFormatError,
    WorkerDiedError,
)
from pypet.plugins.resume.experiment_journal import ExperimentJournal
from pypet.runs import run_table_of
from pypet.shareddata import SharedArray, SharedResult, StorageContextManager
from tests.processes import in_child, meet, signal_main, wait_until

pytest.importorskip("h5py")
pytest.importorskip("dill")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

FORK = multiprocessing.get_context("fork")
POOL = {"multiproc": True, "ncores": 2, "use_pool": True}
PROCESS = {"multiproc": True, "ncores": 2, "use_pool": False}
RUNS = 6
WAYS = {
    "serial": {},
    "LOCK": {**POOL, "wrap_mode": "LOCK"},
    "QUEUE": {**POOL, "wrap_mode": "QUEUE"},
    "PIPE": {**PROCESS, "wrap_mode": "PIPE"},
    "LOCAL": {**PROCESS, "wrap_mode": "LOCAL"},
}
ALL_WAYS = pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
LOADING_WAYS = pytest.mark.parametrize(
    "options", [WAYS["serial"], WAYS["LOCK"]], ids=["serial", "LOCK"]
)
FOLDER = Path("resume/test")


@pytest.fixture
def resumable():
    """Make resumable environments in the folder of the test, where their files are."""
    made = []

    def make(trajectory="test", **options):
        quiet = {"log_config": None, "report_progress": False, "filename": "data.hdf5"}
        env = Environment(trajectory, **{**quiet, "resumable": True, **options})
        made.append(env)
        return env

    yield make
    for env in made:
        env.disable_logging()


def explore(env, runs=RUNS):
    env.traj.f_add_parameter("x", 0.0)
    env.traj.f_explore({"x": [float(index) for index in range(runs)]})


def crash(experiment, *args):
    """Execute ``experiment`` in a child, which must get killed."""
    child = FORK.Process(target=experiment, args=args)
    child.start()
    child.join(100)
    if child.exitcode is None:
        child.kill()
        child.join()
    assert child.exitcode == -signal.SIGKILL


def kill_at(index):
    """Have the run with this index kill its process, once."""
    Path("kill").write_text(str(index))


def die_if_wanted(traj):
    mark = Path("kill")
    if mark.exists() and mark.read_text() == str(traj.v_idx):
        mark.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def stored(**options):
    return load_trajectory("test", filename="data.hdf5", **{"load_data": 2, **options})


def runs_with_data():
    """Return the indices of runs of which something can be loaded."""
    traj = stored(load_data=1)
    return [
        index
        for index in range(len(traj))
        if traj.f_contains(f"results.runs.run_{index:08d}", shortcuts=False)
    ]


def completed():
    traj = stored(load_data=0)
    return [index for index in range(len(traj)) if traj.f_is_completed(index)]


# ----- what runs do ----------------------------------------------------------------------------


def simulate(traj, factor=1):
    die_if_wanted(traj)
    with open("executed", "a") as file:
        file.write(f"{traj.v_idx}\n")
    traj.f_add_result("z", factor * traj.x)
    return factor * traj.x


def executed():
    return [int(line) for line in Path("executed").read_text().split()]


def fail_after_storing(traj, index):
    traj.f_add_result("early", traj.x)
    traj.f_store_item("early")
    if traj.v_idx == index and not Path("mended").exists():
        raise ValueError("not yet")
    return traj.v_idx


@ALL_WAYS
def test_nothing_of_a_failed_run_can_be_loaded_and_resuming_executes_it(resumable, options):
    env = resumable(on_error="continue", **options)
    explore(env)
    assert [index for index, _ in env.run(fail_after_storing, 2)] == [0, 1, 3, 4, 5]
    assert runs_with_data() == completed() == [0, 1, 3, 4, 5]
    assert FOLDER.exists()
    Path("mended").touch()
    assert resumable().resume("test") == [(index, index) for index in range(RUNS)]
    assert runs_with_data() == completed() == list(range(RUNS))
    assert not FOLDER.exists()


def fail_once(traj):
    traj.f_add_result("early", traj.x)
    traj.f_store_item("early")
    mark = Path(f"failed_{traj.v_idx}")
    if traj.v_idx == 2 and not mark.exists():
        mark.touch()
        raise ValueError("once")
    traj.f_add_result("late", traj.x)


@ALL_WAYS
def test_a_run_that_is_tried_again_is_stored_once(resumable, options):
    env = resumable(on_error="retry:1", **options)
    explore(env)
    assert len(env.run(fail_once)) == RUNS
    traj = stored()
    assert traj.f_get("results.runs.run_00000002.early").early == 2.0
    assert traj.f_get("results.runs.run_00000002.late").late == 2.0
    assert not FOLDER.exists()


def load_own(traj, index):
    traj.f_add_result("early", traj.x, comment="before the end")
    traj.f_store_item("early")
    if traj.v_idx == index:
        raise ValueError("no")
    own = traj.results.runs.f_get(traj.v_crun)
    own.f_remove_child("early")
    own.f_load(load_data=2)
    value = own.f_get("early").early
    everything = traj.results
    everything.f_load(recursive=True, load_data=1)
    seen = {leaf.v_run_branch for leaf in everything.f_iter_leaves()}
    return value, f"run_{index:08d}" in seen


@LOADING_WAYS
def test_a_run_loads_what_it_has_stored_and_nothing_of_runs_that_failed(resumable, options):
    env = resumable(on_error="continue", **options)
    explore(env)
    returned = dict(env.run(load_own, 1))
    assert returned == {index: (float(index), False) for index in range(RUNS) if index != 1}


def delete_twice(traj):
    traj.f_add_result("a", traj.x)
    traj.f_add_result("b", traj.x)
    traj.f_store_items(["a", "b"])
    leaf = traj.f_get("a")
    traj.f_delete_item(leaf, remove_from_trajectory=False)
    with pytest.raises(DataNotInStorageError):
        traj.f_delete_item(leaf, remove_from_trajectory=False)


@LOADING_WAYS
def test_a_run_is_told_at_once_that_there_is_nothing_to_delete(resumable, options):
    env = resumable(**options)
    explore(env)
    env.run(delete_twice)
    assert completed() == list(range(RUNS))


def overwrite_and_link(traj):
    traj.f_add_result("a", traj.x)
    traj.f_store_item("a")
    leaf = traj.f_get("a")
    leaf.f_set(traj.x + 100)
    traj.f_store_item(leaf, store_data=3)
    traj.results.runs.f_get(traj.v_crun).f_add_link("alias", leaf)


@ALL_WAYS
def test_runs_overwrite_and_link_what_they_have_stored(resumable, options):
    env = resumable(**options)
    explore(env)
    env.run(overwrite_and_link)
    traj = stored()
    assert traj.f_get("results.runs.run_00000003.a").f_get() == 103.0
    assert traj.f_get("results.runs.run_00000003.alias").f_get() == 103.0


def return_a_lambda(traj):
    return lambda: traj.x if False else 5


@ALL_WAYS
def test_return_values_that_only_dill_can_pickle_arrive(resumable, options):
    env = resumable(**options)
    explore(env)
    assert [value() for _, value in env.run(return_a_lambda)] == [5] * RUNS
    assert completed() == list(range(RUNS))


class Refused:
    def __reduce__(self):
        raise TypeError("not this one")


def return_what_cannot_be_pickled(traj):
    traj.f_add_result("z", traj.x)
    return Refused() if traj.v_idx == 1 else None


@ALL_WAYS
def test_a_run_whose_return_value_cannot_be_pickled_has_failed(resumable, options):
    env = resumable(on_error="continue", **options)
    explore(env)
    env.run(return_what_cannot_be_pickled)
    assert "not this one" in str(env.traj.f_get_run_errors())
    assert runs_with_data() == completed() == [0, 2, 3, 4, 5]


def die_when_committed(traj):
    """Let the process of one run die on its way home."""
    traj.f_add_result("z", traj.x)
    if traj.v_idx == 3:
        type(traj)._end_run = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
    return traj.v_idx


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "PIPE"])
def test_a_run_whose_process_dies_when_it_is_committed_is_completed(resumable, mode):
    env = resumable(on_error="continue", **PROCESS, wrap_mode=mode)
    explore(env)
    returned = env.run(die_when_committed)
    assert returned == [(index, index) for index in range(RUNS)]
    assert runs_with_data() == completed() == list(range(RUNS))
    assert env.traj.f_get_run_errors() == {}
    assert not FOLDER.exists()


def fill_shared_data(traj, index):
    result = traj.f_add_result(SharedResult, "shared")
    result["array"] = SharedArray()
    traj.f_store_item("shared")
    if Path("kill").exists():
        traj.f_add_result("of_the_first_attempt", traj.x)
        traj.f_store_item("of_the_first_attempt")
    with StorageContextManager(traj):
        result["array"].create_shared_data(obj=np.arange(4.0))
        result["array"][1] = result["array"][1] + 10 + traj.x
        if traj.v_idx == index:
            die_if_wanted(traj)
        return float(result["array"][1])


@LOADING_WAYS
def test_runs_create_and_change_shared_data(resumable, options):
    env = resumable(**options)
    explore(env)
    assert env.run(fill_shared_data, None) == [(index, 11.0 + index) for index in range(RUNS)]
    array = stored().f_get("results.runs.run_00000003.shared")["array"]
    assert array.read().tolist() == [0.0, 14.0, 2.0, 3.0]


def begin_filling(resumable):
    env = resumable()
    explore(env)
    env.run(fill_shared_data, 3)


def test_shared_data_of_a_killed_run_is_made_anew(resumable):
    kill_at(3)
    crash(begin_filling, resumable)
    before = stored(load_data=1)
    assert before.f_contains("results.runs.run_00000003.shared", shortcuts=False)
    resumable().resume("test")
    after = stored()
    assert not after.f_contains("results.runs.run_00000003.of_the_first_attempt", shortcuts=False)
    for index in range(RUNS):
        array = after.f_get(f"results.runs.run_{index:08d}.shared")["array"]
        assert array.read().tolist() == [0.0, 11.0 + index, 2.0, 3.0]


# ----- iterables -------------------------------------------------------------------------------


def add(traj, number, other=0):
    die_if_wanted(traj)
    traj.f_add_result("z", number + other)
    return number + other


def numbers():
    yield from range(100, 200)


def begin_map(resumable, iterable, **options):
    env = resumable(**options)
    explore(env)
    return env.run_map(add, iterable, other=range(50))


@pytest.mark.parametrize(
    "iterable",
    [numbers, lambda: (entry for (entry,) in zip(numbers(), strict=True)), lambda: range(100, 130)],
    ids=["generator", "chained generators", "range"],
)
def test_runs_keep_their_elements_of_iterables(resumable, iterable):
    kill_at(3)
    crash(begin_map, resumable, iterable())
    returned = resumable(**WAYS["QUEUE"]).resume("test")
    assert returned == [(index, 100 + 2 * index) for index in range(RUNS)]


def test_iterables_that_cannot_be_pickled_do_not_matter(resumable):
    Path("lines").write_text("a\nbb\nccc\ndddd\n")
    env = resumable()
    explore(env, 3)
    with open("lines") as lines:
        returned = env.run_map(lambda traj, line: line.strip(), lines)
    assert [value for _, value in returned] == ["a", "bb", "ccc"]


# ----- post-processing -------------------------------------------------------------------------


def expand(traj, results, *, empties=False):
    if len(traj) < RUNS + 4:
        if empties:
            results.clear()
        return {"x": [float(len(traj) + more) for more in range(2)]}, (len(traj),)
    traj.f_add_result("total", sum(value for _, value in results))
    return None


def begin_expanding(resumable, empties, **options):
    env = resumable(**options)
    explore(env)
    env.add_postprocessing(expand, empties=empties)
    return env.run(simulate)


@pytest.mark.parametrize("empties", [False, True], ids=["keeps", "empties"])
@pytest.mark.parametrize("index", [4, 7, 9])
def test_resuming_with_post_processing_that_expands(resumable, index, empties):
    values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 36.0, 42.0, 64.0, 72.0]
    expected = list(enumerate(values))[8 if empties else 0 :]
    kill_at(index)
    crash(begin_expanding, resumable, empties)
    assert resumable().resume("test") == expected
    traj = stored()
    assert len(traj) == RUNS + 4
    assert traj.f_is_completed()
    assert traj.f_get("results.total").total == sum(value for _, value in expected)
    assert traj.f_get("parameters.x").f_get_range() == [float(run) for run in range(RUNS + 4)]
    assert [traj.f_get(f"results.runs.run_{run:08d}.z").z for run in range(10)] == values


def expand_only(traj, results):
    return {"x": [float(len(traj))]} if len(traj) < RUNS + 4 else None


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE", "LOCAL"])
def test_resuming_with_immediate_post_processing(resumable, mode):
    options = {**PROCESS, "wrap_mode": mode}
    env = resumable(immediate_postproc=True, on_error="raise", **options)
    explore(env)
    env.add_postprocessing(expand_only)
    kill_at(9)
    with pytest.raises(WorkerDiedError):
        env.run(simulate)
    assert 9 not in completed()
    returned = resumable(immediate_postproc=True, **options).resume("test")
    assert [index for index, _ in returned] == list(range(RUNS + 4))
    assert completed() == list(range(RUNS + 4))


def wait_for_expansion(traj):
    if traj.v_idx == RUNS - 1:
        wait_until(Path("expanded").exists)
    return traj.x


def expand_once(traj, results):
    if len(traj) > RUNS:
        return None
    Path("expanded").touch()
    return {"x": [float(RUNS)]}


@pytest.mark.parametrize("mode", ["LOCK", "QUEUE"])
def test_a_snapshot_during_runs_counts_none_of_them(resumable, mode, monkeypatch):
    snapshots = []
    renew = ExperimentJournal.renew

    def spy(journal, snapshot):
        completed = run_table_of(snapshot.trajectory).completed_indices().tolist()
        snapshots.append((len(snapshot.trajectory), completed, list(snapshot.results)))
        renew(journal, snapshot)

    monkeypatch.setattr(ExperimentJournal, "renew", spy)
    env = resumable(immediate_postproc=True, **PROCESS, wrap_mode=mode)
    explore(env)
    env.add_postprocessing(expand_once)
    returned = env.run(wait_for_expansion)
    # The data of runs that have ended may still be on its way to the journal.
    assert snapshots == [(RUNS, [], []), (RUNS + 1, [], [])]
    assert [index for index, _ in returned] == list(range(RUNS + 1)) == completed()


def missing_data(traj, results, seen):
    traj.results.f_load(recursive=True, load_data=1)
    there = {leaf.v_run_branch for leaf in traj.results.f_iter_leaves()}
    seen.append([index for index, _ in results if traj.f_idx_to_run(index) not in there])


@pytest.mark.parametrize("mode", ["LOCK", "LOCAL"])
def test_immediate_post_processing_finds_what_runs_have_stored(resumable, mode):
    env = resumable(immediate_postproc=True, **PROCESS, wrap_mode=mode)
    explore(env)
    seen = []
    # Kept out of the snapshot, which must not be where it ends.
    env.add_postprocessing(lambda traj, results: missing_data(traj, results, seen))
    env.run(simulate)
    assert seen[-1] == []
    assert all(not missing for missing in seen)


def remove_large(traj, results):
    if len(traj) == RUNS:
        traj.results.f_load(recursive=True, load_data=1)
        traj.f_delete_item("results.runs.run_00000001.large", remove_from_trajectory=True)
        return {"x": [100.0]}
    return None


def make_large(traj):
    die_if_wanted(traj)
    with open("executed", "a") as file:
        file.write(f"{traj.v_idx}\n")
    traj.f_add_result("large", np.full(100_000, traj.x))


def begin_removing(resumable):
    env = resumable()
    explore(env)
    env.add_postprocessing(remove_large)
    env.run(make_large)


def test_runs_whose_large_data_was_deleted_are_not_executed_again(resumable):
    kill_at(RUNS)
    crash(begin_removing, resumable)
    resumable().resume("test")
    assert executed() == [*range(RUNS), RUNS]
    assert stored(load_data=1).f_contains("results.runs.run_00000002.large", shortcuts=False)
    assert not stored(load_data=1).f_contains("results.runs.run_00000001.large", shortcuts=False)


# ----- resuming --------------------------------------------------------------------------------


def begin(resumable, **options):
    env = resumable(**options)
    explore(env)
    return env.run(simulate, 10)


def test_resuming_executes_what_is_missing(resumable):
    kill_at(4)
    crash(begin, resumable)
    assert runs_with_data() == []
    env = resumable("other")
    assert env.resume("test") == [(index, 10.0 * index) for index in range(RUNS)]
    assert completed() == runs_with_data() == list(range(RUNS))
    assert env.traj.v_name == "test"
    assert env.current_idx == RUNS
    group = stored().f_get(f"config.environment.{env.name}")
    assert group.resumed is True
    assert group.trajectory.f_get("name").f_get() == "test"
    with pytest.raises(FileNotFoundError, match="no experiment 'test'"):
        env.resume("test")


def draw(traj):
    die_if_wanted(traj)
    value = float(traj.f_rng().random())
    traj.f_add_result("z", value)
    return value


def begin_drawing(resumable, **options):
    env = resumable(**options)
    explore(env)
    return env.run(draw)


def test_random_numbers_are_those_of_an_undisturbed_experiment(resumable):
    undisturbed = begin_drawing(resumable, seed=3, filename="other.hdf5")
    kill_at(3)
    crash(lambda: begin_drawing(resumable, seed=3))
    assert resumable(**WAYS["LOCK"]).resume("test") == undisturbed


def test_resuming_counts_runs_that_are_completed_as_progress(resumable):
    from pypet.interfaces import ProgressReporter

    seen = []

    class Reporter(ProgressReporter):
        name = "seen"

        def __init__(self, options):
            pass

        def start(self, total, done):
            seen.append((total, done))

        def advance(self, runs=1, failed=0):
            pass

        def stop(self):
            pass

    kill_at(4)
    crash(begin, resumable)
    env = resumable()
    env._plugins.progress.append(Reporter({}))
    env.resume("test")
    ((total, done),) = seen
    assert total == RUNS
    assert done == RUNS - len(executed()[4:]) or done <= 4


@pytest.mark.parametrize("delete_resume", [True, False])
def test_the_folder_is_kept_if_that_is_wanted_or_needed(resumable, delete_resume):
    env = resumable(delete_resume=delete_resume)
    explore(env)
    env.run(simulate)
    assert FOLDER.exists() is not delete_resume
    if not delete_resume:
        assert (FOLDER / "environment.ecnt").exists()
        assert list(FOLDER.glob("*.rcnt"))


def test_a_folder_that_is_in_use_is_left_alone(resumable):
    kill_at(4)
    crash(begin, resumable)
    env = resumable(filename="other.hdf5")
    explore(env)
    with pytest.raises(RuntimeError, match=r"env\.resume"):
        env.run(simulate)
    assert not Path("other.hdf5").exists()
    assert len(resumable().resume("test")) == RUNS


def wait(traj, folder):
    if traj.v_idx == 2:
        meet(folder, "there", 2)
    return traj.v_idx


def begin_waiting(resumable, folder):
    env = resumable()
    explore(env)
    env.run(wait, str(folder))


def test_an_experiment_that_is_running_is_not_resumed(resumable, tmp_path):
    folder = tmp_path / "meeting"
    folder.mkdir()
    child = FORK.Process(target=begin_waiting, args=(resumable, folder))
    child.start()
    try:
        wait_until(lambda: (folder / "there").exists())
        with pytest.raises(ResumeError, match=f"is running: process {child.pid}"):
            resumable().resume("test")
    finally:
        (folder / "go").touch()
        child.join(100)
        child.kill()
    assert child.exitcode == 0
    assert completed() == list(range(RUNS))


def test_what_is_missing_is_told(resumable):
    with pytest.raises(FileNotFoundError, match="no experiment 'none'"):
        resumable().resume("none")
    env = Environment("test", filename="data.hdf5", log_config=None, report_progress=False)
    with pytest.raises(RuntimeError, match="resumable=True"):
        env.resume()
    with pytest.raises(RuntimeError, match="do_single_runs"):
        resumable(do_single_runs=False).resume("test")


def test_snapshots_of_the_established_package_are_refused(resumable):
    FOLDER.mkdir(parents=True)
    (FOLDER / "environment.ecnt").write_bytes(pickle.dumps({"runfunc": None}, 2))
    with pytest.raises(StorageFormatError, match="ecnt"):
        resumable().resume("test")


def test_an_experiment_that_has_changed_is_resumed_by_force_only(resumable):
    kill_at(4)
    crash(begin, resumable)
    with pytest.raises(ResumeError, match="seed"):
        resumable(seed=77).resume("test")
    assert len(resumable(seed=77).resume("test", force=True)) == RUNS


def test_a_crash_while_resuming_is_resumed(resumable):
    kill_at(2)
    crash(begin, resumable)
    kill_at(4)
    crash(lambda: resumable().resume("test"))
    assert len(resumable(**WAYS["LOCK"]).resume("test")) == RUNS
    assert completed() == list(range(RUNS))


def test_the_lock_is_given_back_if_an_experiment_cannot_go_on(resumable):
    kill_at(4)
    crash(begin, resumable)
    env = resumable()
    os.rename("data.hdf5", "away.hdf5")
    os.mkdir("data.hdf5")
    with pytest.raises(OSError):
        env.resume("test")
    os.rmdir("data.hdf5")
    os.rename("away.hdf5", "data.hdf5")
    assert len(env.resume("test")) == RUNS


def test_a_removed_file_is_written_again(resumable):
    kill_at(4)
    crash(begin, resumable)
    os.remove("data.hdf5")
    assert len(resumable().resume("test")) == RUNS
    assert runs_with_data() == completed() == list(range(RUNS))


def test_a_file_with_runs_of_an_earlier_snapshot_must_be_there(resumable):
    kill_at(7)
    crash(begin_expanding, resumable, False)
    os.remove("data.hdf5")
    with pytest.raises(ResumeError, match="Put the file back"):
        resumable().resume("test")


@pytest.mark.parametrize("service", ["memory", "lazy"])
def test_services_that_keep_nothing_are_refused(resumable, service):
    env = Environment("test", storage_service=service, resumable=True, log_config=None)
    explore(env)
    with pytest.raises(ValueError, match="resumable=True does not work"):
        env.run(simulate)
    assert not FOLDER.exists()


def test_another_call_goes_on_where_the_first_one_failed(resumable):
    env = resumable()
    explore(env)
    with pytest.raises(ValueError, match="not yet"):
        env.run(fail_after_storing, 2)
    Path("mended").touch()
    assert [index for index, _ in env.run(fail_after_storing, 2)] == [2, 3, 4, 5]
    assert completed() == list(range(RUNS))
    assert not FOLDER.exists()


@in_child
def test_an_interruption_keeps_what_is_needed_to_resume():
    def make(**options):
        return Environment(
            "test",
            filename="data.hdf5",
            log_config=None,
            report_progress=False,
            resumable=True,
            **options,
        )

    env = make()
    explore(env)
    with pytest.raises(KeyboardInterrupt):
        env.run(interrupt, 3)
    assert completed() == [0, 1, 2]
    assert make().resume("test") == [(index, index) for index in range(RUNS)]


@in_child
def test_a_graceful_exit_keeps_what_is_needed_to_resume():
    options = {"log_config": None, "report_progress": False, "resumable": True}
    env = Environment("test", filename="data.hdf5", graceful_exit=True, **options)
    explore(env)
    assert env.run(interrupt, 3) == [(index, index) for index in range(4)]
    assert FOLDER.exists()
    env = Environment("other", filename="data.hdf5", **options)
    assert env.resume("test") == [(index, index) for index in range(RUNS)]


def interrupt(traj, index):
    traj.f_add_result("z", traj.x)
    mark = Path("interrupted")
    if traj.v_idx == index and not mark.exists():
        mark.touch()
        signal_main()
    return traj.v_idx


def test_the_name_of_the_folder_has_the_time_if_it_was_added(resumable):
    kill_at(4)
    crash(lambda: begin(resumable, add_time=True))
    (name,) = os.listdir("resume")
    assert name.startswith("test_")
    assert len(resumable().resume(name)) == RUNS


def my_runs(index):
    return "my_all" if index < 0 else f"my_{index:03d}"


def test_runs_may_have_names_of_ones_own(resumable):
    kill_at(4)
    crash(lambda: begin(resumable, wildcard_functions={("$", "crun"): my_runs}))
    resumable().resume("test")
    assert stored().f_get("results.runs.my_005.z").z == 50.0
