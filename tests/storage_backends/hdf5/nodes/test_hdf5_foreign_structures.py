"""Links, datasets and sizes that neither pypet nor the established one writes."""

from __future__ import annotations

import bz2
import os
import zlib

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import h5py
import pandas

from pypet import (
    Environment,
    HDF5StorageService,
    SharedArray,
    SharedResult,
    Trajectory,
    load_trajectory,
)
from pypet.errors import DataNotInStorageError, StorageFormatError

pytestmark = pytest.mark.timeout(60)

SECRET = np.arange(5.0) + 1000


@pytest.fixture
def path(tmp_path):
    """A stored trajectory with parameters, results of several kinds, and a link."""
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_parameter("group.x", 1)
    traj.f_add_result("r.plain", a=1, b="text")
    traj.f_add_result("r.big", array=np.arange(1000.0), note="kept")
    traj.f_add_result("r.frame", frame=pandas.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}))
    traj.results.f_add_link("link", traj.r.plain)
    traj.f_store()
    return filename


@pytest.fixture
def fifo(tmp_path):
    """A file that whoever opens it waits for."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("the platform has no FIFOs")
    name = str(tmp_path / "fifo")
    os.mkfifo(name)
    return name


@pytest.fixture
def other(tmp_path):
    """Another file, whose values nobody asked for."""
    name = str(tmp_path / "other.hdf5")
    with h5py.File(name, "w") as file:
        file["secret"] = SECRET
        group = file.create_group("t/results/stranger")
        group.attrs["SRVC_LEAF"] = True
    return name


def load(path, **kwargs):
    return load_trajectory("t", filename=path, load_data=2, **kwargs)


def edit(path):
    return h5py.File(path, "r+")


def stored_as_array(dataset, flag="CARRAY"):
    dataset.attrs["SRVC_STORE"] = np.bytes_(flag)
    dataset.attrs["SRVC_DATA_COLL_TYPE"] = np.bytes_("COLL_NDARRAY")


@pytest.fixture(params=["headers", "library", "open for writing"])
def way(request, path):
    """Nodes are read from their headers, by the library, and while the file is being written."""
    return request.param


def annotate(name, node):
    if isinstance(node, h5py.Group) and name.count("/") < 2:
        node.attrs["SRVC_ANNOTATED"] = True
        node.attrs["SRVC_AN_why"] = 1


def loaded(path, way):
    if way != "open for writing":
        if way == "library":
            with edit(path) as file:  # annotations are nothing that is read from headers
                file["/t/results"].visititems(annotate)
        return load(path)
    service = HDF5StorageService(path)
    service.open()
    try:
        traj = Trajectory("t")
        traj.f_load(name="t", load_data=2, storage_service=service)
    finally:
        service.close()
    return traj


# ----- cycles ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ancestor", ["/t", "/t/results", "/t/results/r"])
def test_a_group_that_is_in_itself_is_an_error_that_names_it(path, way, ancestor):
    with edit(path) as file:
        file["/t/results/r/again"] = file[ancestor]
    with pytest.raises(StorageFormatError, match=r"Group 'results\.r\.again.*' of.*data\.hdf5"):
        loaded(path, way)


def test_other_branches_load_although_one_has_a_cycle(path):
    with edit(path) as file:
        file["/t/results/r/again"] = file["/t/results"]
    traj = load_trajectory("t", filename=path, load_results=0)
    assert traj.x == 1
    traj.f_load_child("results.r.plain", load_data=2)
    assert traj.results.r.plain.a == 1


def test_a_second_link_to_a_node_loads_as_a_second_node(path):
    with edit(path) as file:
        file["/t/results/other_name"] = file["/t/results/r/plain"]
        file["/t/results/other_group"] = file["/t/results/r"]
    traj = load(path)
    assert traj.results.other_name.a == traj.results.other_group.plain.a == 1


def test_ways_that_double_with_each_group_come_to_an_end(path):
    with edit(path) as file:
        group = file["/t/results"]
        for _ in range(40):
            child = group.create_group("a")
            group["b"] = child
            group = child
    with pytest.raises(
        StorageFormatError, match=r"Node 'results\.a.*' of trajectory 't' in .* too many ways"
    ):
        load(path)


def test_items_that_are_in_themselves_come_to_an_end(path):
    with edit(path) as file:
        nested = file["/t/results/r/big"].create_group("nested")
        nested.attrs["SRVC_STORE"] = np.bytes_("NESTED_GROUP")
        nested["again"] = nested
    with pytest.raises(StorageFormatError, match=r"Item 'nested\.again.* at /t/results/r/big in"):
        load(path)


def test_explored_parameters_of_old_files_are_looked_for_once(path):
    with edit(path) as file:
        del file["/t/overview/explorations"]
        group = file["/t/parameters"]
        for _ in range(40):
            child = group.create_group("a")
            group["b"] = child
            group = child
        group["again"] = file["/t/parameters"]
    traj = load_trajectory("t", filename=path, load_parameters=0, load_results=0)
    assert traj.f_get_explored_parameters() == {}


# ----- links to other files --------------------------------------------------------------------


def test_external_links_are_left_out_and_reported(path, other, fifo, way, caplog):
    with edit(path) as file:
        file["/t/results/ext"] = h5py.ExternalLink(other, "/t/results/stranger")
        file["/t/results/fifo"] = h5py.ExternalLink(fifo, "/x")
    traj = loaded(path, way)
    assert "ext" not in traj.results
    assert traj.r.plain.a == 1
    assert "results.ext" in caplog.text
    assert repr(other) in caplog.text
    assert repr(fifo) in caplog.text


def test_soft_links_through_an_external_one_are_left_out_and_reported(path, fifo, caplog):
    with edit(path) as file:
        file["/t/results/door"] = h5py.ExternalLink(fifo, "/x")
        file["/t/results/through"] = h5py.SoftLink("/t/results/door/y")
        file["/t/results/chain"] = h5py.SoftLink("/t/results/through")
        file["/t/results/circle"] = h5py.SoftLink("/t/results/circle")
    traj = load(path)
    assert traj.results.link.a == 1
    for name in ("through", "chain", "circle"):
        assert name not in traj.results
        assert f"The link results.{name} in {path} is broken" in caplog.text


def test_nodes_behind_an_external_link_are_not_there(path, other, fifo):
    with edit(path) as file:
        file["/t/results/ext"] = h5py.ExternalLink(other, "/t/results")
        file["/t/results/fifo"] = h5py.ExternalLink(fifo, "/x")
        file["/t/results/broken"] = h5py.SoftLink("/t/results/nothing")
    traj = load(path)
    for name in ("results.ext.stranger", "results.fifo.x", "results.broken.x"):
        with pytest.raises(DataNotInStorageError, match=name):
            traj.f_load_child(name)


def test_a_trajectory_or_overview_in_another_file_is_not_there(path, fifo):
    with edit(path) as file:
        file["/away"] = h5py.ExternalLink(fifo, "/x")
        file.create_group("hollow")["overview"] = h5py.ExternalLink(fifo, "/x")
        del file["/t/overview/hdf5_settings"]
        file["/t/overview/hdf5_settings"] = h5py.ExternalLink(fifo, "/x")
    with pytest.raises(ValueError, match="no trajectory 'away'"):
        load_trajectory("away", filename=path)
    with pytest.raises(DataNotInStorageError, match="overview/info"):
        load_trajectory("hollow", filename=path)
    assert load(path).x == 1  # as if it had no settings


@pytest.mark.parametrize("item", ["a", "array"], ids=["plain leaf", "other leaf"])
@pytest.mark.parametrize("target", ["other", "fifo"])
def test_items_in_other_files_are_refused(path, way, request, item, target):
    leaf = "plain" if item == "a" else "big"
    name = request.getfixturevalue(target)
    with edit(path) as file:
        del file[f"/t/results/r/{leaf}/{item}"]
        file[f"/t/results/r/{leaf}/{item}"] = h5py.ExternalLink(name, "/secret")
    with pytest.raises(StorageFormatError, match=rf"Item '{item}' at /t/results/r/{leaf} in") as e:
        loaded(path, way)
    assert repr(name) in str(e.value)


@pytest.mark.parametrize("kind", ["link", "broken link", "virtual", "raw"])
def test_the_other_items_of_such_a_leaf_can_be_loaded(path, other, kind):
    with edit(path) as file:
        leaf = file["/t/results/r/big"]
        if kind in ("virtual", "raw"):
            {"virtual": virtual, "raw": raw}[kind](leaf, "away", other)
        else:
            broken = h5py.SoftLink("/t/nothing")
            leaf["away"] = broken if "broken" in kind else h5py.ExternalLink(other, "/secret")
    for choice in ({"load_only": "note"}, {"load_except": "away"}):
        traj = load_trajectory("t", filename=path)
        traj.f_load_item(traj.r.big, **choice)
        assert traj.r.big.note == "kept"
    traj = load_trajectory("t", filename=path)
    with pytest.raises(StorageFormatError, match="'away'"):
        traj.f_load_item(traj.r.big)


def test_items_that_are_links_within_the_file_are_loaded(path, way):
    with edit(path) as file:
        file["/t/results/r/plain/c"] = h5py.SoftLink("/t/results/r/big/array")
        file["/t/results/r/big/again"] = h5py.SoftLink("array")
    traj = loaded(path, way)
    assert traj.r.plain.c.tolist() == traj.r.big.again.tolist() == list(range(1000))


def test_parts_of_a_frame_that_are_links_are_refused(path, fifo):
    with edit(path) as file:
        del file["/t/results/r/frame/frame/axis0"]
        file["/t/results/r/frame/frame/axis0"] = h5py.ExternalLink(fifo, "/x")
    with pytest.raises(StorageFormatError, match=r"Item 'frame' at /t/results/r/frame in .*fifo"):
        load(path)


# ----- values in other files -------------------------------------------------------------------


def virtual(group, name, source):
    layout = h5py.VirtualLayout(SECRET.shape, SECRET.dtype)
    layout[:] = h5py.VirtualSource(source, "secret", SECRET.shape)
    dataset = group.create_virtual_dataset(name, layout)
    stored_as_array(dataset)


def raw(group, name, source):
    dataset = group.create_dataset(name, SECRET.shape, SECRET.dtype, external=source)
    stored_as_array(dataset, "ARRAY")


@pytest.mark.parametrize("kind", [virtual, raw])
@pytest.mark.parametrize("leaf", ["plain", "big"])
@pytest.mark.parametrize("target", ["other", "fifo"])
def test_values_in_other_files_are_refused(path, way, request, kind, leaf, target):
    source = request.getfixturevalue(target)
    with edit(path) as file:
        kind(file[f"/t/results/r/{leaf}"], "secret", source)
    with pytest.raises(StorageFormatError, match=rf"Item 'secret' at /t/results/r/{leaf}") as told:
        loaded(path, way)
    assert repr(source) in str(told.value)


@pytest.mark.parametrize("kind", [virtual, raw])
def test_values_in_other_files_are_refused_in_new_files(tmp_path, other, kind):
    filename = str(tmp_path / "latest.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_result("r.plain", a=1)
    traj.f_store()
    with h5py.File(filename, "r+", libver="latest") as file:
        kind(file["/t/results/r/plain"], "secret", other)
    with pytest.raises(StorageFormatError, match="Item 'secret'"):
        load(filename)


@pytest.mark.parametrize("kind", [virtual, raw])
def test_shared_data_and_parts_of_frames_in_other_files_are_refused(path, other, kind):
    traj = load(path)
    shared = traj.f_add_result(SharedResult, "shared")
    shared["data"] = SharedArray()
    traj.f_store()
    shared.data.create_shared_data(obj=np.arange(3))
    with edit(path) as file:
        flags = dict(file["/t/results/shared/data"].attrs)
        del file["/t/results/shared/data"]
        kind(file["/t/results/shared"], "data", other)
        file["/t/results/shared/data"].attrs.update(flags)
    with pytest.raises(StorageFormatError, match="Item 'data' at /t/results/shared"):
        load(path)
    with edit(path) as file:
        del file["/t/results/shared"]
        kind(file["/t/results/r/frame/frame"], "block7", other)
    with pytest.raises(StorageFormatError, match=r"Item 'frame\.block7' at /t/results/r/frame"):
        load(path)


@pytest.mark.parametrize("table", ["info", "runs", "explorations", "hdf5_settings"])
def test_overview_tables_in_other_files_are_refused(path, other, table):
    with edit(path) as file:
        del file[f"/t/overview/{table}"]
        virtual(file["/t/overview"], table, other)
    with pytest.raises(StorageFormatError, match=f"/t/overview/{table}.*virtual"):
        load(path)


# ----- sizes -----------------------------------------------------------------------------------

MB = 1 << 20


def bomb(group, name, size, **kwargs):
    """An array of zeros that takes next to nothing of the file."""
    dataset = group.create_dataset(name, (size,), "u1", compression=9, chunks=(MB,), **kwargs)
    stored_as_array(dataset)
    for start in range(0, size, MB):
        dataset[start : start + MB] = 0
    return dataset


def test_values_that_take_far_more_than_what_is_stored_are_refused(path):
    with edit(path) as file:
        bomb(file["/t/results/r/big"], "bomb", 20 * MB)
    with pytest.raises(StorageFormatError, match=r"Item 'bomb' at /t/results/r/big in .*20971520"):
        load(path, size_limit=10 * MB)
    assert load(path, size_limit=21 * MB).r.big.bomb.nbytes == 20 * MB
    assert load(path).r.big.bomb.nbytes == 20 * MB


def test_values_that_were_never_written_are_refused(path):
    with edit(path) as file:
        leaf = file["/t/results/r/big"]
        stored_as_array(leaf.create_dataset("empty", (1 << 40,), "f8", chunks=(MB,)))
    with pytest.raises(StorageFormatError, match=r"Item 'empty'.*of which 0 are stored"):
        load(path, unpickle="safe")
    traj = load_trajectory("t", filename=path)
    traj.f_load_item(traj.r.big, load_except="empty")
    assert traj.r.big.note == "kept"


def test_many_small_ones_count_together(path):
    with edit(path) as file:
        for number in range(6):
            bomb(file["/t/results/r"].create_group(f"n{number}"), "bomb", 4 * MB)
            file[f"/t/results/r/n{number}"].attrs["SRVC_LEAF"] = True
            file[f"/t/results/r/n{number}"].attrs["SRVC_INIT_CLASS_NAME"] = np.bytes_("Result")
    with pytest.raises(StorageFormatError, match="size_limit=20971520"):
        load(path, size_limit=20 * MB)
    assert load(path, size_limit=25 * MB).n5.bomb.nbytes == 4 * MB


def test_values_that_are_stored_are_not_limited(tmp_path):
    filename = str(tmp_path / "large.hdf5")
    traj = Trajectory("t", filename=filename)
    rng = np.random.default_rng(1)
    for number in range(3):
        traj.f_add_result(f"r{number}", rng.random(MB // 8), frame=pandas.DataFrame(rng.random(9)))
    traj.f_add_result("ragged", 1)
    traj.f_store()
    assert load(filename, size_limit=100_000).r1.r1.nbytes == MB


def test_what_is_linked_many_times_is_stored_once(path):
    rng = np.random.default_rng(1)
    with edit(path) as file:
        leaf = file["/t/results/r/big"]
        stored_as_array(leaf.create_dataset("n", data=rng.random(MB // 8)))
        for number in range(30):
            leaf[f"n{number}"] = leaf["n"]
    assert load(path).r.big.n29.nbytes == MB
    with pytest.raises(StorageFormatError, match="size_limit"):
        load(path, size_limit=2 * MB)


def test_chunks_count_as_they_are_unpacked(path):
    with edit(path) as file:
        leaf = file["/t/results/r/big"]
        dataset = leaf.create_dataset(
            "few", (3,), "f8", chunks=(4 * MB,), maxshape=(None,), compression=9
        )
        stored_as_array(dataset, "EARRAY")
        dataset[:] = 1.0
    with pytest.raises(StorageFormatError, match="Item 'few'"):
        load(path, size_limit=10 * MB)


def create_filtered(leaf, *numbers):
    """Make a dataset of one chunk with these filters, whether or not h5py has them."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((MB,))
    for number in numbers:
        values = (9,) if number == h5py.h5z.FILTER_DEFLATE else ()
        properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL, values)
    space, kind = h5py.h5s.create_simple((MB,)), h5py.h5t.NATIVE_UINT8
    dataset = h5py.Dataset(h5py.h5d.create(leaf.id, b"bomb", kind, space, properties))
    stored_as_array(dataset)
    return dataset


