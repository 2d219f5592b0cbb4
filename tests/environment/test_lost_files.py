"""Files that are deleted, moved, replaced or overwritten while an experiment stores in them."""

from __future__ import annotations

import errno
import os
import shutil

import pytest

from pypet import Environment, Result, Trajectory, load_trajectory, merge_rescued
from pypet.errors import DataNotInStorageError, StorageFormatError, StorageLostError
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.memory import MemoryStorageService
from pypet.support.optional import is_installed

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files in place")

RUNS = 12
MODES = {
    "serial": {},
    "LOCK": {"multiproc": True, "ncores": 2, "wrap_mode": "LOCK"},
    "QUEUE": {"multiproc": True, "ncores": 2, "wrap_mode": "QUEUE"},
    "PIPE": {"multiproc": True, "ncores": 2, "wrap_mode": "PIPE"},
    "LOCAL": {"multiproc": True, "ncores": 2, "wrap_mode": "LOCAL"},
    "NETLOCK": {"multiproc": True, "ncores": 2, "wrap_mode": "NETLOCK"},
    "NETQUEUE": {"multiproc": True, "ncores": 2, "wrap_mode": "NETQUEUE"},
}
HARMS = ("deleted", "moved", "folder", "replaced", "namesake", "overwritten", "by_namesake", "cut")


class Harmful(Result):
    """Does something to the file when it is stored."""

    act = None

    def _store(self):
        if Harmful.act is not None:
            act, Harmful.act = Harmful.act, None
            act()
        return super()._store()


class Place:
    """The file of an experiment, what may happen to it, and what there is afterwards."""

    def __init__(self, root):
        self.root = root
        self.folder = root / "data"
        self.path = self.folder / "x.hdf5"
        self.moved = root / "moved.hdf5"
        for name in ("foreign", "t"):
            other = Trajectory(name, filename=root / f"other_{name}.hdf5", add_time=False)
            other.f_add_parameter("y", 1)
            other.f_store()

    def suffer(self, harm):
        path, foreign, namesake = (
            self.path,
            self.root / "other_foreign.hdf5",
            self.root / "other_t.hdf5",
        )
        if harm == "deleted":
            path.unlink()
        elif harm == "moved":
            path.rename(self.moved)
        elif harm == "folder":
            shutil.rmtree(self.folder)
        elif harm in ("replaced", "namesake"):
            copy = shutil.copy(foreign if harm == "replaced" else namesake, self.root / "copy")
            os.replace(copy, path)
        elif harm in ("overwritten", "by_namesake"):
            shutil.copyfile(foreign if harm == "overwritten" else namesake, path)
        elif harm == "cut":
            os.truncate(path, 0)

    @property
    def rescue_file(self):
        (found,) = self.folder.glob("x.rescue-*.hdf5")
        return found


def environment(place, mode="serial", **options):
    options = {"log_config": None, "report_progress": False, **MODES[mode], **options}
    env = Environment("t", filename=place.path, add_time=False, **options)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": list(range(RUNS))})
    return env


def load(path):
    return load_trajectory("t", filename=path, load_data=2, dynamic_imports=[Harmful])


def store(traj):
    traj.f_add_result("z", traj.x * 2)


def check_honest(path):
    """Check that the file says completed only of runs whose data is in it; return how many."""
    try:
        traj = load(path)
    except (StorageFormatError, ValueError, DataNotInStorageError):
        return 0  # it says nothing
    count = 0
    for name, record in traj.f_get_run_information().items():
        if record["completed"]:
            assert traj.f_get(f"results.runs.{name}.z").z == record["idx"] * 2
            count += 1
    return count


def check_rescued(place, env, harm):
    """Check what an experiment whose file was lost leaves behind."""
    assert not any(env.traj.f_is_completed(index) for index in range(RUNS))
    if harm in ("deleted", "moved", "folder"):
        assert not place.path.exists()
    check_honest(place.path)
    rescued = load(place.rescue_file)
    assert rescued.f_get("x").f_get_range() == list(range(RUNS))
    assert not any(rescued.f_is_completed(index) for index in range(RUNS))
    assert rescued.f_get("config.rescue.filename").f_get() == str(place.path)


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


