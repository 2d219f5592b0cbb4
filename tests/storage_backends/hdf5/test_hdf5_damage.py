"""Whatever happens to the bytes of a file, loading it gives what was stored or a clear error."""

from __future__ import annotations

import json
import multiprocessing
import random
import warnings

import numpy as np
import pytest

pytest.importorskip("h5py")

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
def test_damage_is_told(filename, tmp_path, kind):
    # In a process of its own, because the HDF5 library might not survive it.
    report = tmp_path / "report.json"
    process = multiprocessing.get_context("spawn").Process(
        target=try_all, args=(filename, kind, str(report))
    )
    process.start()
    process.join(90)
    assert process.exitcode == 0
    outcomes = json.loads(report.read_text())
    assert [each for each in outcomes if each not in ("equal", "told", "differs")] == []
    assert outcomes.count("told") >= ATTEMPTS / 10
    # The oldest format of groups, which every reader knows, has no checksums, nor has data.
    assert outcomes.count("differs") <= (0 if kind == "cut" else ATTEMPTS / 25)
