"""``pypet verify``: what is broken in files and journals, and what only looks so."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import zlib

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Environment, PickleResult, Trajectory
from pypet.cli.app import main
from pypet.plugins.resume.journal.frames import HEADER_BYTES, Kind
from pypet.plugins.resume.journal.segments import SegmentReader
from pypet.storage_backends.hdf5.files import redo_log
from pypet.storage_backends.memory import MemoryStorageService
from tests.plugins.resume.experiments import NAME, kill, start

pytestmark = pytest.mark.timeout(120)


class Bomb:
    """Cannot be unpickled without running code of nobody's choice."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def simulate(traj):
    traj.f_add_result("values", np.arange(1000.0) + traj.x)
    if traj.x == 3:
        raise ValueError("three")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    filename = str(tmp_path_factory.mktemp("sound") / "sound.hdf5")
    env = Environment(
        "t", filename=filename, complevel=0, log_config=None, report_progress=False,
        on_error="continue",
    )  # fmt: skip
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [1, 2, 3]})
    env.run(simulate)
    env.traj.f_add_result(PickleResult, "bomb", Bomb())
    env.traj.f_get("bomb").v_annotations.f_set(note={"a": 1})
    env.traj.f_store()
    return filename


@pytest.fixture
def filename(original, tmp_path):
    return str(shutil.copy(original, tmp_path / "copy.hdf5"))


def verified(capsys, *arguments):
    status = main(["verify", *map(str, arguments), "--json"])
    output = capsys.readouterr()
    assert output.err == ""
    content = json.loads(output.out)
    return status, content["findings"], content