CASES = [(mode, harm) for mode in ("serial", "LOCK") for harm in HARMS]
CASES += [(mode, harm) for mode in ("QUEUE", "LOCAL") for harm in ("deleted", "namesake", "cut")]
CASES += [("QUEUE", "by_namesake"), ("LOCAL", "overwritten"), ("PIPE", "deleted")]
if is_installed("zmq"):
    CASES += [("NETLOCK", "namesake"), ("NETQUEUE", "deleted"), ("NETQUEUE", "overwritten")]


@pytest.mark.parametrize(("mode", "harm"), CASES)
def test_a_file_that_is_lost_between_runs_ends_the_experiment(place, mode, harm):
    env = environment(place, mode)

    def run(traj):
        if traj.v_idx == RUNS // 2:
            place.suffer(harm)
        store(traj)

    with pytest.raises(StorageLostError) as caught:
        env.run(run)
    (note,) = caught.value.__notes__[-1:]
    assert f"merge_rescued({str(place.rescue_file)!r}" in note
    check_rescued(place, env, harm)


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_lost_after_the_last_run_ends_the_experiment(place, harm):
    env = environment(place)
    env.add_postprocessing(lambda traj, results: place.suffer(harm))
    with pytest.raises(StorageLostError, match="was deleted, moved or replaced"):
        env.run(store)
    check_rescued(place, env, harm)
    if harm == "moved":
        assert check_honest(place.moved) == RUNS


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_that_is_lost_during_the_final_store_ends_the_experiment(place, harm, monkeypatch):
    env = environment(place)

    def prepare(traj, results):
        traj.f_add_result(Harmful, "harmful", 1)
        monkeypatch.setattr(Harmful, "act", staticmethod(lambda: place.suffer(harm)))

    env.add_postprocessing(prepare)
    with pytest.raises(StorageLostError, match="was deleted, moved or replaced"):
        env.run(store)
    check_rescued(place, env, harm)


@pytest.mark.parametrize("harm", ["deleted", "namesake", "overwritten"])
@pytest.mark.parametrize("point", ["open", "_apply_to", "close"])
def test_a_file_that_is_lost_at_any_point_of_the_final_store_ends_the_experiment(
    place, harm, point, monkeypatch
):
    env = environment(place)
    method = getattr(HDF5StorageService, point)

    def lose(traj, results):
        def losing(service, *args):
            monkeypatch.setattr(HDF5StorageService, point, method)
            place.suffer(harm)
            return method(service, *args)

        monkeypatch.setattr(HDF5StorageService, point, losing)

    env.add_postprocessing(lose)
    with pytest.raises(StorageLostError, match="was deleted, moved or replaced"):
        env.run(store)
    check_rescued(place, env, harm)


def test_an_experiment_can_be_run_again_when_its_file_was_deleted(place):
    env = environment(place)
    deletes = [True]

    def delete(traj, results):
        if deletes:
            deletes.clear()
            place.path.unlink()

    env.add_postprocessing(delete)
    with pytest.raises(StorageLostError):
        env.run(store)
    assert len(env.run(store)) == RUNS
    assert check_honest(place.path) == RUNS


def test_no_more_runs_are_executed_once_the_file_is_lost(place):
    env = environment(place, "LOCK", on_error="continue")

    def run(traj):
        (place.root / f"run{traj.v_idx}").touch()
        if traj.v_idx == 0:
            place.path.unlink()
        store(traj)

    with pytest.raises(StorageLostError):
        env.run(run)
    assert len(list(place.root.glob("run*"))) < RUNS


def test_a_file_is_not_made_anew_by_those_who_load(place):
    env = environment(place)
    seen = []

    def look(traj, results):
        place.path.unlink()
        with pytest.raises(FileNotFoundError) as caught:
            traj.f_load_skeleton()
        seen.append(caught.value)

    env.add_postprocessing(look)
    with pytest.raises(StorageLostError):
        env.run(store)
    assert seen
    assert not place.path.exists()


