"""Merging, with everything kept in memory and in HDF5 files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pypet import Trajectory, load_trajectory
from pypet.storage_backends.memory import MemoryStorageService

Make = Callable[..., Trajectory]


@pytest.fixture(params=["memory", "one file", "two files"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make trajectories, explored over ``xs``, with a result per run; all stored."""
    service = MemoryStorageService()
    if request.param != "memory":
        pytest.importorskip("h5py")

    def build(name: str, xs: list[float], factor: int = 1, **extra: Any) -> Trajectory:
        if request.param == "memory":
            kwargs: dict[str, Any] = {"storage_service": service}
        else:
            stem = "shared" if request.param == "one file" else name
            kwargs = {"filename": str(tmp_path / f"{stem}.hdf5")}
        traj = Trajectory(name, **kwargs)
        traj.f_add_parameter("x", 0.0)
        traj.f_add_parameter("y", 1)
        for key, value in extra.items():
            traj.f_add_parameter(key, value)
        traj.f_add_derived_parameter("$.dp", 42 * factor)
        traj.f_explore({"x": xs})
        run_all(traj, factor)
        return traj

    return build


def run_all(traj: Trajectory, factor: int = 1) -> None:
    traj.f_store(only_init=True)
    for _ in traj.f_iter_runs():
        traj.f_start_run()
        traj.f_add_result("z", traj.x * factor, comment="product")
        traj.f_add_result("$set.$.bucket", traj.x)
        group = traj.f_get("results.runs.crun")
        group.f_add_link("to_z", traj.f_get("results.runs.crun.z"))
        traj.f_store()
        traj.f_finalize_run()
    traj.f_store()


def reload(traj: Trajectory) -> Trajectory:
    return load_trajectory(
        traj.v_name, storage_service=traj.v_storage_service, load_data=2, force=True
    )


def results(traj: Trajectory, name: str = "runs.z") -> list[Any]:
    return [
        reloaded.f_get(f"results.runs.{run}.z").f_get()
        for reloaded in [reload(traj)]
        for run in reloaded.f_get_run_names()
    ]


def test_runs_of_the_other_become_further_runs(make):
    a, b = make("a", [1.0, 2.0]), make("b", [3.0, 4.0, 5.0], factor=10)
    a.f_merge(b)
    assert len(a) == 5
    assert a.f_get("x").f_get_range() == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert results(a) == [1.0, 2.0, 30.0, 40.0, 50.0]
    loaded = reload(a)
    assert loaded.f_is_completed()
    assert loaded.f_get("x").f_get_range() == [1.0, 2.0, 3.0, 4.0, 5.0]
    bucket = loaded.f_get("results.run_set_00000.run_00000003.bucket")
    assert bucket.f_get() == 4.0


