"""Files: their names, who has them open, what goes wrong with them, and the settings."""

import multiprocessing
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Environment
from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.records import PutMeta
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.processes import run_python
from tests.storage_backends.hdf5.record_makers import (
    TRAJ,
    apply,
    group,
    items_of,
    leaf,
    meta,
    new_service,
    number,
    paths,
    read,
    run_rows,
)

# ----- names -----------------------------------------------------------------------------------


class NamedTrajectory:
    """As much of a trajectory as the constructor looks at."""

    v_name = "mine"
    v_stored = True
    v_storage_service = None


def test_file_names_are_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()

    def path(filename, trajectory=None):
        return HDF5StorageService(filename=filename, trajectory=trajectory).filename

    named = NamedTrajectory()
    assert path(None) == str(tmp_path / "Experiments.hdf5")
    assert path(None, named) == str(tmp_path / "hdf5" / "mine.hdf5")
    assert path("folder") == str(tmp_path / "folder" / "Experiments.hdf5")
    assert path("folder", named) == str(tmp_path / "folder" / "mine.hdf5")
    assert path("new/", named) == str(tmp_path / "new" / "mine.hdf5")
    assert path("data.h5", named) == str(tmp_path / "data.h5")
    assert path(tmp_path / "a" / "b.hdf5") == str(tmp_path / "a" / "b.hdf5")


def test_a_service_made_for_a_trajectory_belongs_to_it(tmp_path):
    trajectory = NamedTrajectory()
    service = HDF5StorageService(filename=tmp_path / "x.hdf5", trajectory=trajectory)
    assert trajectory.v_storage_service is service


def test_folders_are_made_when_something_is_stored(tmp_path):
    service = HDF5StorageService(filename=tmp_path / "a" / "b" / "x.hdf5")
    assert not (tmp_path / "a").exists()
    apply(service, meta())
    assert (tmp_path / "a" / "b" / "x.hdf5").exists()


def test_the_title_follows_the_last_writer(tmp_path):
    def title():
        with h5py.File(tmp_path / "data.hdf5", "r") as file:
            return file.attrs["TITLE"].decode()

    new_service(tmp_path)
    assert title() == "Experiments"
    service = HDF5StorageService(filename=tmp_path / "data.hdf5", file_title="mine")
    service.trajectory_names()
    assert title() == "Experiments"
    apply(service, group("results"))
    assert title() == "mine"


def test_overwriting_deletes_the_file_at_once(tmp_path):
    service = new_service(tmp_path)
    service.open()
    HDF5StorageService(filename=service.filename, overwrite_file=True)
    assert not os.path.exists(service.filename)
    assert not service.is_open
    HDF5StorageService(filename=service.filename, overwrite_file=True)


def test_messages_may_name_another_file(tmp_path):
    service = new_service(tmp_path)
    service.open()
    service.relocate(filename=str(tmp_path / "other.hdf5"), file_title="t")
    assert not service.is_open
    apply(service, meta())
    assert (tmp_path / "other.hdf5").exists()


# ----- open files ------------------------------------------------------------------------------


def test_a_file_is_closed_between_requests(tmp_path):
    service = new_service(tmp_path)
    assert not service.is_open
    with h5py.File(service.filename, "a"):
        pass


def test_two_services_share_the_file_that_one_keeps_open(tmp_path):
    first = new_service(tmp_path)
    first.open()
    assert first.is_open
    apply(first, leaf("results.a", number("x", 1)))
    second = HDF5StorageService(filename=tmp_path / "data.hdf5")
    assert paths(read(second, "results")) == ["results", "results.a"]
    apply(second, leaf("results.b", number("x", 2)))
    assert items_of(first, "results.b")["x"].value == 2
    first.close()
    with h5py.File(first.filename, "a") as file:
        assert sorted(file["traj/results"]) == ["a", "b"]


def test_a_service_that_lets_go_leaves_a_whole_file_that_others_can_open(tmp_path):
    first = new_service(tmp_path)
    first.open()
    apply(first, leaf("results.a", number("x", 1)))
    first.close_on_exit()
    assert not first.is_open
    whole = (tmp_path / "data.hdf5").read_bytes()
    second = HDF5StorageService(filename=tmp_path / "data.hdf5")
    assert items_of(second, "results.a")["x"].value == 1
    apply(second, leaf("results.b", number("x", 2)))
    del first
    assert paths(read(second, "results")) == ["results", "results.a", "results.b"]
    assert len(whole) <= (tmp_path / "data.hdf5").stat().st_size


