"""`HDF5StorageService.verify` and `salvage`, over all kinds of data."""

from __future__ import annotations

import contextlib
import logging
import pickle
import shutil
import warnings

import h5py
import numpy as np
import pandas as pd
import pytest

from pypet import PickleResult, SharedResult, Trajectory, load_trajectory
from pypet.errors import StorageFormatError
from pypet.shareddata import SharedArray
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.hdf5.nodes import verification
from tests.storage_backends.hdf5.nodes.test_hdf5_kinds_of_data import VALUES

pytestmark = pytest.mark.timeout(120)

UNCHECKED = "results.shared"
"""Shared data changes where it is and has no checksum."""


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    logging.disable(logging.ERROR)  # of values that cannot be stored
    try:
        yield written(tmp_path_factory)
    finally:
        logging.disable(logging.NOTSET)


def written(tmp_path_factory):
    filename = str(tmp_path_factory.mktemp("kinds") / "kinds.hdf5")
    traj = Trajectory("t", filename=filename, add_time=False)
    traj.f_add_parameter("group.x", 1.0, comment="a number")
    traj.f_get("group").v_annotations.f_set(pickled={"a": 1}, array=np.arange(600.0), text="x")
    traj.f_add_result("array", np.arange(5000.0), comment="numbers")
    traj.f_add_result(PickleResult, "pickled", {"any": pd.DataFrame({"a": [object]})})
    traj.f_add_link("link", traj.f_get("results.array"))
    traj.f_store()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number, value in enumerate(VALUES.values()):
            with contextlib.suppress(Exception):  # not every class takes every value
                traj.f_store_item(traj.f_add_result(f"kinds.k{number}", item=value))
    shared = traj.f_add_result(SharedResult, "shared", array=SharedArray())
    traj.f_store_item(shared)
    shared.array.create_shared_data(obj=np.arange(100.0))
    return filename


@pytest.fixture
def filename(original, tmp_path):
    return str(shutil.copy(original, tmp_path / "copy.hdf5"))


def service(filename):
    return HDF5StorageService(filename, unpickle="never")


def leaves_with_values(filename):
    """Yield the leaf of each dataset, and where its values are that are not in its header."""
    found = []

    def visit(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        parts = name.split("/")
        depth = next(
            (
                size
                for size in range(1, len(parts) + 1)
                if "SRVC_LEAF" in file["t/" + "/".join(parts[:size])].attrs
            ),
            None,
        )
        if depth is None or item.dtype.hasobject:
            return
        dataset = item.id
        places = (
            [dataset.get_chunk_info(index) for index in range(dataset.get_num_chunks())]
            if item.chunks
            else []
        )
        spans = [(chunk.byte_offset, chunk.size) for chunk in places]
        if not item.chunks and dataset.get_offset() is not None:
            spans = [(dataset.get_offset(), dataset.get_storage_size())]
        found.extend((".".join(parts[:depth]), *span) for span in spans if span[1])

    with h5py.File(filename, "r") as file:
        file["t"].visititems(visit)
    return found


def test_everything_is_sound_as_it_was_stored(filename, monkeypatch):
    monkeypatch.setattr(pickle, "loads", None)
    monkeypatch.setattr(pickle, "load", None)
    assert list(service(filename).verify("t")) == []


def test_a_change_is_found_in_whatever_kind_of_data(filename):
    places = [each for each in leaves_with_values(filename) if each[0] != UNCHECKED]
    damaged = {path for path, *_ in places}
    assert len(damaged) > 20
    with open(filename, "r+b") as file:
        for _, start, size in places:
            # More than a bit: other distances between the zeros of a packed chunk are no damage.
            file.seek(start + size // 3)
            bytes_there = file.read(min(3, size - size // 3))
            file.seek(start + size // 3)
            file.write(bytes(byte ^ 0xFF for byte in bytes_there))
    found = {finding.path for finding in service(filename).verify("t") if finding.level == "error"}
    assert damaged <= found
    assert UNCHECKED not in found


def test_large_leaves_are_read_item_by_item(filename, monkeypatch):
    monkeypatch.setattr(verification, "_MOST_BYTES_TOGETHER", 10)
    (path, start, size), *_ = [each for each in leaves_with_values(filename) if "array" in each[0]]
    with open(filename, "r+b") as file:
        file.seek(start + size // 2)
        file.write(b"\xff\x00\xff")
    (finding,) = service(filename).verify("t")
    assert (finding.level, finding.path) == ("error", path)


def test_groups_that_cannot_be_opened_are_found(filename):
    with h5py.File(filename, "r") as file:
        header = h5py.h5o.get_info(file["t/results/kinds"].id).addr
    with open(filename, "r+b") as file:
        file.seek(header + 10)
        file.write(b"\xff" * 8)
    (finding,) = service(filename).verify("t")
    assert (finding.level, finding.path) == ("error", "results.kinds")


def test_unknown_trajectories_and_no_files_are_errors(filename, tmp_path):
    with pytest.raises(ValueError, match="There is no trajectory 'other'"):
        list(service(filename).verify("other"))
    with pytest.raises(ValueError, match="There is no file"):
        list(service(str(tmp_path / "missing.hdf5")).verify("t"))
    (tmp_path / "text.hdf5").write_text("no HDF5")
    with pytest.raises(StorageFormatError):
        list(service(str(tmp_path / "text.hdf5")).verify("t"))


def test_what_is_salvaged_is_as_it_was(filename, tmp_path, monkeypatch):
    target = HDF5StorageService(str(tmp_path / "new.hdf5"))
    with monkeypatch.context() as patched:
        patched.setattr(pickle, "loads", None)
        copied, lost = service(filename).salvage(target, "t", ["results.array"])
    assert lost == []
    assert "results.kinds.k0" in copied
    assert "results.array" not in copied
    before = load_trajectory("t", filename=filename, load_data=2)
    after = load_trajectory("t", filename=target.filename, load_data=2)
    expected = {node.v_full_name for node in before.f_iter_nodes(recursive=True)}
    assert {node.v_full_name for node in after.f_iter_nodes(recursive=True)} == expected - {
        "results.array"
    }
    group = after.f_get("parameters.group")
    assert group.v_annotations.pickled == {"a": 1}
    assert np.array_equal(group.v_annotations.array, np.arange(600.0))
    assert after.f_get("x").f_get() == 1.0
    assert after.f_get("x").v_comment == "a number"
    assert repr(after.f_get("pickled").pickled) == repr(before.f_get("pickled").pickled)
    assert np.array_equal(after.f_get("shared").array.read(), np.arange(100.0))
    assert "link" not in after  # what it led to is not there
    assert list(HDF5StorageService(target.filename, unpickle="never").verify("t")) == []
