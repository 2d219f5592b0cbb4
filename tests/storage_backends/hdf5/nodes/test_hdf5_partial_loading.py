"""Loading all of a damaged file but what is damaged."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")

import h5py

from pypet import PickleResult, Trajectory, load_trajectory
from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5 import HDF5StorageService


class Opaque:
    """A class that nobody admits."""


@pytest.fixture
def filename(tmp_path):
    """A file with the nodes ``results.<group>.<leaf>``, three by three."""
    traj = Trajectory("t", filename=tmp_path / "t.hdf5")
    traj.f_add_parameter("x", 1)
    for group in "abc":
        for leaf in "uvw":
            traj.f_add_result(f"{group}.{leaf}", np.arange(2000.0), number=5)
    traj.f_store()
    return tmp_path / "t.hdf5"


def names_below(traj):
    return sorted(name.removeprefix("results.") for name in traj.f_get_results())


ALL = sorted(f"{group}.{leaf}" for group in "abc" for leaf in "uvw")


def load(filename, **options):
    return load_trajectory("t", filename=filename, load_data=2, **options)


def damage_data(filename):
    with h5py.File(filename) as file:
        chunk = file["t/results/b/v/v"].id.get_chunk_info(0)
    data = bytearray(filename.read_bytes())
    data[chunk.byte_offset : chunk.byte_offset + 64] = bytes(64)
    filename.write_bytes(data)
    return "results.b.v", ALL[:4] + ALL[5:]


def damage_header(filename):
    with h5py.File(filename) as file:
        address = h5py.h5g.get_objinfo(file["t/results/b/v"].id, b".").objno[0]
    data = bytearray(filename.read_bytes())
    data[address : address + 64] = b"\xff" * 64
    filename.write_bytes(data)
    return "results.b.v", ALL[:4] + ALL[5:]


def damage_group(filename):
    with h5py.File(filename) as file:
        address = h5py.h5g.get_objinfo(file["t/results/b"].id, b".").objno[0]
    data = bytearray(filename.read_bytes())
    data[address : address + 64] = b"\xff" * 64
    filename.write_bytes(data)
    return "results.b", ALL[:3] + ALL[6:]


def lose_class(filename):
    with h5py.File(filename, "r+") as file:
        del file["t/results/b/v"].attrs["SRVC_INIT_CLASS_NAME"]
    return "results.b.v", ALL[:4] + ALL[5:]


def make_circle(filename):
    with h5py.File(filename, "r+") as file:
        file["t/results/b/z"] = file["t/results"]
    return "results.b.z", ALL


@pytest.mark.parametrize(
    "damage", [damage_data, damage_header, damage_group, lose_class, make_circle]
)
def test_everything_else_is_loaded(filename, damage):
    path, rest = damage(filename)
    with pytest.raises((OSError, StorageFormatError)):
        load(filename)
    traj = load(filename, on_error="skip")
    assert list(traj.v_load_errors) == [path]
    assert names_below(traj) == rest
    assert all(not leaf.f_is_empty() for leaf in traj.f_iter_leaves())
    assert traj.x == 1


@pytest.mark.parametrize("damage", [damage_data, damage_header, make_circle])
def test_the_error_names_the_way_on(filename, damage):
    damage(filename)
    with pytest.raises(StorageFormatError) as caught:
        load(filename)
    told = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert told.count("on_error='skip'") == 1


def test_a_branch_that_is_damaged_leaves_the_others(filename):
    with h5py.File(filename) as file:
        address = h5py.h5g.get_objinfo(file["t/results"].id, b".").objno[0]
    data = bytearray(filename.read_bytes())
    data[address : address + 64] = b"\xff" * 64
    filename.write_bytes(data)
    traj = load(filename, on_error="skip")
    assert traj.x == 1
    assert list(traj.v_load_errors) == ["results"]


def test_what_is_linked_without_end_is_an_error_all_the_same(tmp_path):
    filename = tmp_path / "t.hdf5"
    traj = Trajectory("t", filename=filename)
    traj.f_add_result_group("top")
    traj.f_store()
    with h5py.File(filename, "r+") as file:
        group = file["t/results/top"]
        for _ in range(30):
            below = file.create_group(f"t/results/{len(file['t/results'])}")
            group["one"] = group["two"] = below
            group = below
    with pytest.raises(StorageFormatError, match="reached in too many ways"):
        load(filename, on_error="skip")


def test_refused_pickles_are_left_out(tmp_path):
    filename = tmp_path / "t.hdf5"
    traj = Trajectory("t", filename=filename)
    traj.f_add_result("plain", 1)
    traj.f_add_result(PickleResult, "opaque", Opaque())
    traj.f_store()
    loaded = load(filename, unpickle="safe", on_error="skip")
    assert loaded.plain == 1
    assert "RefusedPickleError" in loaded.v_load_errors["results.opaque"]


def test_what_exceeds_the_limit_leaves_room_for_the_rest(tmp_path):
    filename = tmp_path / "t.hdf5"
    traj = Trajectory("t", filename=filename)
    traj.f_add_result("a_huge", np.zeros(4_000_000))
    traj.f_add_result("small", np.zeros(40_000))
    traj.f_store()
    service = HDF5StorageService(filename, size_limit=1_000_000)
    loaded = load_trajectory("t", storage_service=service, load_data=2, on_error="skip")
    assert list(loaded.v_load_errors) == ["results.a_huge"]
    assert len(loaded.small) == 40_000