@pytest.mark.parametrize(
    ("module", "numbers"), [(zlib, (2, 1, 3)), (zlib, (1,)), (bz2, (307,))], ids=str
)
def test_chunks_that_unpack_to_more_than_a_chunk_are_refused(path, module, numbers):
    """HDF5 makes room for whatever a compressed stream holds."""
    with edit(path) as file:
        dataset = create_filtered(file["/t/results/r/big"], *numbers)
        dataset.id.write_direct_chunk((0,), module.compress(bytes(30 * MB), 9))
    with pytest.raises(StorageFormatError, match=r"Item 'bomb' .* has a chunk that unpacks"):
        load(path, size_limit=10 * MB)


def test_what_is_compressed_more_than_once_is_refused(path):
    with edit(path) as file:
        dataset = create_filtered(file["/t/results/r/big"], 1, 1)
        dataset[:] = 7
    with pytest.raises(StorageFormatError, match=r"'bomb' .* is compressed more than once"):
        load(path, unpickle="safe")
    assert load(path).r.big.bomb[-1] == 7


@pytest.mark.parametrize("table", ["info", "runs"])
def test_overview_tables_have_the_same_limit(path, table):
    with edit(path) as file:
        file[f"/t/overview/{table}"].resize((1 << 30,))
    with pytest.raises(StorageFormatError, match=f"/t/overview/{table}"):
        load(path, unpickle="safe")