@pytest.mark.parametrize(
    "made_by_others", [{"libver": "latest"}, {"fs_strategy": "fsm", "fs_persist": True}]
)
def test_a_file_that_hdf5_marks_while_it_is_open_is_closed_when_it_is_close_on_exit(
    tmp_path, made_by_others
):
    h5py.File(tmp_path / "data.hdf5", "w", **made_by_others).close()
    first = new_service(tmp_path)
    first.open()
    apply(first, leaf("results.a", number("x", 1)))
    first.close_on_exit()
    code = "import h5py, sys; print(*h5py.File(sys.argv[1], 'r+')['traj/results'])"
    reading = [sys.executable, "-c", code, str(tmp_path / "data.hdf5")]
    assert subprocess.run(reading, capture_output=True, timeout=100, text=True).stdout == "a\n"


def test_what_somebody_else_has_open_is_not_close_on_exit(tmp_path):
    first = new_service(tmp_path)
    first.open()
    second = HDF5StorageService(filename=tmp_path / "data.hdf5")
    second.open()
    apply(first, leaf("results.a", number("x", 1)))
    first.close_on_exit()
    apply(second, leaf("results.b", number("x", 2)))
    second.close()
    assert paths(read(second, "results")) == ["results", "results.a", "results.b"]


def test_reading_goes_on_while_another_service_stores(tmp_path):
    service = new_service(tmp_path)
    apply(service, *[leaf(f"results.r{index}", number("x", index)) for index in range(5)])
    other = HDF5StorageService(filename=service.filename)
    seen = []
    for record in service.read_nodes(
        TRAJ, "results", recursive=True, max_depth=None, wants=lambda path: True
    ):
        seen.append(record.path)
        apply(other, leaf(f"parameters.p{len(seen)}"))
    assert seen == ["results", *[f"results.r{index}" for index in range(5)]]
    assert len(read(service, "parameters")) == 7


def test_reading_goes_on_after_pandas_had_the_file(tmp_path):
    pd = pytest.importorskip("pandas")
    from pypet.records import FrameItem

    service = new_service(tmp_path)
    for name in ("a.one", "a.two", "b"):
        frame = FrameItem("f", "FRAME", pd.DataFrame({"x": [1]}))
        apply(service, leaf(f"results.{name}", frame, number("n", 1)))
    service.open()
    names = [record.path for record in read(service) if record.items]
    assert names == ["results.a.one", "results.a.two", "results.b"]
    apply(service, leaf("results.c", number("n", 1)))
    service.close()


def test_the_copy_of_a_pickled_service_is_closed(tmp_path):
    service = new_service(tmp_path, complevel=3)
    service.open()
    copy = pickle.loads(pickle.dumps(service))
    assert not copy.is_open
    assert copy.complevel == 3
    assert copy.trajectory_names() == [TRAJ]
    service.close()


def test_flushing_makes_data_visible_to_others(tmp_path):
    service = new_service(tmp_path)
    service.commit_interval = 1e9
    service.open()
    apply(service, leaf("results.a", number("x", 1), comment="c"))
    service.flush()
    code = (
        "import os; os.environ['HDF5_USE_FILE_LOCKING'] = 'FALSE'\n"
        "import h5py, sys\n"
        "file = h5py.File(sys.argv[1], 'r')\n"
        "print(file['traj/results/a/x'][()], file['traj/overview/results_summary'].shape[0])"
    )
    run = run_python("-c", code, service.filename)
    assert run.stdout.split() == ["1.0", "1"], run.stderr
    service.close()


def _store_in_child(filename, inherited, queue):
    try:
        queue.put(inherited.is_open)
        own = HDF5StorageService(filename=filename)
        apply(own, meta(), leaf("results.child", number("x", 1)))
        queue.put("stored")
    except BaseException as err:
        queue.put(repr(err))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_inherits_no_open_file(tmp_path):
    service = new_service(tmp_path)
    service.open()
    apply(service, leaf("results.a", number("x", 1)))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(
        target=_store_in_child, args=(str(tmp_path / "child.hdf5"), service, queue)
    )
    child.start()
    assert queue.get(timeout=100) is False
    assert queue.get(timeout=100) == "stored"
    child.join(100)
    assert child.exitcode == 0
    apply(service, *[leaf(f"results.b{index}", number("x", 2)) for index in range(100)])
    service.close()
    assert len(read(service, "results")) == 102
    assert len(read(HDF5StorageService(filename=tmp_path / "child.hdf5"), "results")) == 2