def flip(path, position):
    with open(path, "r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 1]))


def place_of(filename, values):
    with open(filename, "rb") as file:
        return file.read().index(values.tobytes())


def test_a_sound_file_has_no_errors_and_nothing_is_unpickled(filename, capsys, monkeypatch):
    monkeypatch.setattr(pickle, "loads", None)
    assert main(["verify", filename]) == 0
    assert capsys.readouterr().out.endswith(f"{filename}: 0 errors, 0 warnings, 0 notes\n")


def test_a_changed_value_is_found_where_it_is(filename, capsys):
    flip(filename, place_of(filename, np.arange(1000.0) + 2) + 80)
    status, (finding,), _ = verified(capsys, filename)
    assert status == 1
    assert (finding["level"], finding["file"], finding["trajectory"], finding["node"]) == (
        "error",
        filename,
        "t",
        "results.runs.run_00000001.values",
    )
    assert "do not fit their checksum" in finding["text"]
    assert "pypet repair" in finding["advice"]
    assert main(["verify", filename, "t"]) == 1
    line, _ = capsys.readouterr().out.splitlines()
    assert line.startswith(f"error    {filename}  t.results.runs.run_00000001.values: Item ")


def test_the_run_table_is_compared_with_the_data(filename, capsys):
    with h5py.File(filename, "r+") as file:
        del file["t/results/runs/run_00000000"]
        rows = file["t/overview/runs"][:]
        rows["completed"][1] = 0
        rows["completed"][2] = 1
        file["t/overview/runs"][:] = rows
        file["t/results/runs"].copy("run_00000001", "run_00000007")
        file["t/results/runs"].copy("run_00000001", "run_00000002")
    status, findings, _ = verified(capsys, filename)
    texts = [(each["level"], each["node"], each["text"].partition(",")[0]) for each in findings]
    assert ("warning", "results.runs", "run_00000000 is completed") in texts
    assert ("warning", "results.runs", "run_00000001 is not completed") in texts
    assert ("warning", "results.runs", "run_00000007 is not in the run table") in texts
    assert status == (1 if any(level == "error" for level, *_ in texts) else 0)


def test_a_damaged_overview_is_an_error_and_a_missing_one_is_not(filename, capsys):
    with h5py.File(filename, "r+") as file:
        del file["t/overview/info"]
    status, (finding,), _ = verified(capsys, filename)
    assert (status, finding["level"]) == (0, "warning")
    assert finding["text"].startswith("overview/info is missing")


def test_what_is_no_file_of_trajectories_is_broken(tmp_path, capsys):
    path = tmp_path / "text.hdf5"
    path.write_text("no HDF5")
    status, (finding,), _ = verified(capsys, path)
    assert (status, finding["level"]) == (1, "error")
    assert "is not an HDF5 file" in finding["text"]
    assert main(["verify", str(tmp_path / "missing.hdf5")]) == 1
    assert "There is no file" in capsys.readouterr().err


def test_an_unknown_trajectory_is_an_error(filename, capsys):
    assert main(["verify", filename, "other"]) == 1
    assert "there are: t" in capsys.readouterr().err


def test_a_commit_that_was_not_finished_is_told(filename, capsys):
    descriptor = os.open(filename, os.O_RDWR)
    size = os.fstat(descriptor).st_size
    page = bytearray(os.pread(descriptor, redo_log.PAGE_BYTES, 0))
    redo_log.write_log(descriptor, {0: page}, size)
    os.close(descriptor)
    status, (finding,), _ = verified(capsys, filename)
    assert (status, finding["level"]) == (0, "note")
    assert "redo log" in finding["text"]
    assert os.path.getsize(filename) == size


def test_other_services_say_that_they_cannot_be_verified():
    traj = Trajectory("t", storage_service=MemoryStorageService())
    with pytest.raises(TypeError, match="cannot verify"):
        list(traj.v_storage_service.verify("t"))


# ----- journals --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dead(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dead")
    kill(start(folder))
    return folder


@pytest.fixture
def journal(dead, tmp_path):
    return shutil.copytree(dead / "resume", tmp_path / "resume") / NAME


def segment_of(folder):
    (path,) = folder.glob("*.rcnt")
    return path


def test_a_killed_experiment_is_not_broken(journal, dead, capsys):
    status, findings, content = verified(capsys, journal)
    assert (status, content["errors"]) == (0, 0)
    assert content["checked"] == [str(journal), str(dead / "exp.hdf5")]
    assert {each["level"] for each in findings} <= {"note", "warning"}


def test_damage_of_snapshot_and_segment_is_found(journal, capsys):
    snapshot, segment = journal / "environment.ecnt", segment_of(journal)
    flip(snapshot, snapshot.stat().st_size - 5)
    flip(segment, 70)
    segment.write_bytes(segment.read_bytes() + b"\xf1PJR torn")
    (journal / "environment.0.ncnt").write_bytes(b"")
    status, findings, _ = verified(capsys, journal)
    by_level = [(each["level"], os.path.basename(each["file"])) for each in findings]
    assert status == 1
    assert by_level == [
        ("error", "environment.ecnt"),
        ("note", "environment.0.ncnt"),
        ("error", segment.name),
        ("note", segment.name),
    ]


def test_a_commit_without_its_data_is_found(journal, capsys):
    segment = segment_of(journal)
    frames = [(each.kind, each.position, each.end) for each in SegmentReader(str(segment)).frames()]
    content = bytearray(segment.read_bytes())
    last = max(start for kind, start, _ in frames if kind is Kind.COMMIT)
    end = next(end for _, start, end in frames if start == last)
    header = content[last:end][:HEADER_BYTES]
    fields = list(struct.unpack("<4sBB2xqddQQI", header[:-4]))
    fields[6] = 1  # a frame of data that was never there
    packed = struct.pack("<4sBB2xqddQQI", *fields)
    content[last : last + len(header)] = packed + struct.pack("<I", zlib.crc32(packed))
    segment.write_bytes(bytes(content))
    status, findings, _ = verified(capsys, journal)
    assert status == 1
    (error,) = [each for each in findings if each["level"] == "error"]
    assert "data of it is missing before its commit" in error["text"]


def test_no_journal_is_an_error(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 1
    assert "no resumable experiment" in capsys.readouterr().err


def test_a_file_without_trajectories_is_reported(tmp_path, capsys):
    other = tmp_path / "other.hdf5"
    with h5py.File(other, "w") as file:
        file["values"] = [1, 2]
    assert main(["verify", str(other)]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first.startswith("warning")
    assert "the file has no trajectories" in first
    assert last == f"{other}: 0 errors, 1 warning, 0 notes"
