"""Errors about damage and forbidden pickles name file and node, also those of PyTables."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import h5py
import pandas

from pypet import (
    PickleResult,
    SharedCArray,
    SharedPandasFrame,
    SharedResult,
    SharedTable,
    Trajectory,
    load_trajectory,
)
from pypet.errors import RefusedPickleError, StorageFormatError

LEAF = "t/results/group/shared"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a file with shared data."""
    path = tmp_path_factory.mktemp("sound") / "data.hdf5"
    traj = Trajectory("t", add_time=False, filename=str(path))
    traj.f_add_result("group.number", 3.5)
    traj.f_add_result(PickleResult, "group.pickled", {1: "a"})
    shared = traj.f_add_result(
        SharedResult,
        "group.shared",
        array=SharedCArray(),
        table=SharedTable(),
        frame=SharedPandasFrame(),
    )
    traj.f_store()
    shared.array.create_shared_data(obj=np.random.default_rng(1).integers(9, size=5000))
    shared.table.create_shared_data(obj=np.zeros(2, dtype=[("x", "i8")]))
    shared.frame.create_shared_data(obj=pandas.DataFrame({"n": [1.5], "t": ["a"]}), format="fixed")
    return path.read_bytes()


@pytest.fixture
def path(content, tmp_path):
    path = tmp_path / "data.hdf5"
    path.write_bytes(content)
    return str(path)


def shared_of(path, mode="trust"):
    traj = load_trajectory("t", filename=path, unpickle=mode, lock_timeout=1)
    traj.f_load_child("results.group.shared", load_data=2)
    return traj.f_get("results.group.shared")


def text_of(error):
    return "\n".join([str(error.value), *getattr(error.value, "__notes__", ())])


def set_text(path, node, name, value, charset="ascii"):
    with h5py.File(path, "r+") as file:
        kind = h5py.string_dtype(charset, len(value))
        file[node].attrs.create(name, np.array(value, dtype=kind), dtype=kind)


ROOT_TEXTS = {
    "version that is no UTF-8": ("PYTABLES_FORMAT_VERSION", b"\xff\xfe", "ascii"),
    "version that is no number": ("PYTABLES_FORMAT_VERSION", b"abc", "ascii"),
    "filters": ("FILTERS", b"x", "ascii"),
    "an annotation": ("note", b"\xff", "utf-8"),
}


@pytest.mark.parametrize("mode", ["trust", "safe"])
@pytest.mark.parametrize("damage", ROOT_TEXTS)
def test_a_file_that_pytables_cannot_open_is_not_kept_locked(path, damage, mode):
    set_text(path, "/", *ROOT_TEXTS[damage])
    shared = shared_of(path, mode)
    for request in (shared.table.read, lambda: shared.table.append([(1,)])):
        with pytest.raises(StorageFormatError) as error:
            request()
        assert path in text_of(error)
        with h5py.File(path, "r+"):  # BlockingIOError if it was still open in PyTables
            pass


CRASHING = """
import sys, h5py
from tests.storage_backends.hdf5.pytables.test_hdf5_located_errors import shared_of

path, node, name = sys.argv[1:]
shared = shared_of(path)
with h5py.File(path, "r+") as file:
    file[node].attrs[name] = list(range(200))
shared.table.read()
"""


@pytest.mark.parametrize(
    ("node", "name"),
    [("/", "PYTABLES_FORMAT_VERSION"), ("/", "CLASS"), (f"{LEAF}/table", "CLASS")],
)
def test_numbers_in_place_of_text_are_an_error_and_no_crash(path, node, name):
    done = subprocess.run(
        [sys.executable, "-c", CRASHING, path, node, name],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1, done
    assert f"StorageFormatError: Attribute {name!r} of" in done.stderr
    assert path in done.stderr


def test_values_that_hdf5_cannot_read_are_damage(path):
    shared = shared_of(path)
    with h5py.File(path, "r+") as file:
        array = file[f"{LEAF}/array"]
        array.id.write_direct_chunk((0,), b"no zlib")
    with pytest.raises(StorageFormatError) as error:
        shared.array.read()
    assert path in text_of(error)
    assert f"/{LEAF}/array" in text_of(error)


def test_errors_about_arguments_keep_their_type_and_say_where_they_happened(path):
    with pytest.raises(KeyError) as error:
        shared_of(path).table.col("nothing")
    assert path in text_of(error)
    assert f"/{LEAF}/table" in text_of(error)


def test_forbidden_pickles_in_shared_data_are_located(path):
    with pytest.raises(RefusedPickleError) as error:
        shared_of(path, "never").frame.read()
    assert path in text_of(error)
    assert f"/{LEAF}/frame" in text_of(error)


def test_forbidden_annotations_are_located(path):
    set_text(path, "t/results/group", "SRVC_ANNOTATED", b"1")
    set_text(path, "t/results/group", "SRVC_AN_note", b"cos\nmkdir\n(V1\ntR.")
    with pytest.raises(RefusedPickleError) as error:
        load_trajectory("t", filename=path, load_data=2, unpickle="never")
    assert path in text_of(error)
    assert "results.group" in text_of(error)


@pytest.mark.parametrize("name", [b"no name", b"a.b", b""])
def test_a_class_that_cannot_have_its_name_is_damage(path, name):
    set_text(path, "t/results/group/number", "SRVC_INIT_CLASS_NAME", name or b"\0", "utf-8")
    with pytest.raises(StorageFormatError) as error:
        load_trajectory("t", filename=path, load_data=2)
    assert path in text_of(error)
    assert "results.group.number" in text_of(error)


def test_a_class_that_nobody_has_is_an_import_error_that_is_located(path):
    set_text(path, "t/results/group/number", "SRVC_INIT_CLASS_NAME", b"Unknown", "utf-8")
    with pytest.raises(ImportError) as error:
        load_trajectory("t", filename=path, load_data=2)
    assert path in text_of(error)
    assert "results.group.number" in text_of(error)


def test_an_unknown_type_is_damage_and_a_type_error(path):
    set_text(path, "t/results/group/number/number", "SRVC_DATA_SCALAR_TYPE", b"nothing", "utf-8")
    with pytest.raises(StorageFormatError) as error:
        load_trajectory("t", filename=path, load_data=2)
    assert isinstance(error.value, TypeError)
    assert path in text_of(error)
    assert "results.group.number" in text_of(error)