# ----- errors ----------------------------------------------------------------------------------


def test_loading_from_nowhere_is_an_error(tmp_path):
    service = HDF5StorageService(filename=tmp_path / "nowhere.hdf5")
    for load in (
        service.trajectory_names,
        lambda: service.read_meta(TRAJ, with_runs=True),
        lambda: read(service),
    ):
        with pytest.raises(ValueError, match=r"nowhere\.hdf5"):
            load()
    assert not os.path.exists(service.filename)


def test_storing_parts_of_an_unknown_trajectory_is_an_error(tmp_path):
    service = HDF5StorageService(filename=tmp_path / "nowhere.hdf5")
    with pytest.raises(ValueError, match=r"nowhere\.hdf5"):
        apply(service, group("results"))
    assert not os.path.exists(service.filename)


def test_an_unknown_trajectory_is_answered_with_the_known_ones(tmp_path):
    service = new_service(tmp_path)
    for ask in (
        lambda: service.read_meta("other", with_runs=True),
        lambda: list(
            service.read_nodes("other", "", recursive=True, max_depth=None, wants=lambda path: True)
        ),
        lambda: service.apply(type_of_request("other", group("results"))),
    ):
        with pytest.raises(ValueError, match=r"'other'.*'traj'"):
            ask()


def type_of_request(trajectory, *operations):
    from pypet.records import StoreRequest

    return StoreRequest(trajectory, operations)


def test_an_unknown_node_is_an_error(tmp_path):
    service = new_service(tmp_path)
    with pytest.raises(DataNotInStorageError, match=r"results\.nowhere"):
        read(service, "results.nowhere")


def test_files_of_other_kinds_are_refused(tmp_path):
    path = tmp_path / "data.hdf5"
    path.write_bytes(b"no such thing")
    service = HDF5StorageService(filename=path)
    with pytest.raises(StorageFormatError, match="not an HDF5 file"):
        service.trajectory_names()
    with pytest.raises(StorageFormatError, match="not an HDF5 file"):
        apply(service, meta())
    assert path.read_bytes() == b"no such thing"


def test_empty_files_hold_nothing_but_can_be_filled(tmp_path):
    path = tmp_path / "data.hdf5"
    path.touch()
    service = HDF5StorageService(filename=path)
    with pytest.raises(StorageFormatError, match="not an HDF5 file"):
        service.trajectory_names()
    apply(service, meta())
    assert service.trajectory_names() == [TRAJ]


def test_files_of_other_programs_can_be_shared(tmp_path):
    with h5py.File(tmp_path / "data.hdf5", "w") as file:
        file["theirs"] = [1, 2]
        file.create_group("group")
    service = new_service(tmp_path, file_title="mine")
    assert service.trajectory_names() == [TRAJ]
    with h5py.File(service.filename, "r") as file:
        assert file["theirs"][:].tolist() == [1, 2]


