"""``pypet repair``: what is sound is saved, what a journal has is restored, nothing is touched."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Environment, load_trajectory
from pypet.cli.app import main
from tests.plugins.resume.experiments import NAME, TIMEOUT_SECONDS, kill, start

pytestmark = pytest.mark.timeout(120)


def simulate(traj):
    traj.f_add_result("values", np.arange(1000.0) + traj.x)


@pytest.fixture
def filename(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    filename = str(tmp_path / "t.hdf5")
    with Environment(
        "t", filename=filename, complevel=0, log_config=None, report_progress=False
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2, 3]})
        env.traj.v_annotations.f_set(note={"any": "thing"})
        env.run(simulate)
        env.traj.f_add_link("shortcut", env.traj.f_get("parameters.x"))
        env.traj.f_store()
    return filename


def flip(path, values):
    """Change a bit of values wherever they are in a file."""
    with open(path, "r+b") as file:
        content = file.read()
        assert values in content
        changed = bytearray(values)
        changed[len(values) // 2] ^= 1
        file.seek(0)
        file.write(content.replace(values, bytes(changed)))


def content_of(path):
    with open(path, "rb") as file:
        return file.read()


def test_a_sound_file_needs_no_repair(filename, tmp_path, capsys):
    assert main(["repair", filename]) == 0
    assert capsys.readouterr().out == (
        f"{filename}: nothing is broken, so there is nothing to repair\n"
    )
    assert [each.name for each in tmp_path.iterdir()] == ["t.hdf5"]


def test_what_is_sound_comes_into_a_new_file(filename, tmp_path, capsys):
    flip(filename, (np.arange(1000.0) + 2).tobytes())
    before = content_of(filename)
    assert main(["repair", filename]) == 1
    output = capsys.readouterr().out
    assert f"new file    {tmp_path / 't.repaired.hdf5'}\n" in output
    assert "1 lost" in output
    assert content_of(filename) == before
    report = (tmp_path / "t.repaired.txt").read_text()
    assert "lost  t.results.runs.run_00000001.values  " in report
    saved = load_trajectory("t", filename=str(tmp_path / "t.repaired.hdf5"), load_data=2)
    assert saved.f_get_explored_parameters()["parameters.x"].f_get_range() == [1, 2, 3]
    assert saved.v_annotations.note == {"any": "thing"}
    assert saved.f_get("shortcut").v_full_name == "parameters.x"
    found = saved.f_get_from_runs("values", fast_access=True)
    assert list(found) == ["run_00000000", "run_00000002"]
    assert saved.f_is_completed()
    assert main(["verify", str(tmp_path / "t.repaired.hdf5")]) == 0


def test_a_damaged_overview_is_rebuilt(filename, tmp_path, capsys):
    with h5py.File(filename, "r+") as file:
        header = h5py.h5o.get_info(file["t/overview/info"].id).addr
    with open(filename, "r+b") as file:
        file.seek(header + 8)
        file.write(bytes(8))
    assert main(["verify", filename]) == 1
    capsys.readouterr()
    assert main(["repair", filename]) == 0
    assert "0 lost" in capsys.readouterr().out
    assert "rebuilt  t  overview/info cannot be read" in (tmp_path / "t.repaired.txt").read_text()
    saved = load_trajectory("t", filename=str(tmp_path / "t.repaired.hdf5"), load_data=2)
    assert saved.f_is_completed()
    assert len(saved) == 3


def test_nothing_is_ever_overwritten(filename, tmp_path, capsys):
    flip(filename, (np.arange(1000.0) + 2).tobytes())
    (tmp_path / "t.repaired.hdf5").write_text("mine")
    assert main(["repair", filename]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "t.repaired.hdf5").read_text() == "mine"
    assert main(["repair", filename, "--output", str(tmp_path / "other.hdf5")]) == 1
    assert (tmp_path / "other.hdf5").exists()


# ----- with a journal --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dead(tmp_path_factory):
    """The folder of an experiment that was executed to its end, but for a run that failed."""
    folder = tmp_path_factory.mktemp("dead")
    process = start(folder)
    try:
        (folder / "go").touch()
        assert process.wait(timeout=TIMEOUT_SECONDS) == 0
    finally:
        kill(process)
    shutil.copy(folder / "exp.hdf5", folder / "kept.hdf5")
    return folder


@pytest.fixture
def killed(dead):
    shutil.copy(dead / "kept.hdf5", dead / "exp.hdf5")
    yield dead
    for name in ("exp.repaired.hdf5", "exp.repaired.txt"):
        (dead / name).unlink(missing_ok=True)


def check_restored(folder):
    saved = load_trajectory(NAME, filename=str(folder / "exp.repaired.hdf5"), load_data=2)
    assert saved.f_get("x").f_get_range() == list(range(6))
    assert saved.f_get("parameters.x").v_comment == "a number"
    found = saved.f_get_from_runs("z", fast_access=True)
    assert found == {f"run_{run:08d}": run * 10.0 for run in (0, 1, 3, 4, 5)}
    assert [run for run in range(6) if saved.f_is_completed(run)] == [0, 1, 3, 4, 5]


def test_what_is_damaged_is_restored_from_the_journal(killed, capsys):
    flip(killed / "exp.hdf5", b"of run 1")
    assert main(["verify", str(killed / "exp.hdf5")]) == 1
    assert main(["repair", str(killed / "resume")]) == 0
    output = capsys.readouterr().out
    assert "0 lost" in output
    assert f"restored from {killed / 'resume' / NAME}" in output
    check_restored(killed)
    assert (killed / "exp.repaired.txt").read_text().count("restored  exp.results") == 1


@pytest.mark.parametrize("damage", [b"no HDF5 any more", None])
def test_a_file_that_is_lost_is_made_anew(killed, damage, capsys):
    if damage is None:
        (killed / "exp.hdf5").unlink()
    else:
        (killed / "exp.hdf5").write_bytes(damage)
    status = main(["repair", str(killed / "exp.hdf5"), "--resume-folder", str(killed / "resume")])
    assert status == 0
    assert "0 lost" in capsys.readouterr().out
    check_restored(killed)


def test_a_journal_that_the_file_names_is_pointed_to_but_not_read(
    killed, tmp_path, capsys, caplog, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    flip(killed / "exp.hdf5", b"of run 1")
    assert main(["repair", str(killed / "exp.hdf5")]) == 1
    output = capsys.readouterr().out
    assert "1 lost" in output
    assert "restored" not in output
    (warning,) = caplog.messages
    assert f"--resume-folder {killed / 'resume'}" in warning


def test_a_running_experiment_is_left_alone(tmp_path, capsys):
    process = start(tmp_path)
    try:
        status = main(["repair", str(tmp_path / "resume")])
    finally:
        kill(process)
    assert status == 1
    assert "is running and stores into" in capsys.readouterr().err


def test_what_is_not_there_cannot_be_repaired(tmp_path, capsys):
    assert main(["repair", str(tmp_path / "missing.hdf5")]) == 1
    assert "There is no file" in capsys.readouterr().err
