"""Batches of a trajectory are executed apart, and together they are the whole."""

from __future__ import annotations

import logging
import pickle
from pathlib import Path

import numpy as np
import pytest

import pypet
from pypet import Environment, load_batch, load_trajectory, merge_batches, split_into_batches
from pypet.runs import run_table_of

pytest.importorskip("h5py")

NUMBER_OF_RUNS = 7


def simulate(traj, broken=()):
    if traj.x in broken:
        raise ArithmeticError(f"x is {traj.x}")
    square = traj.f_add_result("square", traj.x**2, comment="of x")
    assert traj.square == traj.x**2  # unique: results of other runs are not in memory
    traj.f_add_result("group.$.noise", traj.f_rng().random(3))
    traj.f_add_derived_parameter("twice", 2 * traj.x)
    traj.results.runs[traj.v_crun].f_add_link("shortcut", square)
    return traj.x


def environment(folder, **options):
    env = Environment(
        "sweep", filename=str(folder / "sweep.hdf5"), log_config=None, seed=11, **options
    )
    traj = env.traj
    traj.f_add_parameter("x", 0, comment="explored")
    traj.f_add_parameter("y", np.arange(3.0)).v_annotations.unit = "mm"
    traj.f_add_derived_parameter("common", 5)
    traj.f_add_result("calibration", [1, 2])
    traj.f_explore({"x": list(range(NUMBER_OF_RUNS))})
    return env


def execute(file, *, broken=(), **options):
    options = {"log_config": None, "on_error": "continue", **options}
    with Environment(trajectory=load_batch(file), **options) as env:
        return env.run(simulate, broken)


def stored(filename):
    """Return all data but config, links included, as it is in a file."""
    traj = load_trajectory(filename=str(filename), load_data=2)
    found = {}
    for node in traj.f_iter_nodes(recursive=True):
        name = node.v_full_name
        if name.startswith("config"):
            continue
        content = None
        if node.v_is_leaf:
            content = node.f_to_dict() if hasattr(node, "f_to_dict") else node.f_get()
            if node.v_is_parameter and node.f_has_range():
                content = (content, list(node.f_get_range()))
        # Of equal comments of many runs, a file keeps the first.
        comment = None if node.v_run_branch != "trajectory" else node.v_comment
        found[name] = (comment, node.v_annotations.f_to_dict(), content)
    runs = traj.f_get_run_information()
    for run in runs.values():
        for name in ("timestamp", "finish_timestamp", "time", "runtime"):
            run.pop(name)
        run["short_environment_hexsha"] = bool(run["short_environment_hexsha"])
    return {name: repr(item) for name, item in found.items()}, runs


@pytest.fixture
def env(tmp_path):
    with environment(tmp_path) as env:
        yield env


def test_batches_give_what_the_whole_gives(env, tmp_path, caplog):
    files = split_into_batches(env.traj, 3)
    folder = tmp_path / "sweep_batches"
    assert files == [str(folder / f"sweep_batch_{k}.hdf5") for k in range(3)]
    results = execute(files[2]) + execute(files[0], multiproc=True, ncores=2, use_pool=True)
    results += execute(files[1], multiproc=True, ncores=2, wrap_mode="QUEUE")
    assert sorted(results) == [(idx, idx) for idx in range(NUMBER_OF_RUNS)]
    caplog.clear()
    assert merge_batches(env.traj, files) == []
    assert [r for r in caplog.records if r.levelno > logging.INFO] == []
    assert env.traj.f_is_completed()
    whole = tmp_path / "whole"
    with environment(whole) as other:
        other.run(simulate)
    for merged, undivided in zip(
        stored(tmp_path / "sweep.hdf5"), stored(whole / "sweep.hdf5"), strict=True
    ):
        assert merged == undivided


def test_batches_differ_by_one_run_at_most_and_follow_each_other(env):
    files = split_into_batches(env.traj, 3)
    runs = [execute(file) for file in files]
    assert [[idx for idx, _ in each] for each in runs] == [[0, 1, 2], [3, 4], [5, 6]]


