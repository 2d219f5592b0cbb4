"""Walking stored trees, also those that older versions, other programs or accidents left."""

import logging
import warnings

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import h5py
import tables

from pypet.errors import DataNotInStorageError, StorageFormatError
from pypet.records import ArrayItem, PutLink
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.storage_backends.hdf5.record_makers import (
    TRAJ,
    apply,
    array,
    group,
    items_of,
    leaf,
    meta,
    new_service,
    number,
    paths,
    read,
)


@pytest.fixture
def service(tmp_path):
    service = new_service(tmp_path)
    apply(
        service,
        group("results.b.sub.deep"),
        leaf("results.a", number("x", 1)),
        leaf("results.b.leaf", number("x", 2)),
        PutLink("results.aa", "results.b"),
        PutLink("results.b.up", "results.a"),
        leaf("parameters.p", class_name="Parameter"),
        PutLink("link", "parameters.p"),
    )
    return service


ALL = [
    "",
    "parameters",
    "parameters.p",
    "results",
    "results.a",
    "results.b",
    "results.b.leaf",
    "results.b.sub",
    "results.b.sub.deep",
    "results.b.up",
    "results.aa",
    "link",
]


def test_parents_come_first_and_links_last(service):
    assert paths(read(service)) == ALL


def test_links_say_where_they_lead(service):
    targets = {record.path: record.target for record in read(service) if record.kind == "link"}
    assert targets == {
        "results.b.up": "results.a",
        "results.aa": "results.b",
        "link": "parameters.p",
    }
    (record,) = read(service, "results.aa")
    assert (record.kind, record.target) == ("link", "results.b")


@pytest.mark.parametrize(
    ("path", "depth", "expected"),
    [
        ("", 0, [""]),
        ("", 1, ["", "parameters", "results", "link"]),
        ("results", 1, ["results", "results.a", "results.b", "results.aa"]),
        ("results.b", 2, ALL[5:10]),
    ],
)
def test_depth_counts_from_the_given_node(service, path, depth, expected):
    assert paths(read(service, path, max_depth=depth)) == expected


def test_without_recursion_only_the_node_itself_is_read(service):
    assert paths(read(service, "results", recursive=False)) == ["results"]


def test_data_is_read_only_where_it_is_wanted(service):
    asked = []

    def wants(path):
        asked.append(path)
        return path == "results.a"

    records = {record.path: record for record in read(service, wants=wants)}
    assert asked == ["parameters.p", "results.a", "results.b.leaf"]
    assert records["results.a"].items[0].value == 1
    assert records["results.b.leaf"].items is None
    assert records["results.b.leaf"].class_name == "Result"


def test_broken_links_are_reported_and_left_out(service, caplog):
    apply(service, PutLink("results.broken", "results.nowhere"))
    with h5py.File(service.filename, "a") as file:
        file["traj/results/outside"] = h5py.SoftLink("/somewhere")
        file["traj/results/file"] = h5py.ExternalLink("other.h5", "/x")
    with caplog.at_level(logging.ERROR):
        assert paths(read(service)) == ALL
    for name in ("results.broken", "results.outside", "results.file"):
        assert name in caplog.text


def test_things_of_other_programs_beside_nodes_are_reported_and_left_out(service, caplog):
    with h5py.File(service.filename, "a") as file:
        file["traj/results/dataset"] = [1, 2]
    with caplog.at_level(logging.WARNING):
        assert paths(read(service)) == ALL
    assert "dataset" in caplog.text


@pytest.mark.parametrize("flag", [None, "ODD", "SHARED_DATA_"])
def test_what_a_leaf_has_is_an_item_or_an_error(service, flag):
    with h5py.File(service.filename, "a") as file:
        file["traj/results/a/odd"] = [1, 2]
        if flag is not None:
            file["traj/results/a/odd"].attrs["SRVC_STORE"] = flag
    with pytest.raises(StorageFormatError, match=r"'odd' at /traj/results/a in .*data\.hdf5"):
        read(service)
    (record,) = read(service, "results.a", recursive=False, item_filter=lambda name: name == "x")
    assert [item.name for item in record.items] == ["x"]