def test_cut_files_are_refused(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", number("x", 1)))
    with open(service.filename, "r+b") as stream:
        stream.truncate(os.path.getsize(service.filename) // 2)
    with pytest.raises(StorageFormatError, match="incomplete"):
        read(service)


def test_folders_that_cannot_be_made_are_named(tmp_path):
    (tmp_path / "file").write_text("")
    service = HDF5StorageService(filename=tmp_path / "file" / "x.hdf5")
    with pytest.raises(OSError, match=r"filename.*file"):
        apply(service, meta())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folders_and_files_without_permission_are_named(tmp_path):
    service = new_service(tmp_path)
    os.chmod(service.filename, 0o400)
    with pytest.raises(PermissionError, match=r"data\.hdf5"):
        apply(service, group("results"))
    os.chmod(tmp_path, 0o500)
    with pytest.raises(PermissionError, match=r"other\.hdf5"):
        apply(HDF5StorageService(filename=tmp_path / "other.hdf5"), meta())
    os.chmod(tmp_path, 0o700)


def test_files_in_use_by_another_process_are_named(tmp_path):
    service = new_service(tmp_path, lock_timeout=0)
    code = "import h5py, sys; f = h5py.File(sys.argv[1], 'a'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, service.filename],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(BlockingIOError, match="another process"):
            apply(service, group("results"))
        with pytest.raises(BlockingIOError, match="another process"):
            service.trajectory_names()
        other.communicate("\n", timeout=100)
    apply(service, group("results"))


# ----- settings --------------------------------------------------------------------------------


def test_settings_have_their_names_and_comments():
    settings = HDF5StorageService(complevel=3).settings()
    assert len(settings) == 16
    assert settings["complevel"][0] == 3
    assert settings["overview.results_summary"][0] is True
    assert settings["overview.results_overview"][0] is False
    assert all(comment for _, comment in settings.values())


def test_adopted_settings_win():
    service = HDF5StorageService()
    service.adopt_settings(
        {
            "complevel": np.int64(2),
            "encoding": np.str_("latin1"),
            "shuffle": np.bool_(False),
            "x": 1,
        }
    )
    assert (service.complevel, service.encoding, service.shuffle) == (2, "latin1", False)
    assert type(service.complevel) is int
    assert service.complib == "zlib"


def test_pandas_formats_are_checked_when_set():
    service = HDF5StorageService(pandas_format="nonsense")
    service.pandas_format = "t"
    with pytest.raises(ValueError, match="nonsense"):
        service.pandas_format = "nonsense"


def test_options_are_the_arguments_of_the_constructor():
    import inspect

    arguments = dict(inspect.signature(HDF5StorageService).parameters)
    arguments.pop("trajectory")
    declared = {option.name: option.default for option in HDF5StorageService.options}
    assert declared == {name: argument.default for name, argument in arguments.items()}
    assert list(declared) == list(arguments)


def test_importing_the_plugin_imports_no_heavy_package():
    code = (
        "import sys, pypet.storage_backends.hdf5 as plugin\n"
        "plugin.HDF5StorageService().settings()\n"
        "print(sorted({'h5py', 'tables', 'pandas'} & set(sys.modules)))"
    )
    run = run_python("-c", code)
    assert run.stdout.strip() == "[]", run.stderr


def test_large_numbers_of_runs_and_flags_are_named_on_the_class():
    assert HDF5StorageService.NAME_TABLE_MAPPING["_overview_results"] == "results_overview"
    assert HDF5StorageService.ATTR_LIST[0] == "complevel"
    assert HDF5StorageService.TYPE_FLAG_MAPPING[dict] == "DICT"
    assert HDF5StorageService.TYPE_FLAG_MAPPING[np.ndarray] == "CARRAY"


def test_a_request_may_bring_the_trajectory_and_its_first_nodes(tmp_path):
    service = HDF5StorageService(filename=tmp_path / "x.hdf5")
    put: PutMeta = meta(2, runs=run_rows(2))
    apply(service, put, leaf("results.r", number("x", 1)))
    assert paths(read(service)) == ["", "results", "results.r"]


# ----- messages about open files ---------------------------------------------------------------


@pytest.mark.parametrize("message", ["CLOSE_FILE", "FLUSH"])
def test_a_closed_file_is_flushed_and_closed_only_for_a_trajectory(tmp_path, message):
    service = new_service(tmp_path)
    with pytest.raises(ValueError, match=f"{message}.*trajectory_name"):
        service.store(message, None)
    service.store(message, None, trajectory_name=TRAJ)
    service.store("OPEN_FILE", None, trajectory_name=TRAJ)
    service.store("FLUSH", None)
    service.store("CLOSE_FILE", None)
    assert not service.is_open


# ----- files that lose their name while they are open --------------------------------------------


@pytest.mark.parametrize("loss", ["deleted", "moved", "replaced"])
@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files in place")
def test_storing_in_a_file_that_is_gone_is_an_error(tmp_path, loss):
    path = tmp_path / "x.hdf5"
    service = HDF5StorageService(filename=path)
    apply(service, meta())
    service.open()
    if loss == "deleted":
        path.unlink()
    else:
        path.rename(tmp_path / "moved.hdf5")
    if loss == "replaced":
        path.write_bytes(b"another file")
    with pytest.raises(FileNotFoundError, match="was deleted, moved or replaced") as caught:
        service.flush()
    assert caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError):
        service.close()
    assert not service.is_open
    if loss == "moved":
        moved = HDF5StorageService(filename=tmp_path / "moved.hdf5")
        assert moved.trajectory_names() == [TRAJ]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps open files in place")
def test_an_experiment_whose_file_is_deleted_does_not_pretend_to_be_stored(tmp_path):
    path = tmp_path / "x.hdf5"

    def delete(traj):
        if traj.v_idx == 1:
            path.unlink()
        traj.f_add_result("z", traj.x)

    env = Environment("gone", filename=path, log_config=None, report_progress=False)
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [1, 2, 3]})
    with pytest.raises(FileNotFoundError, match="was deleted"):
        env.run(delete)
