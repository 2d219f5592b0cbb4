"""Bare PyTables finds its own layout in the files, down to the types of attributes."""

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import tables

from pypet.records import ArrayItem, Column, TableItem
from tests.storage_backends.hdf5.pytables_layout import layout, raw_attributes, raw_type
from tests.storage_backends.hdf5.record_makers import (
    apply,
    array,
    group,
    leaf,
    new_service,
    number,
)

pytestmark = pytest.mark.filterwarnings("ignore::tables.NaturalNameWarning")

FILTERS = tables.Filters(complevel=9, complib="zlib", shuffle=True)
VALUES = {
    "text": "Grüße",
    "empty": "",
    "yes": True,
    "int": 3,
    "float": 0.5,
    "complex": 1j,
    "bytes": b"xy",
    "none": None,
    "list": [1, "a"],
    "array": np.arange(3),
    "truths": np.array([True, False]),
    "single": np.float32(2),
}


@pytest.fixture
def reference(tmp_path):
    path = tmp_path / "reference.hdf5"
    with tables.open_file(str(path), "w", title="traj", filters=FILTERS) as file:
        yield file
    assert path.exists()


def attributes_of_both(service, node, reference, reference_node):
    reference.flush()
    path = reference.filename
    reference.close()
    ours = raw_attributes(service.filename, node)
    return ours, raw_attributes(path, reference_node)


def test_the_root_group_is_that_of_pytables(tmp_path, reference):
    service = new_service(tmp_path, file_title="traj")
    ours, theirs = attributes_of_both(service, "/", reference, "/")
    assert ours == theirs


def test_groups_have_the_attributes_of_pytables(tmp_path, reference):
    service = new_service(tmp_path)
    apply(service, group("results.g", annotations=VALUES))
    apply(service, *[group(f"results.g{index}") for index in range(70)])
    made = reference.create_group("/", "g")
    for name, value in VALUES.items():
        made._v_attrs[f"SRVC_AN_{name}"] = value
    made._v_attrs.SRVC_ANNOTATED = True
    ours, theirs = attributes_of_both(service, "/traj/results/g", reference, "/g")
    assert ours == theirs
    plain = raw_attributes(service.filename, "/traj/results/g7")
    assert plain == {name: theirs[name] for name in ("CLASS", "FILTERS", "TITLE", "VERSION")}


SCALARS = [True, 3, 2.5, 1j, b"abc", np.int8(3), np.float32(2.5)]


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_scalars_are_arrays_of_pytables(tmp_path, reference, value):
    service = new_service(tmp_path)
    flavor = "numpy" if isinstance(value, np.generic) else "python"
    item = ArrayItem("x", "ARRAY", np.asarray(value), "COLL_SCALAR", type(value).__name__, flavor)
    apply(service, leaf("results.r", item))
    made = reference.create_array("/", "x", value)
    made._v_attrs.SRVC_DATA_COLL_TYPE = "COLL_SCALAR"
    made._v_attrs.SRVC_DATA_SCALAR_TYPE = type(value).__name__
    made._v_attrs.SRVC_STORE = "ARRAY"
    expected = made.read()
    ours, theirs = attributes_of_both(service, "/traj/results/r/x", reference, "/x")
    assert ours == theirs
    assert raw_type(service.filename, "/traj/results/r/x") == raw_type(reference.filename, "/x")
    with tables.open_file(service.filename) as file:
        node = file.root.traj.results.r.x
        assert type(node) is tables.Array
        assert node.read() == expected
        assert type(node.read()) is type(expected)


@pytest.mark.parametrize("size", [3, 100_000])
@pytest.mark.parametrize("flag", ["CARRAY", "EARRAY"])
def test_arrays_are_chunked_arrays_of_pytables(tmp_path, reference, flag, size):
    service = new_service(tmp_path)
    value = np.arange(size)
    item = ArrayItem("x", flag, value, "COLL_NDARRAY", None, "numpy")
    apply(service, leaf("results.r", item))
    create = reference.create_carray if flag == "CARRAY" else reference.create_earray
    made = create("/", "x", obj=value)
    made._v_attrs.SRVC_DATA_COLL_TYPE = "COLL_NDARRAY"
    made._v_attrs.SRVC_STORE = flag
    ours, theirs = attributes_of_both(service, "/traj/results/r/x", reference, "/x")
    assert ours == theirs
    with tables.open_file(service.filename, "a") as file:
        node = file.root.traj.results.r.x
        assert str(node.attrs.CLASS) == flag
        np.testing.assert_array_equal(node.read(), value)
        assert node.filters.complevel == 9
        if flag == "EARRAY":
            node.append([7])
            assert node[-1] == 7