# ----- other storages ----------------------------------------------------------------------------


class Fragile(MemoryStorageService):
    """Loses everything, or cannot be written any more; rescued to memory."""

    filename = "memory"
    failure = None
    rescued = None

    def check_in_place(self, trajectory_name):
        if self.failure is not None:
            raise self.failure
        return True

    def rescue_services(self, trajectory_name):
        full = Fragile()
        full.apply = self._refuse
        yield full
        Fragile.rescued = Fragile()
        yield Fragile.rescued

    def _refuse(self, request):
        raise OSError(errno.ENOSPC, "full", "memory")


@pytest.mark.parametrize("kind", [StorageLostError, PermissionError])
def test_any_storage_may_be_rescued(kind):
    env = Environment(
        "t", storage_service=Fragile, add_time=False, log_config=None, report_progress=False
    )
    service = env.traj.v_storage_service
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [0, 1, 2]})
    env.add_postprocessing(lambda traj, results: setattr(service, "failure", kind(2, "fragile")))
    with pytest.raises(kind, match="fragile") as caught:
        env.run(store)
    assert "rescue file 'memory'" in caught.value.__notes__[-1]
    assert env.traj.f_is_completed() is (kind is PermissionError)
    assert env.traj.v_storage_service is service
    assert not env.traj.f_contains("config.rescue", shortcuts=False)
    rescued = load_trajectory("t", storage_service=Fragile.rescued, load_data=2)
    assert not any(rescued.f_is_completed(index) for index in range(3))
    assert rescued.f_get("x").f_get_range() == [0, 1, 2]
    assert rescued.f_get("config.rescue.completed").f_get().tolist() == [0, 1, 2]


def test_a_storage_without_any_place_for_it_leaves_the_error_alone(monkeypatch):
    monkeypatch.setattr(Fragile, "rescue_services", lambda service, name: ())
    env = Environment(
        "t", storage_service=Fragile, add_time=False, log_config=None, report_progress=False
    )
    env.add_postprocessing(
        lambda traj, results: setattr(traj.v_storage_service, "failure", OSError("fragile"))
    )
    with pytest.raises(OSError, match="fragile") as caught:
        env.run(store_constant)
    assert not hasattr(caught.value, "__notes__")


def store_constant(traj):
    traj.f_add_result("z", 1)


# ----- files that turn up again ------------------------------------------------------------------


def test_a_file_that_was_moved_gets_back_what_was_rescued(place):
    env = environment(place, "LOCK")

    def run(traj):
        if traj.v_idx == RUNS // 2:
            place.path.rename(place.moved)
        store(traj)

    with pytest.raises(FileNotFoundError):
        env.run(run)
    check_honest(place.moved)
    merged = merge_rescued(place.rescue_file, filename=place.moved)
    assert merged.v_name == "t"
    count = check_honest(place.moved)
    assert 0 < count <= RUNS // 2 + 1
    again = load(place.moved)
    assert again.f_get("x").f_get_range() == list(range(RUNS))
    assert not again.f_contains("config.rescue", shortcuts=False)
    Environment(trajectory=again, log_config=None, report_progress=False).run(store)
    assert check_honest(place.moved) == RUNS


def test_runs_of_a_lost_file_can_be_run_again_in_the_rescue_file(place):
    env = environment(place)
    env.add_postprocessing(lambda traj, results: place.path.unlink())
    with pytest.raises(StorageLostError):
        env.run(store)
    rescued = load(place.rescue_file)
    Environment(trajectory=rescued, log_config=None, report_progress=False).run(store)
    assert check_honest(place.rescue_file) == RUNS


def test_nothing_is_merged_into_another_experiment(place):
    env = environment(place)
    env.add_postprocessing(lambda traj, results: place.suffer("namesake"))
    with pytest.raises(StorageLostError):
        env.run(store)
    before = place.path.read_bytes()
    with pytest.raises(ValueError, match="is not the one that"):
        merge_rescued(place.rescue_file)
    with pytest.raises(ValueError, match="not a rescue file"):
        merge_rescued(place.path)
    assert place.path.read_bytes() == before