def test_a_batch_says_how_many_of_its_own_runs_are_completed(env, caplog):
    files = split_into_batches(env.traj, 3)
    caplog.set_level(logging.INFO)
    execute(files[0], broken=[1])
    assert "2 of 3 runs are completed" in caplog.text
    assert f"traj = pypet.load_batch({files[0]!r})" in caplog.text
    batch = load_batch(files[0])
    batch.f_load(load_results=2)
    assert not batch.f_is_completed()
    execute(files[0])
    assert "All 3 runs are completed" in caplog.text
    batch.f_load()
    assert batch.f_is_completed()


def test_failed_batches_are_told_and_go_on_alone(env, tmp_path, caplog):
    traj = env.traj
    files = split_into_batches(traj, 3)
    execute(files[0], broken=[1])
    execute(files[1])
    caplog.clear()
    assert merge_batches(traj, files) == [files[0], files[2]]
    warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "1 of 3 runs are not completed: run_00000001 (failed: ArithmeticError)" in warnings[0]
    assert "run_00000005 (not run), run_00000006 (not run)" in warnings[1]
    again = load_trajectory(filename=str(tmp_path / "sweep.hdf5"))
    states = ["completed", "failed", "completed", "completed", "completed", "not run", "not run"]
    for each in (traj, again):
        assert list(each.f_get_run_states().values()) == states
        assert each.f_get_run_errors(1).message == "x is 1"
    assert execute(files[0]) == [(1, 1)]
    assert len(execute(files[2])) == 2
    caplog.clear()
    assert merge_batches(traj, files) == []
    assert [r for r in caplog.records if r.levelno > logging.INFO] == []
    assert traj.f_get_run_errors() == {}
    assert merge_batches(traj, files) == []


def test_what_is_left_is_split_again(env, tmp_path):
    traj = env.traj
    first = split_into_batches(traj, 2, tmp_path / "first")
    execute(first[0])
    assert merge_batches(traj, first) == first[1:]
    second = split_into_batches(traj, 10, tmp_path / "second")
    assert [execute(file) for file in second] == [[(4, 4)], [(5, 5)], [(6, 6)]]
    assert merge_batches(traj, second) == []
    with pytest.raises(ValueError, match="All runs of trajectory `sweep` are completed"):
        split_into_batches(traj, 2, tmp_path / "third")
    traj.f_load(load_data=2)
    assert [traj.f_get(f"results.runs.r_{idx}.square").data for idx in (0, 6)] == [0, 36]


def test_an_interrupted_batch_goes_on(env):
    (file,) = split_into_batches(env.traj, 1)

    def interrupted(traj):
        if traj.x == 3:
            raise KeyboardInterrupt
        return simulate(traj)

    with (
        pytest.raises(KeyboardInterrupt),
        Environment(trajectory=load_batch(file), log_config=None) as batch,
    ):
        batch.run(interrupted)
    assert merge_batches(env.traj, [file]) == [file]
    assert [idx for idx, _ in execute(file)] == [3, 4, 5, 6]
    assert merge_batches(env.traj, [file]) == []


def test_names_of_runs_may_be_the_users(tmp_path):
    names = {("$", "crun"): run_name}
    with environment(tmp_path, wildcard_functions=names) as env:
        files = split_into_batches(env.traj, 2)
        for file in files:
            traj = load_batch(file, wildcard_functions=names)
            with Environment(trajectory=traj, log_config=None) as batch:
                batch.run(simulate)
        assert merge_batches(env.traj, files) == []
        env.traj.f_load(load_data=2)
        assert env.traj.results.runs.trial_6.square == 36


def run_name(idx):
    return f"trial_{idx}" if idx >= 0 else "trial_none"


def test_a_batch_without_environment_has_one_seed_for_all(tmp_path):
    traj = pypet.Trajectory("bare", filename=str(tmp_path / "bare.hdf5"))
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": [0, 1]})
    files = split_into_batches(traj, 2)
    seeds = set()
    for file in files:
        with Environment(trajectory=load_batch(file), log_config=None) as env:
            seeds.add(env.traj.f_get(f"config.environment.{env.name}.seed").f_get())
    assert seeds == {traj._current_seed()}


