"""Frames, series and object tables."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

from pypet.encoding import decode_item, encode_value, pandas_flag
from pypet.errors import NoSuchServiceError
from pypet.records import FrameItem, TableItem
from tests.encoding.exactly import same

pd = pytest.importorskip("pandas")

from pypet.encoding.object_table import ObjectTable  # noqa: E402 - needs pandas


def test_object_table_keeps_every_cell_what_it_is():
    table = ObjectTable({"a": [1, 2], "b": ["x", 2.5], "c": [np.int8(1), None]})

    assert same(table["a"].tolist(), [1, 2])
    assert same(table["b"].tolist(), ["x", 2.5])
    assert set(table.dtypes) == {np.dtype(object)}


def test_parts_of_an_object_table_are_plain_frames():
    table = ObjectTable({"a": [1, 2]})

    assert type(table.copy()) is pd.DataFrame
    assert type(table[:1]) is pd.DataFrame


def test_object_table_can_be_pickled_and_copied():
    table = ObjectTable({"a": [1, 2]})

    assert same(pickle.loads(pickle.dumps(table)), table)
    assert copy.deepcopy(table)["a"].tolist() == [1, 2]


def test_object_table_becomes_a_table_with_sorted_columns():
    table = ObjectTable(
        {
            "z": [1, 2**40],
            "a": ["ä", "bcd"],
            "l": [[1, 2], [3, 4]],
            "t": [(1.5,), (2.5,)],
            "n": [np.eye(2), np.ones((2, 2))],
            "b": [np.bool_(True), np.bool_(False)],
        }
    )

    item = encode_value("tab", table)

    assert isinstance(item, TableItem)
    assert item.flag == "TABLE"
    assert [column.name for column in item.columns] == list("ablntz")
    assert item.columns[0].values.dtype == np.dtype("S4")
    assert item.columns[-1].values.dtype == np.int64
    assert same(decode_item(item), ObjectTable(table[sorted(table.columns)]))


@pytest.mark.parametrize("table", [{}, {"a": [], "b": []}])
def test_empty_object_tables_come_back(table):
    back = decode_item(encode_value("tab", ObjectTable(table)))

    assert type(back) is ObjectTable
    assert list(back.columns) == list(table)
    assert len(back) == 0


def test_columns_of_several_types_and_none_come_back():
    table = ObjectTable({"b": [1, "x", None], "c": [None, 2.5, np.int8(3)]})

    assert same(decode_item(encode_value("tab", table)), table)


def test_column_of_more_than_scalars_is_refused():
    with pytest.raises(TypeError, match=r"'tab\.b'"):
        encode_value("tab", ObjectTable({"b": [1, {}]}))


@pytest.mark.parametrize("columns", [[0, 1], ["a", "a"]])
def test_unusable_column_names_are_refused(columns):
    with pytest.raises(TypeError, match="'tab'"):
        encode_value("tab", ObjectTable([[1, 2]], columns=columns))


def test_frames_and_series_are_kept_as_they_are():
    frame, series = pd.DataFrame({"a": [1]}), pd.Series([1.5])

    assert encode_value("f", frame) == FrameItem("f", "FRAME", frame)
    assert encode_value("s", series) == FrameItem("s", "SERIES", series)
    assert decode_item(encode_value("f", frame)) is frame


def test_frame_with_table_flag_keeps_numpy_types():
    back = decode_item(encode_value("f", pd.DataFrame({"a": [1, 2]}), "TABLE"))

    assert same(list(back["a"]), [np.int64(1), np.int64(2)])


@pytest.mark.parametrize("flag", ["ARRAY", "CARRAY", "DICT", "SERIES"])
def test_frames_are_refused_under_other_flags(flag):
    with pytest.raises(TypeError, match=f"'f' of type DataFrame.*'{flag}'"):
        encode_value("f", pd.DataFrame({"a": [1]}), flag)


def test_flags_go_by_exact_type():
    class OwnFrame(pd.DataFrame):
        pass

    assert pandas_flag(pd.DataFrame()) == "FRAME"
    assert pandas_flag(pd.Series([], dtype=float)) == "SERIES"
    assert pandas_flag(ObjectTable()) == "TABLE"
    assert pandas_flag(OwnFrame()) is None
    with pytest.raises(NoSuchServiceError, match="OwnFrame"):
        encode_value("f", OwnFrame())
    assert encode_value("f", OwnFrame({"a": [1]}), "FRAME").flag == "FRAME"


def test_encoding_without_pandas_imports_none():
    code = (
        "import sys; from pypet.encoding import encode_value, decode_item; import pypet.parameter;"
        "[decode_item(encode_value('x', v)) for v in (1, 'a', [1], {'a': 1})];"
        "p = pypet.parameter.Parameter('p', 1); i = p._encode('utf8');"
        "q = pypet.parameter.Parameter('p'); q._decode({x.name: x for x in i}, 'utf8');"
        "assert q.f_get() == 1; assert not {'pandas', 'scipy'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)