def test_two_rescue_files_of_one_second_are_two(place):
    for _ in range(2):
        env = environment(place)
        env.add_postprocessing(lambda traj, results: place.path.unlink())
        with pytest.raises(StorageLostError):
            env.run(store)
    assert len(list(place.folder.glob("x.rescue-*.hdf5"))) == 2


# ----- files that are exchanged for a copy -------------------------------------------------------


def test_a_copy_with_all_data_may_take_the_place_of_the_file(place):
    from pypet import compact_hdf5_file

    env = environment(place)
    env.add_postprocessing(lambda traj, results: compact_hdf5_file(place.path, keep_backup=False))
    assert len(env.run(store)) == RUNS
    assert check_honest(place.path) == RUNS


@pytest.mark.parametrize("copied_in", [0, 5])
@pytest.mark.parametrize("mode", ["serial", "LOCK"])
def test_a_copy_that_lacks_data_does_not_make_runs_completed(place, mode, copied_in):
    env = environment(place, mode, use_pool=False)
    early = place.root / "early.hdf5"

    def run(traj):
        if traj.v_idx == copied_in:
            shutil.copyfile(place.path, early)
        store(traj)

    env.add_postprocessing(lambda traj, results: early.exists() and os.replace(early, place.path))
    with pytest.raises(StorageLostError, match="without the data of"):
        env.run(run)
    assert check_honest(place.path) < RUNS
    env.run(store)
    assert check_honest(place.path) == RUNS


# ----- files that cannot be written in the end ---------------------------------------------------


@pytest.fixture
def refuse(monkeypatch):
    """Return a function that lets nobody open files in a folder, and one that ends this."""

    def refuse_below(folder, error, *, to_read=True):
        acquire = HDF5StorageService._acquire

        def refusing(service, *, writable):
            if (writable or to_read) and service.filename.startswith(f"{folder}"):
                raise error
            return acquire(service, writable=writable)

        monkeypatch.setattr(HDF5StorageService, "_acquire", refusing)

    return refuse_below, monkeypatch.undo


@pytest.mark.parametrize("mode", ["serial", "LOCK"])
def test_what_a_busy_file_does_not_take_is_rescued_and_merged(place, mode, refuse):
    block, unblock = refuse
    busy = BlockingIOError(errno.EAGAIN, "The file is in use by another process", "x.hdf5")
    env = environment(place, mode)

    def finish(traj, results):
        traj.f_add_result("summary", sum(value or 0 for _, value in results))
        block(place.path, busy)

    env.add_postprocessing(finish)
    with pytest.raises(BlockingIOError) as caught:
        env.run(store)
    unblock()
    assert f"pypet.merge_rescued({str(place.rescue_file)!r})" in caught.value.__notes__[-1]
    assert env.traj.f_is_completed()  # their data is where it should be
    assert not load_trajectory("t", filename=place.rescue_file).f_is_completed(0)
    assert not load_trajectory("t", filename=place.path).f_contains("summary")
    merge_rescued(place.rescue_file)
    assert check_honest(place.path) == RUNS
    traj = load(place.path)
    assert traj.summary == 0
    assert traj.f_get("x").f_get_range() == list(range(RUNS))


def test_a_rescue_file_goes_elsewhere_where_the_disk_is_full(place, refuse, monkeypatch, tmp_path):
    fill, free = refuse
    full = OSError(errno.ENOSPC, "No space left on device", "x.hdf5")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    env = environment(place)
    env.add_postprocessing(lambda traj, results: fill(place.folder, full, to_read=False))
    with pytest.raises(OSError, match="No space left") as caught:
        env.run(store)
    free()
    (rescue_file,) = elsewhere.iterdir()
    assert str(rescue_file) in caught.value.__notes__[-1]
    assert [path.name for path in place.folder.iterdir()] == ["x.hdf5"]
    merge_rescued(rescue_file)
    assert check_honest(place.path) == RUNS