@pytest.mark.parametrize("is_plain", [True, False])
def test_an_item_beside_nodes_belongs_to_a_leaf_that_is_damaged(service, is_plain):
    with h5py.File(service.filename, "a") as file:
        leaf = file["traj/results/a"]
        del leaf.attrs["SRVC_LEAF"]
        if not is_plain:
            leaf.attrs["SRVC_AN_note"] = 1
    with pytest.raises(StorageFormatError, match=r"'results\.a'.*data\.hdf5.*SRVC_LEAF"):
        read(service)


def test_attributes_of_other_programs_are_read(service):
    with h5py.File(service.filename, "a") as file:
        node = file["traj/results/a"]
        del node.attrs["SRVC_INIT_CLASS_NAME"]
        node.attrs["SRVC_INIT_CLASS_NAME"] = "ResultOfVariableLength"
        node.attrs["SRVC_INIT_COMMENT"] = np.bytes_("byte string")
        node.attrs["SRVC_AN_words"] = ["a", "b"]
        node.attrs["SRVC_AN_big"] = np.arange(3, dtype=">i2")
        node["x"].attrs["SRVC_DATA_SCALAR_TYPE"] = "float32"
    (record,) = read(service, "results.a")
    assert record.class_name == "ResultOfVariableLength"
    assert record.comment == "byte string"
    assert record.annotations["words"].tolist() == ["a", "b"]
    assert record.annotations["big"].tolist() == [0, 1, 2]
    assert record.items[0].scalar == "float32"


def test_arrays_where_text_is_expected_do_no_harm(service):
    with h5py.File(service.filename, "a") as file:
        node = file["traj/results/a"]
        del node.attrs["SRVC_INIT_CLASS_NAME"]
        kind = h5py.string_dtype("utf-8", 2)
        node.attrs.create("SRVC_INIT_CLASS_NAME", np.array([b"ab"] * 20, dtype=kind), dtype=kind)
    assert len(read(service, "results.a")) == 1


def test_scalars_that_were_kept_with_an_axis_are_read(service):
    with h5py.File(service.filename, "a") as file:
        node = file["traj/results/a"]
        attributes = dict(node["x"].attrs)
        del node["x"]
        node["x"] = np.array([7, 8], dtype=">i2")
        node["x"].attrs.update(attributes)
    assert items_of(service, "results.a")["x"].value.tolist() == [7, 8]


def test_empty_arrays_of_pytables_2_are_read(service):
    apply(service, leaf("results.e", ArrayItem("e", "ARRAY", np.zeros(1), "COLL_NDARRAY", None)))
    with tables.open_file(service.filename, "a") as file:
        file.set_node_attr("/traj/results/e/e", "PTCOMPAT__empty__dtype", "int32")
    value = items_of(service, "results.e")["e"].value
    assert value.shape == (0,)
    assert value.dtype == np.int32


@pytest.mark.parametrize("complib", ["blosc", "lzo", "bzip2", "blosc:lz4"])
def test_other_compression_is_read(tmp_path, complib):
    if not tables.which_lib_version(complib.partition(":")[0]):
        pytest.skip("PyTables was built without it")
    service = new_service(tmp_path)
    apply(service, meta(2, is_new=False), leaf("results.r", number("n", 1)), leaf("results.s"))
    filters = tables.Filters(complevel=5, complib=complib, shuffle=True)
    with tables.open_file(service.filename, "a") as file:
        runs = file.root.traj.overview.runs
        runs.copy(newname="copy", filters=filters)
        file.remove_node("/traj/overview/runs")
        file.rename_node("/traj/overview/copy", "runs")
        made = file.create_carray("/traj/results/r", "a", obj=np.arange(5000), filters=filters)
        made.attrs.SRVC_STORE = "CARRAY"
        made.attrs.SRVC_DATA_COLL_TYPE = "COLL_NDARRAY"
        content = np.array([(1, b"x")], dtype=[("n", "i8"), ("t", "S3")])
        made = file.create_table("/traj/results/r", "t", obj=content, filters=filters)
        made.attrs.SRVC_STORE = "DICT"
        made.attrs.SRVC_COLUMN_n_COLL_TYPE = "COLL_SCALAR"
        made.attrs.SRVC_COLUMN_n_SCALAR_TYPE = "int"
    assert len(service.read_meta(TRAJ, with_runs=True).runs) == 2
    records = read(service)
    assert paths(records) == ["", "results", "results.r", "results.s"]
    items = {item.name: item for item in records[2].items}
    assert list(items) == ["a", "n", "t"]
    np.testing.assert_array_equal(items["a"].value, np.arange(5000))
    columns = [(c.name, c.values.tolist(), c.collection, c.scalar) for c in items["t"].columns]
    assert columns == [("n", [1], "COLL_SCALAR", "int"), ("t", [b"x"], None, None)]