def test_the_runs_of_a_batch_do_not_become_more(env):
    file = split_into_batches(env.traj, 3)[0]
    batch = load_batch(file)
    with pytest.raises(RuntimeError, match="No runs can be added to a batch"):
        batch.f_expand({"x": [7]})
    assert len(batch) == NUMBER_OF_RUNS
    assert pickle.loads(pickle.dumps(run_table_of(batch))).selected_count == 3


@pytest.mark.parametrize(
    ("number", "error", "text"),
    [(0, ValueError, "at least one"), (2.0, TypeError, "integer"), (True, TypeError, "integer")],
)
def test_numbers_of_batches_are_checked(env, number, error, text):
    with pytest.raises(error, match=text):
        split_into_batches(env.traj, number)


def test_batches_are_not_overwritten(env):
    files = split_into_batches(env.traj, 2)
    execute(files[1])
    Path(files[0]).unlink()
    with pytest.raises(FileExistsError, match="merge_batches"):
        split_into_batches(env.traj, 2)
    assert not Path(files[0]).exists()
    assert merge_batches(env.traj, files[1:]) == []


def test_a_split_that_fails_leaves_no_files(env, tmp_path, monkeypatch):
    made = []

    def refuse(trajectory, backup_filename):
        if made:
            raise OSError("disk full")
        made.append(backup_filename)
        return original(trajectory, backup_filename)

    original = pypet.Trajectory.f_backup
    with monkeypatch.context() as patched:
        patched.setattr(pypet.Trajectory, "f_backup", refuse)
        with pytest.raises(OSError, match="disk full"):
            split_into_batches(env.traj, 2)
    assert list((tmp_path / "sweep_batches").iterdir()) == []
    assert len(split_into_batches(env.traj, 2)) == 2


def test_services_without_other_files_have_no_batches():
    traj = pypet.Trajectory("volatile", storage_service="memory")
    with pytest.raises(pypet.NoSuchServiceError):
        split_into_batches(traj, 2)


def test_only_batches_of_the_trajectory_are_merged(env, tmp_path):
    files = split_into_batches(env.traj, 2)
    for file in files:
        execute(file)
    (tmp_path / "other").mkdir()
    with environment(tmp_path / "other") as other:
        other.traj.f_store()
        foreign = split_into_batches(other.traj, 1)
    with pytest.raises(ValueError, match="is a batch of trajectory `sweep` of"):
        merge_batches(env.traj, [*files, *foreign])
    with pytest.raises(ValueError, match="is not a batch"):
        merge_batches(env.traj, [*files, tmp_path / "other" / "sweep.hdf5"])
    with pytest.raises(ValueError, match="no file"):
        merge_batches(env.traj, [*files, tmp_path / "none.hdf5"])
    with pytest.raises(TypeError, match="takes a list"):
        merge_batches(env.traj, files[0])
    with pytest.raises(ValueError, match="is not a batch"):
        load_batch(tmp_path / "sweep.hdf5")
    assert set(env.traj.f_get_run_states().values()) == {"not run"}


def test_a_batch_that_cannot_be_read_costs_no_other(env, caplog):
    files = split_into_batches(env.traj, 2)
    execute(files[1])
    Path(files[0]).write_bytes(b"no HDF5" * 100)
    assert merge_batches(env.traj, files) == [files[0]]
    assert "cannot be read" in caplog.text
    assert list(env.traj.f_get_run_states().values())[4:] == ["completed"] * 3


def test_a_merge_that_fails_changes_nothing(env, tmp_path, monkeypatch):
    traj = env.traj
    (file,) = split_into_batches(traj, 1)
    before = stored(tmp_path / "sweep.hdf5")
    execute(file)

    def refuse(*args, **kwargs):
        raise OSError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(pypet.Trajectory, "f_store", refuse)
        with pytest.raises(OSError, match="disk full"):
            merge_batches(traj, [file])
    assert set(traj.f_get_run_states().values()) == {"not run"}
    assert stored(tmp_path / "sweep.hdf5") == before
    assert merge_batches(traj, [file]) == []
