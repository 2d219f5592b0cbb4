"""Whatever happens to the bytes of a file, loading it gives what was stored or a clear error."""

from __future__ import annotations

import json
import multiprocessing
import random
import warnings

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import Result, Trajectory, load_trajectory
from pypet.errors import DataNotInStorageError, StorageFormatError, VersionMismatchError
from pypet.utils.comparisons import nested_equal

ATTEMPTS = 200
DOCUMENTED = (StorageFormatError, DataNotInStorageError, VersionMismatchError)


@pytest.fixture
def filename(tmp_path):
    traj = Trajectory("t", filename=str(tmp_path / "sound.hdf5"), comment="a trajectory")
    traj.f_add_parameter("x", 1.0, comment="explored")
    traj.f_add_parameter("group.numbers", np.arange(300))
    traj.f_explore({"x": [1.0, 2.0, 3.0]})
    for run in range(3):
        path = f"results.runs.run_{run:08d}"
        traj.f_add_result(f"{path}.z", 2.0 * run, many=np.arange(50.0) * run, comment="same")
        traj.f_add_result(f"{path}.text", "text", table={"a": [1, 2], "b": ["c", "d"]})
    traj.f_store()
    return str(tmp_path / "sound.hdf5")


def content(filename):
    """Return kind, comment and data of all nodes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traj = load_trajectory("t", filename=filename, load_data=2)
    return {
        node.v_full_name: (
            type(node).__name__,
            node.v_comment,
            node.f_to_dict() if isinstance(node, Result) else node.v_is_leaf and node.f_get(),
        )
        for node in traj.f_iter_nodes(recursive=True)
    }


def change(data, kind, rng):
    position = rng.randrange(len(data))
    if kind == "cut":
        return data[:position]
    changed = bytearray(data)
    if kind == "bit":
        changed[position] ^= 1 << rng.randrange(8)
    else:
        end = min(len(data), position + rng.choice([8, 64, 512, 4096]))
        changed[position:end] = bytes(end - position)
    return bytes(changed)


def attempt(filename, sound):
    """Return what becomes of loading a file."""
    try:
        found = content(filename)
    except Exception as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
        is_documented = isinstance(error, DOCUMENTED) or "while loading" in text
        return "told" if is_documented and filename in text else f"{error!r} {text}"
    return "equal" if nested_equal(found, sound) else "differs"


def try_all(filename, kind, report):
    rng = random.Random(1)
    sound = content(filename)
    with open(filename, "rb") as stream:
        data = stream.read()
    outcomes = []
    damaged = filename.replace("sound", "damaged")
    for _ in range(ATTEMPTS):
        with open(damaged, "wb") as stream:
            stream.write(change(data, kind, rng))
        outcomes.append(attempt(damaged, sound))
    with open(report, "w") as stream:
        json.dump(outcomes, stream)


@pytest.mark.parametrize("kind", ["bit", "zeros", "cut"])
def test_damage_is_reported(filename, tmp_path, kind):
    # In a process of its own, because the HDF5 library might not survive it.
    report = tmp_path / "report.json"
    process = multiprocessing.get_context("spawn").Process(
        target=try_all, args=(filename, kind, str(report))
    )
    process.start()
    try:
        process.join(200)
        assert process.exitcode == 0
    finally:
        process.kill()
        process.join()
    outcomes = json.loads(report.read_text())
    assert [each for each in outcomes if each not in ("equal", "told", "differs")] == []
    assert outcomes.count("told") >= ATTEMPTS / 10
    assert outcomes.count("differs") == 0


# ----- values ----------------------------------------------------------------------------------

VALUES = {
    "numbers": np.arange(1_000) * 1.37,
    "few numbers": np.arange(5) * 7919 + 123456789,
    "many numbers": np.random.default_rng(1).standard_normal(50_000),
    "table": {"a": 123456789, "b": "text" * 5},
}


def extents_of(filename, node):
    """Return where the values of a dataset are in the file, and how many bytes."""
    with h5py.File(filename) as file:
        dataset = file[node].id
        chunks = [dataset.get_chunk_info(k) for k in range(dataset.get_num_chunks())]
        return [(chunk.byte_offset, chunk.size) for chunk in chunks]


@pytest.mark.parametrize("complevel", [0, 9])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_damaged_values_are_reported_with_fletcher32(tmp_path, value, complevel):
    filename = tmp_path / "sound.hdf5"
    traj = Trajectory("t", filename=filename, complevel=complevel, fletcher32=True, add_time=False)
    traj.f_add_result("r", v=value)
    traj.f_store()
    data = filename.read_bytes()
    rng = random.Random(1)
    for _ in range(5):
        start, size = rng.choice(extents_of(filename, "t/results/r/v"))
        changed = bytearray(data)
        changed[start + rng.randrange(size // 2)] ^= 1 << rng.randrange(8)
        damaged = tmp_path / "damaged.hdf5"
        damaged.write_bytes(changed)
        with pytest.raises(StorageFormatError, match=r"results[./]r.*damaged\.hdf5"):
            load_trajectory("t", filename=damaged, load_data=2)


def test_a_value_that_is_kept_in_a_header_is_checked_without_fletcher32(tmp_path):
    filename = tmp_path / "sound.hdf5"
    traj = Trajectory("t", filename=filename, add_time=False)
    traj.f_add_result("r", v=0.123456789)
    traj.f_store()
    data = filename.read_bytes()
    assert data.count(np.float64(0.123456789).tobytes()) == 1
    damaged = tmp_path / "damaged.hdf5"
    damaged.write_bytes(data.replace(np.float64(0.123456789).tobytes(), bytes(8)))
    with pytest.raises(StorageFormatError, match=r"results\.r.*damaged\.hdf5"):
        load_trajectory("t", filename=damaged, load_data=2)


def test_an_unknown_encoding_is_reported(tmp_path, caplog):
    filename = tmp_path / "damaged.hdf5"
    traj = Trajectory("t", filename=filename, add_time=False)
    traj.f_add_result("r", v="text")
    traj.f_store()
    with h5py.File(filename, "r+") as file:
        settings = file["t/overview/hdf5_settings"]
        rows = settings[:]
        rows["encoding"] = b"utf-none"
        settings[:] = rows
    loaded = load_trajectory("t", filename=filename, load_data=2)
    assert loaded.results.r.v == "text"
    assert "damaged.hdf5" in caplog.text
    assert "overview/hdf5_settings cannot be read" in caplog.text