def test_damaged_data_is_an_error_that_names_the_item(tmp_path):
    service = new_service(tmp_path, fletcher32=True)
    apply(service, leaf("results.r", array("x", np.arange(100_000))))
    with h5py.File(service.filename, "r") as file:
        offset = file["traj/results/r/x"].id.get_chunk_info(0).byte_offset
    with open(service.filename, "r+b") as stream:
        stream.seek(offset)
        stream.write(b"\xff" * 100)
    with pytest.raises(ValueError, match="'x' at /traj/results/r"):
        read(service, "results.r")


def test_a_group_without_overview_is_no_trajectory(tmp_path):
    service = new_service(tmp_path)
    with h5py.File(service.filename, "a") as file:
        file.create_group("alien")
        del file["traj/overview/info"]
    assert service.trajectory_names() == [TRAJ]
    for name in ("alien", TRAJ):
        with pytest.raises(DataNotInStorageError, match="overview/info"):
            service.read_meta(name, with_runs=False)


# ----- files of very old versions ----------------------------------------------------------------


@pytest.fixture
def old_file(tmp_path):
    """A file as of version 0.1b.6 under Python 2: byte strings, other names, fewer tables."""
    path = str(tmp_path / "old.hdf5")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tables.open_file(path, "w") as file:
            file.create_group("/", "old")
            overview = file.create_group("/old", "overview")
            info = np.array(
                [(b"old", b"2014_08_20_13h48m42s", 2, 1408535322.5, b"legacy", b"0.1b.6")],
                dtype=[
                    ("name", "S256"),
                    ("time", "S20"),
                    ("length", "i4"),
                    ("timestamp", "f8"),
                    ("comment", "S512"),
                    ("version", "S20"),
                ],
            )
            file.create_table(overview, "info", obj=info)
            runs = np.array(
                [(0, b"run_00000000", 5.0, 1), (1, b"run_00000001", 6.0, 0)],
                dtype=[("idx", "i4"), ("name", "S128"), ("timestamp", "f8"), ("completed", "i4")],
            )
            file.create_table(overview, "runs", obj=runs)
            for name in ("x", "y"):
                node = file.create_group("/old/parameters", name, createparents=True)
                node._v_attrs.SRVC_LEAF = 1
                node._v_attrs.SRVC_INIT_CLASS_NAME = b"Parameter"
                node._v_attrs.SRVC_INIT_COMMENT = b"byte string"
            file.root.old.parameters.x._v_attrs.SRVC_INIT_LENGTH = 2
            data = file.create_array("/old/parameters/x", "data", b"text")
            data.attrs.SRVC_STORE = b"ARRAY"
            data.attrs.SRVC_DATA_COLL_TYPE = b"COLL_SCALAR"
            data.attrs.SRVC_DATA_SCALAR_TYPE = b"<type 'str'>"
    return path


def test_very_old_files_are_read(old_file, caplog):
    service = HDF5StorageService(filename=old_file)
    assert service.trajectory_names() == ["old"]
    with caplog.at_level(logging.WARNING):
        found = service.read_meta("old", with_runs=True)
    assert "settings" in caplog.text
    assert found.info == ("old", "2014_08_20_13h48m42s", 1408535322.5, "legacy", 2, "0.1b.6", "")
    assert found.explorations == ("parameters.x",)
    assert dict(found.settings) == {}
    assert found.runs.completed.tolist() == [1, 0]
    records = list(
        service.read_nodes("old", "", recursive=True, max_depth=None, wants=lambda path: True)
    )
    assert paths(records) == ["", "parameters", "parameters.x", "parameters.y"]
    x = records[2]
    assert (x.kind, x.class_name, x.comment) == ("leaf", "Parameter", "byte string")
    (item,) = x.items
    assert item.value.tobytes() == b"text"
    assert (item.flag, item.collection, item.scalar) == ("ARRAY", "COLL_SCALAR", "<type 'str'>")
