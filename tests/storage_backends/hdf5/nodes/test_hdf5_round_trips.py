"""What is put into the file comes out the same."""

from typing import Any

import numpy as np
import pytest

from pypet.records import ArrayItem, Column, FrameItem, TableItem
from tests.storage_backends.hdf5.record_makers import (
    apply,
    array,
    group,
    items_of,
    leaf,
    meta,
    new_service,
    number,
    read,
)

pytest.importorskip("h5py")


def scalar(value: Any, name: str, flavor: str = "python") -> ArrayItem:
    return ArrayItem("x", "ARRAY", np.asarray(value), "COLL_SCALAR", name, flavor)


ARRAYS = [
    scalar(True, "bool"),
    scalar(3, "int"),
    scalar(np.uint64(2**63), "int"),
    scalar(-2.5, "float"),
    scalar(1 - 2j, "complex"),
    scalar(np.array(b"text"), "str"),
    scalar(np.array(b"ends with NUL\0"), "bytes"),
    scalar(np.array(b"x" * 5000), "bytes"),
    scalar(np.array(b"\0"), "str"),
    scalar(np.int8(-3), "int8", "numpy"),
    scalar(np.uint16(7), "uint16", "numpy"),
    scalar(np.float32(0.5), "float32", "numpy"),
    scalar(np.complex64(1j), "complex64", "numpy"),
    scalar(np.bool_(True), "bool_", "numpy"),
    ArrayItem("x", "ARRAY", np.arange(3), "COLL_LIST", "int"),
    ArrayItem("x", "ARRAY", np.array([b"a", b"bcd"]), "COLL_TUPLE", "str"),
    ArrayItem("x", "ARRAY", np.empty(0), "COLL_LIST", None),
    ArrayItem("x", "ARRAY", np.empty((0, 3), np.int16), "COLL_NDARRAY", None, "numpy"),
    ArrayItem("x", "ARRAY", np.array(7.5), "COLL_NDARRAY", None, "numpy"),
    ArrayItem("x", "CARRAY", np.arange(6).reshape(2, 3), "COLL_NDARRAY", None, "numpy"),
    ArrayItem("x", "CARRAY", np.eye(2), "COLL_MATRIX", None, "numpy"),
    ArrayItem("x", "CARRAY", np.array([True, False]), "COLL_NDARRAY", None, "numpy"),
    ArrayItem("x", "CARRAY", np.ones((2, 2), "c16") * 1j, "COLL_NDARRAY", None, "numpy"),
    ArrayItem("x", "CARRAY", np.ones(3, np.float16), "COLL_NDARRAY", None, "numpy"),
    ArrayItem("x", "CARRAY", np.array([b"a", b"bc"]), "COLL_NDARRAY", "str", "numpy"),
    ArrayItem(
        "x", "CARRAY", np.random.default_rng(1).random((300, 200)), "COLL_NDARRAY", None, "numpy"
    ),
    ArrayItem("x", "CARRAY", np.arange(10)[::2], "COLL_NDARRAY", None, "numpy"),
    ArrayItem("x", "CARRAY", np.arange(3), "COLL_LIST", "int"),
    ArrayItem("x", "EARRAY", np.arange(4.0), "COLL_NDARRAY", None, "numpy"),
]