def test_ragged_rows_count_one_by_one(path):
    traj = load(path)
    leaf = traj.f_add_result("ragged", row=np.arange(MB // 8))
    traj.f_store_item(leaf, store_flags={"row": "VLARRAY"})
    assert load(path, size_limit=4 * MB).ragged.row[0].nbytes == MB
    with edit(path) as file:
        (row,) = file["/t/results/ragged/row"]
        dtype = file["/t/results/ragged/row"].dtype
        del file["/t/results/ragged/row"]
        rows = file["/t/results/ragged"].create_dataset("row", (20,), dtype)
        stored_as_array(rows, "VLARRAY")
        rows[0] = row
        offset = rows.id.get_offset()
    with open(path, "r+b") as stream:  # let all rows be the first one
        stream.seek(offset)
        reference = stream.read(16)
        stream.seek(offset)
        stream.write(reference * 20)
    assert load(path).ragged.row[19].tolist() == row.tolist()
    with pytest.raises(StorageFormatError, match=r"Item 'row' in .*1048576 bytes"):
        load(path, size_limit=4 * MB)


@pytest.mark.parametrize("limit", [-1, "many"])
def test_limits_that_are_none_are_refused(tmp_path, limit):
    with pytest.raises((TypeError, ValueError), match="size_limit"):
        HDF5StorageService(str(tmp_path / "a.hdf5"), size_limit=limit)


def test_the_limit_goes_with_the_trust():
    limit = 7
    assert HDF5StorageService("a.hdf5").size_limit is None
    assert HDF5StorageService("a.hdf5", unpickle="safe").size_limit == 1 << 30
    assert HDF5StorageService("a.hdf5", unpickle="safe", size_limit=limit).size_limit == limit
    assert HDF5StorageService("a.hdf5", size_limit=limit).beside("b.hdf5").size_limit == limit


def test_the_limit_is_an_option_of_environments(tmp_path):
    env = Environment("t", filename=str(tmp_path / "a.hdf5"), log_config=None, size_limit=9)
    assert env.traj.v_storage_service.size_limit == 9
    with pytest.raises(ValueError, match="size_limit"):
        Environment("t", filename=str(tmp_path / "a.hdf5"), log_config=None, size_limit=-1)
