"""Comments come back as they were given, whatever is in them."""

from __future__ import annotations

import pickle

import pytest

pytest.importorskip("h5py")

import h5py
import numpy as np

from pypet import Trajectory, load_trajectory
from pypet.storage_backends.hdf5 import HDF5StorageService

COMMENTS = [
    "a\0b",
    "\0",
    "ends\0",
    "ü\0\u4e2d\n",
    "\0Vx\np0\n.",
    "Va\\u0000b\np0\n.",
    "ends with a dot.",
    pickle.dumps("a\0b", 0).decode("ascii"),
]


@pytest.mark.parametrize("unpickle", ["trust", "safe", "never"])
@pytest.mark.parametrize("comment", COMMENTS)
def test_comments_with_nuls_come_back(tmp_path, comment, unpickle):
    filename = str(tmp_path / "a.hdf5")
    traj = Trajectory("t", filename=filename, comment=comment)
    traj.f_add_result("group.r", 1, comment=comment)
    traj.f_get("results.group").v_comment = comment
    traj.f_store()
    traj.f_store()
    loaded = load_trajectory("t", filename=filename, load_data=2, unpickle=unpickle)
    assert loaded.v_comment == comment
    assert loaded.f_get("group").v_comment == comment
    assert loaded.f_get("group.r").v_comment == comment
    service = HDF5StorageService(filename=filename, unpickle=unpickle)
    described = {node.path: node.comment for node in service.inspect_nodes("t")}
    assert described["results.group"] == described["results.group.r"] == comment
    assert service.inspect_meta("t")[0].info.comment == comment


@pytest.mark.parametrize(
    "raw",
    [
        b"Vthis \\u0000\n0cos\nsystem\np0\n.",
        b"V\\u0000\nV\\u0000\n\x87\np0\n.",
        b"V\\u0000\np0\n."[:-1],
    ],
)
def test_other_pickles_in_place_of_a_comment_are_text(tmp_path, raw):
    filename = str(tmp_path / "a.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_result("r", 1)
    traj.f_store()
    with h5py.File(filename, "r+") as file:
        file["t/results/r"].attrs["SRVC_INIT_COMMENT"] = np.bytes_(raw)
    loaded = load_trajectory("t", filename=filename, load_data=2, unpickle="trust")
    assert loaded.f_get("r").v_comment == raw.decode("utf8", "replace")