def test_run_information_is_taken_over_with_new_names(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_merge(b)
    own, other = a.f_get_run_information(1), b.f_get_run_information(0)
    assert own["name"] == "run_00000001"
    assert own["parameter_summary"] == "x: 2.0"
    for key in ("timestamp", "finish_timestamp", "completed", "runtime"):
        assert own[key] == other[key]
    assert reload(a).f_get_run_information(1) == own


def test_links_in_runs_lead_to_the_new_runs(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_merge(b)
    loaded = reload(a)
    assert loaded.f_get("results.runs.run_00000001.to_z").v_full_name == (
        "results.runs.run_00000001.z"
    )


def test_derived_parameters_for_all_runs_keep_their_values_per_run(make):
    a, b = make("a", [1.0, 2.0]), make("b", [3.0, 4.0], factor=2)
    a.f_merge(b)
    loaded = reload(a)
    values = [loaded.dpar.crun.dp for _ in loaded.f_iter_runs()]
    assert values == [42, 42, 84, 84]


def test_different_unexplored_values_become_explored(make):
    a, b = make("a", [1.0, 2.0], k=5), make("b", [1.0, 2.0], k=7)
    a.f_merge(b)
    assert a.f_get("k").f_get_range() == [5, 5, 7, 7]
    assert set(a.f_get_explored_parameters()) == {"parameters.x", "parameters.k"}
    assert reload(a).f_get("k").f_get_range() == [5, 5, 7, 7]


def test_disjoint_explorations_are_filled_with_defaults(make):
    a, b = make("a", [1.0, 2.0]), make("b", [0.0], k=1)
    with pytest.raises(TypeError, match=r"parameters\.k"):
        a.f_merge(b)
    a.f_merge(b, ignore_data="parameters.k")
    assert a.f_get("x").f_get_range() == [1.0, 2.0, 0.0]


def test_types_have_to_agree(make):
    a, b = make("a", [1.0], k=1), make("b", [1.0], k="text")
    with pytest.raises(TypeError, match=r"parameters\.k"):
        a.f_merge(b)
    assert len(a) == len(reload(a)) == 1


def test_trials_go_on_counting(make):
    a, b = make("a", [1.0] * 2, trial=0), make("b", [2.0] * 3, trial=0)
    a.f_merge(b, trial_parameter="trial", keep_info=True)
    assert a.f_get("trial").f_get_range() == [0, 0, 1, 1, 1]
    info = reload(a).f_get("config.merge").f_to_dict(fast_access=True, short_names=False)
    assert "parameters.trial" in info.values()


def test_trial_parameters_have_to_count(make):
    a, b = make("a", [1.0], trial=0), make("b", [2.0], trial=3)
    with pytest.raises(TypeError, match="trial"):
        a.f_merge(b, trial_parameter="trial")
    with pytest.raises(AttributeError):
        a.f_merge(b, trial_parameter="unheard")


def test_duplicates_are_left_out(make):
    a, b = make("a", [1.0, 2.0]), make("b", [2.0, 3.0], factor=10)
    a.f_merge(b, remove_duplicates=True)
    assert a.f_get("x").f_get_range() == [1.0, 2.0, 3.0]
    assert results(a) == [1.0, 2.0, 30.0]


def test_only_duplicates_are_refused(make):
    a, b = make("a", [1.0, 2.0]), make("b", [2.0, 1.0])
    with pytest.raises(ValueError, match="duplicates"):
        a.f_merge(b, remove_duplicates=True)
    assert len(reload(a)) == 2


def test_other_results_are_added_unless_the_name_is_taken(make, caplog):
    a, b = make("a", [1.0]), make("b", [2.0])
    for traj, value in ((a, "own"), (b, "other")):
        traj.f_add_result("results.total", value)
        traj.f_add_result(f"results.only_{traj.v_name}", value)
        traj.f_store()
    with caplog.at_level(logging.WARNING):
        a.f_merge(b)
    assert "results.total" in caplog.text
    loaded = reload(a)
    assert loaded.f_get("results.total").f_get() == "own"
    assert loaded.f_get("results.only_b").f_get() == "other"


def test_ignored_data_is_left_out(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    b.f_add_result("results.heavy", 1)
    b.f_store()
    a.f_merge(b, ignore_data=["results.heavy", "results.runs.run_00000000.to_z"])
    loaded = reload(a)
    assert not loaded.f_contains("results.heavy")
    assert not loaded.f_contains("results.runs.run_00000001.to_z")
    assert loaded.f_contains("results.runs.run_00000001.z")


def test_what_is_known_about_environments_is_merged(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    b.f_add_config("environment.environment_1.ncores", 4)
    b.f_add_config("threads", 2)
    b.f_store()
    a.f_merge(b)
    loaded = reload(a)
    assert loaded.f_get("config.environment.environment_1.ncores").f_get() == 4
    assert not loaded.f_contains("config.threads")


def test_a_merge_is_noted(make):
    a, b = make("a", [1.0]), make("b", [2.0, 3.0])
    a.f_merge(b, ignore_data="results.nothing")
    loaded = reload(a)
    (merge,) = loaded.f_get("config.merge").f_get_groups().values()
    assert merge.v_name.startswith("merge_")
    assert merge.f_get("merged_runs").f_get() == 2
    assert merge.f_get("length_before_merge").f_get() == 1
    assert merge.f_get("ignore_data").f_get() == ("results.nothing",)
    assert merge.f_get("other_trajectory.name").f_get() == "b"
    assert merge.f_get("other_trajectory.length").f_get() == 2
    assert len(merge.f_get("hexsha").f_get()) == 40


def test_the_note_can_be_left_out(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_merge(b, keep_info=False)
    assert not reload(a).f_contains("config.merge")


def test_moved_data_is_gone_from_the_other(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_merge(b, move_data=True, backup=False)
    assert results(a) == [1.0, 2.0]
    assert not reload(b).f_contains("results.runs.run_00000000.z")


def test_the_other_can_be_deleted(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_merge(b, delete_other_trajectory=True, backup=False)
    assert results(a) == [1.0, 2.0]
    with pytest.raises(ValueError):
        reload(b)


def test_merging_item_by_item_gives_the_same(make):
    a, b = make("a", [1.0]), make("b", [2.0], factor=3)
    c = make("c", [1.0])
    a.f_merge(b, backup=False)
    c.f_merge(b, backup=False, slow_merge=True)
    first, second = reload(a), reload(c)
    names = [
        {leaf.v_full_name for leaf in traj.f_iter_leaves() if leaf.v_branch != "config"}
        for traj in (first, second)
    ]
    assert names[0] == names[1]
    assert results(a) == results(c)


def test_merged_trajectories_merge_with_their_backup(make, tmp_path):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_merge(b)
    service = a.v_storage_service
    if isinstance(service, MemoryStorageService):
        old = load_trajectory("a", storage_service=service.backups["backup_a"], load_data=2)
    else:
        old = load_trajectory("a", filename=str(tmp_path / "backup_a.hdf5"), load_data=2)
    assert len(old) == 1
    a.f_merge(old, backup=False, slow_merge=isinstance(service, MemoryStorageService))
    assert results(a) == [1.0, 2.0, 1.0]


def test_existing_backups_are_not_overwritten(make):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_backup()
    with pytest.raises(ValueError, match="a"):
        a.f_merge(b)
    assert len(a) == len(reload(a)) == 1


def backups_of(traj: Trajectory, folder: Path) -> list[str]:
    service = traj.v_storage_service
    if isinstance(service, MemoryStorageService):
        return [name for name, kept in service.backups.items() if has_any(kept)]
    return [path.name for path in folder.glob("backup_*")]


def has_any(service: MemoryStorageService) -> bool:
    try:
        return bool(service.trajectory_names())
    except ValueError:
        return False


def test_merging_with_itself_makes_no_backup_and_says_why(make, tmp_path):
    a = make("a", [1.0, 2.0])
    for other in (a, reload(a)):
        with pytest.raises(ValueError, match=r"with itself, so the backups.*`backup=False`"):
            a.f_merge(other)
        assert backups_of(a, tmp_path) == []
        assert len(a) == len(reload(a)) == 2
    a.f_merge(a, backup=False)
    assert results(a) == [1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize("option", ["move_data", "delete_other_trajectory"])
def test_merging_with_itself_never_destroys_it(make, option, tmp_path):
    a = make("a", [1.0, 2.0])
    for other in (a, reload(a)):
        for merge in (a.f_merge, lambda other, **kwargs: a.f_merge_many([other], **kwargs)):
            with pytest.raises(ValueError, match="would destroy it"):
                merge(other, backup=True, **{option: True})
    assert backups_of(a, tmp_path) == []
    assert results(reload(a)) == [1.0, 2.0]


def test_one_of_two_backups_is_not_made_if_the_other_cannot_be(make, tmp_path):
    a, b = make("a", [1.0]), make("b", [2.0])
    a.f_backup()
    before = backups_of(a, tmp_path)
    with pytest.raises(ValueError, match="There is a backup of trajectory `a` already"):
        a.f_merge(b)
    assert backups_of(a, tmp_path) == before
    if not isinstance(b.v_storage_service, MemoryStorageService):
        b.f_backup()  # is not there yet


def test_trajectories_of_one_name_in_one_folder_need_backups_of_their_own(tmp_path):
    pytest.importorskip("h5py")
    trajs = []
    for stem, value in (("one", 1.0), ("two", 2.0)):
        traj = Trajectory("same", filename=str(tmp_path / f"{stem}.hdf5"))
        traj.f_add_parameter("x", 0.0)
        traj.f_explore({"x": [value]})
        traj.f_store()
        trajs.append(traj)
    with pytest.raises(ValueError, match=r"another one of this name.*backup_same\.hdf5"):
        trajs[0].f_merge(trajs[1])
    assert not (tmp_path / "backup_same.hdf5").exists()
    trajs[0].f_merge(trajs[1], backup=False)
    assert trajs[0].f_get("x").f_get_range() == [1.0, 2.0]


def test_only_stored_trajectories_take_others_in(make):
    a, b = Trajectory("a"), make("b", [2.0])
    with pytest.raises(ValueError, match="stored"):
        a.f_merge(b)
    with pytest.raises(TypeError, match="trajectory"):
        b.f_merge("no trajectory")


def test_many_are_merged_and_stored_once(make):
    a = make("a", [0.0])
    others = [make(f"b{i}", [float(i)]) for i in range(1, 6)]
    a.f_merge_many(others)
    assert results(a) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert reload(a).f_get("x").f_get_range() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_wrong_one_among_many_is_found_before_merging(make):
    a, b = make("a", [0.0]), make("b", [1.0])
    with pytest.raises(TypeError):
        a.f_merge_many([b, "no trajectory"])
    assert len(reload(a)) == 1


def test_a_failing_merge_leaves_everything_as_it_was(make, monkeypatch):
    a, b = make("a", [1.0, 2.0]), make("b", [3.0], k=1)
    a.f_add_parameter("k", 2)
    a.f_store()
    before = {leaf.v_full_name for leaf in reload(a).f_iter_leaves()}
    service = type(a.v_storage_service)
    original = service.apply
    calls = []

    def failing(self, request):
        calls.append(request)
        if any(getattr(operation, "path", "").endswith("to_z") for operation in request.operations):
            raise OSError("the disk is full")
        original(self, request)

    monkeypatch.setattr(service, "apply", failing)
    with pytest.raises(OSError, match="full"):
        a.f_merge(b, backup=False, move_data=True)
    monkeypatch.setattr(service, "apply", original)
    assert calls
    loaded = reload(a)
    assert {leaf.v_full_name for leaf in loaded.f_iter_leaves()} == before
    assert len(a) == len(loaded) == 2
    assert a.f_get("x").f_get_range() == [1.0, 2.0]
    assert set(a.f_get_explored_parameters()) == {"parameters.x"}
    assert reload(b).f_contains("results.runs.run_00000000.z")


def test_all_files_of_a_folder_are_merged(tmp_path):
    pytest.importorskip("h5py")
    from pypet import merge_all_in_folder

    for index in range(3):
        traj = Trajectory(f"part{index}", filename=str(tmp_path / f"part{index}.hdf5"))
        traj.f_add_parameter("x", 0.0)
        traj.f_add_parameter("y", 1)
        traj.f_explore({"x": [float(index)]})
        run_all(traj)
    merged = merge_all_in_folder(tmp_path, delete_other_files=True)
    assert merged.f_get("x").f_get_range() == [0.0, 1.0, 2.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "backup_part0.hdf5",
        "part0.hdf5",
    ]
    with pytest.raises(ValueError, match="no file"):
        merge_all_in_folder(tmp_path, ext=".h5")


@pytest.mark.parametrize("filename", [None, "other.hdf5"])
def test_nothing_is_merged_from_a_trajectory_that_is_not_there(tmp_path, monkeypatch, filename):
    pytest.importorskip("h5py")
    monkeypatch.chdir(tmp_path)
    traj = Trajectory("mine", filename="mine.hdf5", add_time=False)
    traj.f_store()
    with pytest.raises(ValueError, match="There is no"):
        traj.v_storage_service.store(
            "MERGE",
            "a merge",
            trajectory_name="mine",
            other_trajectory_name="other",
            other_filename=filename,
            rename_dict={},
        )
    assert [path.name for path in tmp_path.glob("*.hdf5")] == ["mine.hdf5"]


@pytest.mark.parametrize(("first", "second"), [([1, 2], [3, 4]), ([1, 2], [0.5]), ([1], ["a"])])
def test_lists_of_other_lengths_and_kinds_share_a_range(make, first, second):
    a, b = make("a", [1.0, 2.0], individual=[0] * 3), make("b", [3.0], individual=[0] * 3)
    for traj, individual in ((a, first), (b, second)):
        traj.f_get("individual").f_unlock()
        traj.f_get("individual").f_set(individual)
        traj.f_store_item("individual", store_data=3)
    a.f_merge(b)
    loaded = reload(a).f_get("individual")
    assert loaded.f_get_range() == [first, first, second]
    assert loaded.f_get_default() == first


# ----- many merges ---------------------------------------------------------------------------


class CountingService(MemoryStorageService):
    """Counts the nodes that it reads."""

    reads = 0

    def read_nodes(self, *args: Any, **kwargs: Any) -> Any:
        for record in super().read_nodes(*args, **kwargs):
            self.reads += 1
            yield record


def merged_with(service: CountingService, name: str, xs: list[float]) -> Trajectory:
    """Return a trajectory as an environment leaves it: with config, without derived parameters."""
    traj = Trajectory(name, storage_service=service)
    traj.f_add_parameter("x", 0.0)
    for key in range(10):
        traj.f_add_config(f"environment.{name}.entry_{key}", key)
    traj.f_explore({"x": xs})
    traj.f_store()
    return traj


def test_consecutive_merges_read_as_much_as_the_first_ones() -> None:
    service = CountingService()
    total = merged_with(service, "total", [0.0])
    reads = []
    for number in range(1, 9):
        other = merged_with(service, f"other_{number}", [float(number)])
        before = service.reads
        total.f_merge(other, backup=False, consecutive_merge=True)
        reads.append(service.reads - before)
    assert reads[1:] == [reads[1]] * 7
    total.f_store()
    assert reload(total).f_get("x").f_get_range() == [float(number) for number in range(9)]


@pytest.mark.parametrize(
    "lose",
    [
        lambda traj: traj.f_remove_item("x"),
        lambda traj: traj.f_remove_item("parameters", recursive=True),
    ],
)
def test_parameters_that_were_removed_meanwhile_are_loaded_for_the_next_merge(lose: Any) -> None:
    service = CountingService()
    total = merged_with(service, "total", [0.0])
    total.f_merge(
        merged_with(service, "one", [1.0]), backup=False, keep_info=False, consecutive_merge=True
    )
    total.f_store()
    lose(total)
    total.f_merge(merged_with(service, "two", [2.0]), backup=False, consecutive_merge=True)
    total.f_store()
    assert reload(total).f_get("x").f_get_range() == [0.0, 1.0, 2.0]
