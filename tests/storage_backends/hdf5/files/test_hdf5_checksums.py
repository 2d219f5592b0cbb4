"""Values are checked when they are loaded, unless another program changed them on purpose."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import h5py
import pandas as pd
import tables

from pypet import (
    SharedResult,
    StorageContextManager,
    Trajectory,
    load_trajectory,
    make_ordinary_result,
    make_shared_result,
)
from pypet.errors import StorageFormatError
from pypet.records import ArrayItem
from pypet.utils.comparisons import nested_equal
from tests.storage_backends.hdf5.record_makers import apply, leaf, new_service, read

CHECKSUM = "SRVC_CHECKSUM"
MARK = 123456789.25
"""Stands in all values, to be found in the file."""

VALUES = {
    "few numbers": np.full(3, MARK),
    "many numbers": np.full(1_000, MARK),
    "very many numbers": np.full(60_000, MARK),
    "long list": [MARK] * 500,
    "tuple": (MARK, 2.0),
    "dictionary": {"a": MARK, "b": "text"},
    "wide dictionary": {f"key{number}": MARK for number in range(600)},
    "table": pd.DataFrame({"a": [MARK] * 5, "b": [1] * 5}),
    "series": pd.Series([MARK] * 5, index=list("abcde")),
    "long text": "text" * 700,
    "text": "some text",
}


def stored(tmp_path, value, **options):
    """Return the file of a trajectory with one result."""
    filename = tmp_path / "data.hdf5"
    traj = Trajectory("t", filename=filename, add_time=False, overwrite_file=True, **options)
    traj.f_add_result("r", v=value)
    traj.f_store()
    return filename


def loaded(filename, **options):
    return load_trajectory("t", filename=filename, load_data=2, **options).f_get("r").v


def places_of(value, data):
    """Return where in the bytes of a file parts of a value are."""
    part = np.float64(MARK).tobytes()
    if isinstance(value, str):
        part = value.encode()[:2000]
    found = []
    place = data.find(part)
    while place >= 0:
        found.append(place)
        place = data.find(part, place + 1)
    return found


@pytest.mark.parametrize("fletcher32", [False, True])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.filterwarnings("ignore")
def test_no_changed_value_is_loaded(tmp_path, value, fletcher32):
    filename = stored(tmp_path, value, complevel=0, fletcher32=fletcher32)
    assert nested_equal(loaded(filename), value)
    sound = filename.read_bytes()
    places = places_of(value, sound)
    assert places
    changed = bytearray(sound)
    for place in places:  # some may be copies that are no longer in use
        changed[place + 3] ^= 16
    filename.write_bytes(changed)
    with pytest.raises(StorageFormatError, match=r"results[./]r.*data\.hdf5"):
        loaded(filename)


def test_text_in_frames_is_stored_with_fletcher32(tmp_path):
    value = pd.DataFrame({"a": ["x", "ü"], "b": [1, 2]})
    for complevel in (0, 9):
        assert loaded(stored(tmp_path, value, fletcher32=True, complevel=complevel)).equals(value)


def test_ragged_arrays_are_checked(tmp_path):
    rows = np.empty(2, object)
    rows[:] = [np.full(3, MARK), np.full(5, MARK)]
    service = new_service(tmp_path, complevel=0, fletcher32=True)
    apply(service, leaf("results.r", ArrayItem("v", "VLARRAY", rows, "COLL_LIST", "float")))
    assert nested_equal(list(read(service, "results.r")[0].items[0].value), list(rows))
    with open(service.filename, "rb") as stream:
        sound = stream.read()
    changed = bytearray(sound)
    changed[sound.find(np.float64(MARK).tobytes()) + 3] ^= 1
    with open(service.filename, "wb") as stream:
        stream.write(changed)
    with pytest.raises(StorageFormatError, match=r"'v' at /traj/results/r in .*data\.hdf5"):
        read(service, "results.r")


def test_arrays_that_were_compressed_elsewhere_are_checked(tmp_path):
    values = np.random.default_rng(1).standard_normal(50_000)
    service = new_service(tmp_path)
    from pypet.records import StoreRequest

    put = leaf("results.r", ArrayItem("v", "CARRAY", values, "COLL_NDARRAY", None, "numpy"))
    service.apply(service.packed(StoreRequest("traj", (put,))))
    with h5py.File(service.filename, "a") as file:
        dataset = file["traj/results/r/v"]
        assert dataset.attrs[CHECKSUM][1] == values.size
        chunks = [dataset.id.read_direct_chunk((0,))[1], dataset.id.read_direct_chunk((16384,))[1]]
        dataset.id.write_direct_chunk((0,), chunks[1])  # sound in itself
    with pytest.raises(StorageFormatError, match="do not fit their checksum"):
        read(service, "results.r")


def test_a_chunk_that_is_lost_is_no_row_of_zeros(tmp_path):
    filename = stored(tmp_path, np.full(60_000, MARK))
    with h5py.File(filename, "a") as file:
        dataset = file["t/results/r/v"]
        kept = {name: dataset.attrs[name] for name in dataset.attrs}
        chunk = dataset.id.read_direct_chunk((0,))[1]
        properties = dataset.id.get_create_plist()
        space, kind = dataset.id.get_space(), dataset.id.get_type()
        del file["t/results/r/v"]
        new = h5py.h5d.create(file["t/results/r"].id, b"v", kind, space, properties)
        new.write_direct_chunk((0,), chunk)
        for name in sorted(kept, key=lambda name: name == CHECKSUM):
            h5py.Dataset(new).attrs[name] = kept[name]
    with pytest.raises(StorageFormatError, match="do not fit their checksum"):
        loaded(filename)


# ----- without --------------------------------------------------------------------------------


def checksums_in(filename):
    found = []

    def note(name, node):
        if CHECKSUM in node.attrs and "results/r" in name:
            found.append(name)

    with h5py.File(filename) as file:
        file.visititems(note)
    return found


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.filterwarnings("ignore")
def test_checksums_can_be_switched_off(tmp_path, value):
    filename = stored(tmp_path, value, checksums=False)
    assert checksums_in(filename) == []
    assert nested_equal(loaded(filename), value)


def test_values_that_fit_no_checksum_are_loaded_if_one_insists(tmp_path):
    filename = stored(tmp_path, np.full(1_000, MARK))
    with h5py.File(filename, "a") as file:
        file["t/results/r/v"][0] = 1.0
    with pytest.raises(StorageFormatError, match="checksums=False"):
        loaded(filename)
    assert loaded(filename, checksums=False)[0] == 1.0


def test_the_option_is_not_kept_with_the_trajectory(tmp_path):
    filename = stored(tmp_path, np.full(1_000, MARK), checksums=False)
    with h5py.File(filename) as file:
        assert "checksums" not in file["t/overview/hdf5_settings"].dtype.names
    traj = load_trajectory("t", filename=filename)
    assert traj.v_storage_service.checksums


# ----- changed by other programs ---------------------------------------------------------------


def edited(filename, change):
    """Let PyTables change the item of the only result."""
    with tables.open_file(str(filename), "a") as file:
        change(file, file.get_node("/t/results/r/v"))


def replace_array(file, node):
    attributes = {name: node._v_attrs[name] for name in node._v_attrs._v_attrnamesuser}
    attributes.pop(CHECKSUM)
    file.remove_node(node)
    new = file.create_array("/t/results/r", "v", np.zeros(1_000))
    for name, value in attributes.items():
        new._v_attrs[name] = value


def mark_again(file, node):
    node[0] = 1.0
    node._v_attrs.SRVC_STORE = "CARRAY"


@pytest.mark.parametrize("change", [replace_array, mark_again])
def test_arrays_that_another_program_replaced_or_marked_are_loaded(tmp_path, change):
    filename = stored(tmp_path, np.full(1_000, MARK))
    assert checksums_in(filename) == ["t/results/r/v"]
    edited(filename, change)
    assert loaded(filename)[0] in (0.0, 1.0)


def test_arrays_that_another_program_extended_are_loaded(tmp_path):
    traj = Trajectory("t", filename=tmp_path / "data.hdf5", add_time=False)
    traj.f_store()
    result = traj.f_add_result("r", v=np.full(1_000, MARK))
    traj.f_store_item(result, store_flags={"v": "EARRAY"})
    filename = tmp_path / "data.hdf5"
    assert checksums_in(filename) == ["t/results/r/v"]
    edited(filename, lambda file, node: node.append(np.zeros(3)))
    assert loaded(filename).tolist()[-4:] == [MARK, 0.0, 0.0, 0.0]


def test_tables_that_another_program_extended_are_loaded(tmp_path):
    from pypet import ObjectTable

    filename = stored(tmp_path, ObjectTable({"a": [1, 2], "b": ["x", "y"]}))
    assert checksums_in(filename) == ["t/results/r/v"]
    edited(filename, lambda file, node: node.append([(3, b"z")]))
    assert loaded(filename)["a"].tolist() == [1, 2, 3]


def test_tables_that_another_program_shortened_are_loaded(tmp_path):
    from pypet import ObjectTable

    filename = stored(tmp_path, ObjectTable({"a": [1, 2, 3], "b": ["x", "y", "z"]}))
    edited(filename, lambda file, node: node.remove_rows(0, 1))
    assert loaded(filename)["a"].tolist() == [2, 3]


@pytest.mark.filterwarnings("ignore")
def test_frames_that_pandas_extended_are_loaded(tmp_path):
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3, 4]})
    filename = stored(tmp_path, frame, pandas_format="table")
    assert checksums_in(filename) == ["t/results/r/v"]
    with pd.HDFStore(str(filename), "a") as store:
        store.append("t/results/r/v", pd.DataFrame({"a": [5.0], "b": [6]}, index=[2]))
    assert loaded(filename)["a"].tolist() == [1.0, 2.0, 5.0]


@pytest.mark.filterwarnings("ignore")
def test_frames_that_grow_have_no_checksum(tmp_path):
    traj = Trajectory("t", filename=tmp_path / "data.hdf5", add_time=False)
    traj.f_store()
    for start in (0, 2):
        traj.f_add_result("r", v=pd.DataFrame({"a": [1.0, 2.0]}, index=[start, start + 1]))
        traj.f_store_item("r", append=True)
        traj.f_remove_item("results.r")
    assert checksums_in(tmp_path / "data.hdf5") == []
    assert len(loaded(tmp_path / "data.hdf5")) == 4


def test_shared_data_has_no_checksum(tmp_path):
    traj = Trajectory("t", filename=tmp_path / "data.hdf5", add_time=False)
    traj.f_add_result(SharedResult, "r", v=np.full(1_000, MARK))
    traj.f_store()
    assert checksums_in(tmp_path / "data.hdf5") == ["t/results/r/v"]
    make_shared_result(traj.r, "v", traj)
    assert checksums_in(tmp_path / "data.hdf5") == []
    with StorageContextManager(traj):
        traj.r.v[0] = 1.0
    make_ordinary_result(traj.r, "v", traj)
    assert loaded(tmp_path / "data.hdf5")[0] == 1.0