def assert_same_array(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert found.tobytes() == np.array(expected, order="C").tobytes()


@pytest.mark.parametrize("item", ARRAYS, ids=lambda item: f"{item.flag}-{item.value.dtype}")
@pytest.mark.parametrize("complevel", [0, 9])
def test_arrays_come_back(tmp_path, item, complevel):
    service = new_service(tmp_path, complevel=complevel)
    apply(service, leaf("results.r", item))
    found = items_of(service, "results.r")["x"]
    assert_same_array(found.value, item.value)
    assert found._replace(value=None) == item._replace(value=None)


@pytest.mark.parametrize("fletcher32", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_filters_do_not_change_data(tmp_path, shuffle, fletcher32):
    service = new_service(tmp_path, shuffle=shuffle, fletcher32=fletcher32, complevel=4)
    items = [array("small", np.arange(3)), array("large", np.arange(50_000))]
    apply(service, leaf("results.r", *items))
    found = items_of(service, "results.r")
    for item in items:
        assert_same_array(found[item.name].value, item.value)


def test_big_endian_arrays_come_back_native(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", array("x", np.arange(5, dtype=">i4"))))
    found = items_of(service, "results.r")["x"].value
    assert found.dtype == np.dtype("=i4")
    assert found.tolist() == [0, 1, 2, 3, 4]


def test_variable_length_arrays_come_back_as_rows(tmp_path):
    service = new_service(tmp_path)
    ragged = np.empty(2, object)
    ragged[:] = [np.arange(3), np.arange(5)]
    apply(
        service,
        leaf(
            "results.r",
            ArrayItem("one", "VLARRAY", np.arange(4), "COLL_NDARRAY", None, "numpy"),
            ArrayItem("two", "VLARRAY", ragged, "COLL_NDARRAY", None, "numpy"),
        ),
    )
    found = items_of(service, "results.r")
    assert [row.tolist() for row in found["one"].value] == [[0, 1, 2, 3]]
    assert [row.tolist() for row in found["two"].value] == [[0, 1, 2], [0, 1, 2, 3, 4]]


def table(flag: str, rows: int) -> TableItem:
    return TableItem(
        "t",
        flag,
        (
            Column("a b", np.arange(rows), "COLL_SCALAR", "int"),
            Column("flags", np.ones((rows, 2), bool), "COLL_NDARRAY", None),
            Column("text.", np.array([b"x", b"yz"] * rows)[:rows], "COLL_SCALAR", "str"),
            Column("words", np.array([[b"ab", b"c"]] * rows, "S4"), "COLL_TUPLE", "str"),
            Column("z", np.full(rows, 1j), "COLL_SCALAR", "complex"),
        ),
    )


@pytest.mark.parametrize(
    "item",
    [table("DICT", 1), table("TABLE", 3), table("TABLE", 5000)],
    ids=["dict", "small", "large"],
)
def test_tables_come_back(tmp_path, item):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", item))
    found = items_of(service, "results.r")["t"]
    assert found.flag == item.flag
    assert [c._replace(values=None) for c in found.columns] == [
        c._replace(values=None) for c in item.columns
    ]
    for column, expected in zip(found.columns, item.columns, strict=True):
        assert_same_array(column.values, expected.values)


def test_tables_without_rows_come_back(tmp_path):
    service = new_service(tmp_path)
    item = TableItem("t", "TABLE", (Column("a", np.empty(0), None, None),))
    apply(service, leaf("results.r", item))
    (column,) = items_of(service, "results.r")["t"].columns
    assert column.name == "a"
    assert column.values.shape == (0,)


@pytest.mark.parametrize("count", [512, 513, 1100])
def test_dictionaries_of_many_keys_come_back(tmp_path, count):
    service = new_service(tmp_path)
    columns = tuple(
        Column(f"k{index:04}", np.array([index]), "COLL_SCALAR", "int") for index in range(count)
    )
    apply(service, leaf("results.r", TableItem("d", "DICT", columns)))
    found = items_of(service, "results.r")["d"]
    assert found.flag == "DICT"
    assert [(c.name, c.values.item(), c.scalar) for c in found.columns] == [
        (f"k{index:04}", index, "int") for index in range(count)
    ]


def test_nested_items_come_back_under_their_dotted_names(tmp_path):
    service = new_service(tmp_path)
    items = [number("a.b.c", 1), array("a.b.d", [1, 2]), number("a.e", 2), number("top", 3)]
    apply(service, leaf("results.r", *items))
    assert list(items_of(service, "results.r")) == ["a.b.c", "a.b.d", "a.e", "top"]


def test_an_item_in_the_way_of_nested_ones_is_an_error(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", number("a", 1)))
    with pytest.raises(ValueError, match=r"'results\.r' cannot be nested below 'a'"):
        apply(service, leaf("results.r", number("a.b", 1)))
    assert list(items_of(service, "results.r")) == ["a"]


def test_item_filter_chooses_items(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", number("a.b", 1), number("a.c", 2), number("d", 3)))
    (record,) = read(service, "results.r", item_filter=lambda name: name in ("a.c", "d"))
    assert [item.name for item in record.items] == ["a.c", "d"]


@pytest.mark.parametrize("pandas_format", ["fixed", "table"])
def test_pandas_items_come_back(tmp_path, pandas_format):
    pd = pytest.importorskip("pandas")
    service = new_service(tmp_path, pandas_format=pandas_format)
    frame = pd.DataFrame({"a": [1, 2, 3], "t": ["x", "y", "z"]}, index=[3, 4, 5])
    series = pd.Series([1.5, 2.5], name="s")
    apply(
        service,
        leaf(
            "results.r",
            FrameItem("frame", "FRAME", frame),
            number("n", 1),
            FrameItem("nested.series", "SERIES", series),
        ),
    )
    found = items_of(service, "results.r")
    assert list(found) == ["frame", "n", "nested.series"]
    assert found["frame"].flag == "FRAME"
    pd.testing.assert_frame_equal(
        found["frame"].value,
        frame.astype({"t": object}),
        check_dtype=False,
        check_column_type=False,
    )
    pd.testing.assert_series_equal(found["nested.series"].value, series)


def test_text_of_pandas_is_kept_as_objects(tmp_path):
    pd = pytest.importorskip("pandas")
    service = new_service(tmp_path)
    series = pd.Series(["a", None, "c"], dtype="string")
    apply(service, leaf("results.r", FrameItem("s", "SERIES", series)))
    found = items_of(service, "results.r")["s"].value
    assert found.tolist()[0] == "a"
    assert found.tolist()[2] == "c"


ANNOTATIONS = {
    "flag": True,
    "count": 3,
    "ratio": 0.5,
    "phase": 1j,
    "text": "Grüße",
    "empty": "",
    "nul": "a\0b",
    "raw": b"bytes",
    "like_a_pickle": b"N.",
    "no_bytes": b"",
    "single": np.float32(1.5),
    "vector": np.arange(3),
    "matrix": np.eye(2),
    "truths": np.array([True, False]),
    "none": None,
    "list": [1, "a"],
    "dict": {"a": 1},
    "words": np.array(["a", "bc"]),
    "huge": 2**70,
}


@pytest.mark.parametrize("place", ["leaf", "group", "root"])
def test_annotations_come_back(tmp_path, place):
    service = new_service(tmp_path)
    if place == "leaf":
        apply(service, leaf("results.r", number("x", 1), annotations=ANNOTATIONS))
        (record,) = read(service, "results.r")
    elif place == "group":
        apply(service, group("results.g", annotations=ANNOTATIONS))
        (record,) = read(service, "results.g")
    else:
        apply(service, meta(is_new=False, annotations=ANNOTATIONS))
        record = service.read_meta("traj", with_runs=False)
    assert set(record.annotations) == set(ANNOTATIONS)
    for name, value in ANNOTATIONS.items():
        np.testing.assert_equal(record.annotations[name], value)


def test_comments_of_any_language_come_back(tmp_path):
    service = new_service(tmp_path)
    comment = "Größe µ 世界 " * 400
    apply(service, group("results.g", comment=comment), meta(is_new=False, comment=comment))
    (record,) = read(service, "results.g")
    assert record.comment == comment
    assert service.read_meta("traj", with_runs=False).info.comment == comment


def test_a_comment_beyond_the_place_that_hdf5_has_is_an_error(tmp_path):
    service = new_service(tmp_path)
    with pytest.raises(ValueError, match="64000") as caught:
        apply(service, group("results.g", comment="x" * 70_000))
    assert any("results.g" in note for note in caught.value.__notes__)
