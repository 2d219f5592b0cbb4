"""The ending of a file chooses its storage service, whoever provides it."""

from __future__ import annotations

import subprocess
import warnings
from pathlib import Path

import pytest

from pypet import Environment, Trajectory, load_trajectory, merge_all_in_folder
from pypet.__main__ import main
from pypet.manager import get_manager
from tests.plugin_folders import storage_plugin

THIRD_PARTY = Path(__file__).parents[1] / "third_party" / "shelf_store.py"


@pytest.fixture
def shelf(install):
    """Install the storage service ``shelf``, which claims files that end in ``.shelf``."""
    source = THIRD_PARTY.read_text(encoding="utf-8").replace("shelf_file", "filename")
    claim = '    file_extensions = (".shelf", ".sh2")\n    name: ClassVar[str] = "shelf"\n'
    source = source.replace('    name: ClassVar[str] = "shelf"\n', claim)
    install("pypet-shelf", "shelf", shelf_with_ending=source)


def simulate(traj):
    traj.f_add_result("z", traj.x * 2, comment="doubled")


@pytest.fixture
def stored(shelf, tmp_path):
    file = tmp_path / "data.shelf"
    with Environment("test", filename=file, log_config=None, report_progress=False) as env:
        env.traj.f_add_parameter("x", 1)
        env.traj.f_explore({"x": [1, 2]})
        env.run(simulate)
        assert env.traj.v_storage_service.name == "shelf"
    return str(file)


def test_loading_finds_the_service_of_a_filename(stored):
    traj = load_trajectory("test", filename=stored, load_results=2)
    assert traj.f_get("results.runs.run_00000001.z").z == 4
    assert load_trajectory(filename=stored).v_storage_service.name == "shelf"
    assert load_trajectory(stored).v_storage_service.name == "shelf"


def test_a_service_that_is_named_is_used(stored):
    with pytest.raises((ValueError, OSError)):
        load_trajectory("test", filename=stored, storage_service="hdf5")


def test_a_trajectory_finds_the_service(shelf, tmp_path):
    assert Trajectory("t", filename=tmp_path / "a.SHELF").v_storage_service.name == "shelf"


def test_an_unknown_ending_names_those_that_are_known(shelf, tmp_path):
    expected = r"'.odd'.*'hdf5' end in .hdf5, .*'shelf' end in .shelf, .sh2\."
    with pytest.raises(ValueError, match=expected):
        Trajectory("t", filename=tmp_path / "a.odd")


def test_other_endings_stay_with_the_default(shelf, tmp_path):
    pytest.importorskip("h5py")
    with Environment("t", filename=tmp_path / "a.odd", log_config=None) as env:
        assert env.traj.v_storage_service.name == "hdf5"


def test_show_describes_what_any_service_keeps(stored, capsys):
    assert main(["show", stored]) == 0
    assert "test" in capsys.readouterr().out
    assert main(["show", stored, "test"]) == 0
    text = capsys.readouterr().out
    assert "results.runs.$.z" in text
    assert "2 runs, 1 to 2, int" in text
    assert main(["show", str(Path(stored).parent)]) == 0
    assert "data.shelf" in capsys.readouterr().out


@pytest.fixture(params=["files", "folders"])
def parts(request, install, tmp_path):
    """Two files, or folders, of a storage service with a trajectory each, beside other things."""
    source = THIRD_PARTY.read_text(encoding="utf-8").replace("shelf_file", "filename")
    claim = '    file_extensions = (".part",)\n    name: ClassVar[str] = "parts"\n'
    source = source.replace('    name: ClassVar[str] = "shelf"\n', claim)
    if request.param == "folders":
        inside = 'Path(filename) / "requests"; self.path.parent.mkdir(exist_ok=True)'
        source = source.replace("Path(filename)\n", f"{inside}\n")
    install("pypet-parts", f"parts-{request.param}", **{f"parts_in_{request.param}": source})
    for number in range(2):
        traj = Trajectory(f"t{number}", filename=tmp_path / f"t{number}.part", add_time=False)
        traj.f_add_parameter("x", 0)
        traj.f_explore({"x": [number]})
        traj.f_store()
    (tmp_path / "notes.txt").write_text("no storage")
    (tmp_path / "backup_t0.part").write_text("left out")
    return tmp_path


@pytest.mark.parametrize("ext", [".part", None])
def test_all_storages_of_a_folder_are_merged(parts, ext):
    merged = merge_all_in_folder(parts, ext=ext, backup=False, delete_other_files=True)
    assert merged.f_get("x").f_get_range() == [0, 1]
    assert merged.v_storage_service.name == "parts"
    left = {path.name for path in parts.iterdir()}
    assert left & {"t0.part", "t1.part", "notes.txt", "backup_t0.part"} == {
        "t0.part",
        "notes.txt",
        "backup_t0.part",
    }


def test_what_cannot_be_merged_names_the_endings_that_are_there(parts, tmp_path):
    with pytest.raises(ValueError, match=r"no file \*\.hdf5 .*ext='\.part', or None for all"):
        merge_all_in_folder(parts)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ValueError, match=r"no file of any storage service in folder '.*' to merge\.$"
    ):
        merge_all_in_folder(tmp_path / "empty", ext=None)


def test_checkout_restores_code_from_any_service(shelf, tmp_path, monkeypatch, capsys):
    pytest.importorskip("git")
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "script.py").write_text("print(1)\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=repository, check=True)
    file = tmp_path / "data.shelf"
    options = {"git_repository": str(repository), "git_commit": False, "log_config": None}
    with Environment("test", filename=file, **options) as env:
        env.run(lambda traj: None)
    monkeypatch.chdir(repository)
    assert main(["checkout", str(file), "test", str(tmp_path / "code")]) == 0
    assert (tmp_path / "code" / "script.py").read_text() == "print(1)\n"


def test_endings_are_checked(install, third_party):
    source = storage_plugin("shelf").replace(
        "name = 'shelf'", "name = 'shelf'\n    file_extensions = ('shelf',)"
    )
    install("shelves", shelf=source)
    manager = third_party()
    manager.load_all()
    assert "file_extensions must be a tuple of endings" in manager.entries[0].reason


def test_the_default_service_keeps_its_endings(install):
    source = storage_plugin("aaa").replace(
        "name = 'aaa'", "name = 'aaa'\n    file_extensions = ('.hdf5', '.aaa')"
    )
    install("aaa", "aaa", aaa_store=source)
    manager = get_manager()
    assert manager.storage_service_of_file(".HDF5", "hdf5") == "hdf5"
    assert manager.storage_service_of_file(".aaa", "hdf5") == "aaa"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert manager.storage_service_of_file(".none", "hdf5") is None