@pytest.mark.parametrize("rows", [1, 3, 40_000])
def test_tables_are_those_of_pytables(tmp_path, reference, rows):
    service = new_service(tmp_path)
    columns = {
        "a": np.arange(rows),
        "b": np.ones(rows, bool),
        "c": np.full(rows, 1j),
        "d": np.zeros((rows, 2, 3), np.float32),
        "e": np.full(rows, b"text", "S6"),
        "f": np.full((rows, 2), b"x", "S2"),
        "g": np.zeros((rows, 2), bool),
    }
    item = TableItem(
        "t", "TABLE", tuple(Column(name, v, "COLL_SCALAR", "int") for name, v in columns.items())
    )
    apply(service, leaf("results.r", item))
    dtype = [(name, value.dtype, value.shape[1:]) for name, value in columns.items()]
    records = np.zeros(rows, dtype)
    for name, value in columns.items():
        records[name] = value
    made = reference.create_table("/", "t", obj=records, title="t")
    for name in columns:
        made.attrs[f"SRVC_COLUMN_{name}_COLL_TYPE"] = "COLL_SCALAR"
        made.attrs[f"SRVC_COLUMN_{name}_SCALAR_TYPE"] = "int"
    made.attrs.SRVC_STORE = "TABLE"
    ours, theirs = attributes_of_both(service, "/traj/results/r/t", reference, "/t")
    assert ours == theirs
    assert raw_type(service.filename, "/traj/results/r/t") == raw_type(reference.filename, "/t")
    with tables.open_file(service.filename, "a") as file:
        node = file.root.traj.results.r.t
        assert (node.read() == records).all()
        node.append(records[:1])
        node.flush()
        assert node.nrows == rows + 1


def test_overview_tables_have_the_attributes_of_pytables(tmp_path, reference):
    service = new_service(tmp_path, file_title="traj")
    with tables.open_file(service.filename) as file:
        for table in file.iter_nodes("/traj/overview"):
            reference.create_table("/", table.name, obj=table.read(), title=table.title)
    path = reference.filename
    reference.close()
    with tables.open_file(path) as file:
        names = [table.name for table in file.iter_nodes("/")]
    assert len(names) == 9
    for name in names:
        ours = raw_attributes(service.filename, f"/traj/overview/{name}")
        assert ours == raw_attributes(path, f"/{name}")
        kinds = [raw_type(service.filename, f"/traj/overview/{name}"), raw_type(path, f"/{name}")]
        assert kinds[0] == kinds[1]


def test_pytables_may_change_a_file(tmp_path):
    service = new_service(tmp_path)
    runs = [leaf(f"results.runs.run_{index:08}.z", number("z", index)) for index in range(50)]
    apply(service, *runs)
    with tables.open_file(service.filename, "a") as file:
        first = file.get_node("/traj/results/runs/run_00000000")
        for index in range(20):
            file.create_array(first, f"new{index}", index)
        file.remove_node("/traj/results/runs/run_00000001", recursive=True)
        file.rename_node("/traj/results/runs/run_00000002", "renamed")
        file.copy_node("/traj/results", "/", "copy", recursive=True)
    with tables.open_file(service.filename) as file:
        assert file.get_node("/copy/runs/renamed/z/z").read() == 2.0
        assert file.get_node("/traj/results/runs/run_00000000/new19").read() == 19
    apply(service, leaf("results.runs.run_00000001.z", number("z", -1)))
    with tables.open_file(service.filename) as file:
        assert file.get_node("/traj/results/runs/run_00000001/z/z").read() == -1.0


def test_everything_made_from_templates_is_walked_by_pytables(tmp_path):
    service = new_service(tmp_path, complevel=1)
    names = [f"n{index}" for index in range(30)]
    items = [number(name, index) for index, name in enumerate(names)]
    apply(service, leaf("results.runs.run_00000000.many", *items, array("arr", np.arange(5))))
    found = layout(service.filename, "traj/results")
    for name in names:
        node = found[f"/traj/results/runs/run_00000000/many/{name}"]
        assert node["k"] == "ARRAY"
        assert node["attrs"]["SRVC_STORE"] == "ARRAY"
    assert found["/traj/results/runs/run_00000000/many/arr"]["filters"] == ["zlib", 1, True, False]
