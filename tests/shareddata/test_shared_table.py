"""Handles on tables, with the store closed and open."""

from __future__ import annotations

import numpy as np
import pytest
import tables

from pypet import ObjectTable, SharedResult, SharedTable, StorageContextManager


class Description(tables.IsDescription):
    x = tables.IntCol()
    text = tables.StringCol(8)


@pytest.fixture
def table(traj, store):
    return filled_table(traj)


def filled_table(traj):
    """Ten rows: x from 0 to 9, x squared, and a text."""
    result = traj.f_add_result(SharedResult, "group.table", SharedTable())
    result.create_shared_data(first_row={"x": 0, "square": 0.0, "text": "row 0"})
    result.table.append([(float(x**2), b"row %d" % x, x) for x in range(1, 10)])
    return result.table


def test_the_first_row_makes_the_columns(table):
    assert table.colnames == ["square", "text", "x"]
    assert table.nrows == len(table) == 10
    assert table.coldtypes["text"] == np.dtype("S7")
    assert table.coltypes["square"] == "float64"
    assert table.read()[0].item() == (0.0, b"row 0", 0)


@pytest.mark.parametrize("description", [Description, {"x": tables.IntCol()}])
def test_a_description_makes_an_empty_table(traj, store, description):
    result = traj.f_add_result(SharedResult, "described", SharedTable())
    result.create_shared_data(description=description)
    assert len(result.described) == 0
    assert "x" in result.described.colnames


def test_an_object_table_becomes_a_table(traj, store):
    result = traj.f_add_result(SharedResult, "made", SharedTable())
    result.create_shared_data(obj=ObjectTable({"a": [1, 2], "b": ["u", "v"]}))
    assert result.made.col("a").tolist() == [1, 2]
    assert result.made.col("b").tolist() == [b"u", b"v"]


def test_a_structured_array_becomes_a_table(traj, store):
    rows = np.array([(1, 2.0)], dtype=[("a", int), ("b", float)])
    result = traj.f_add_result(SharedResult, "made", SharedTable())
    result.create_shared_data(obj=rows)
    assert result.made.read().tolist() == [(1, 2.0)]


def test_attributes_describe_the_table(table):
    assert table.colpathnames == ["square", "text", "x"]
    assert set(table.coldescrs) == {"square", "text", "x"}
    assert table.colindexed == {"square": False, "text": False, "x": False}
    assert table.indexed is False
    assert table.indexedcolpathnames == []
    assert table.extdim == 0
    assert table.rowsize == 8 + 7 + 8
    assert table.description._v_names == ["square", "text", "x"]


def test_rows_are_read(table):
    assert table.col("x").tolist() == list(range(10))
    assert table.read(2, 8, 3)["x"].tolist() == [2, 5]
    assert table.read(field="x", stop=2).tolist() == [0, 1]
    assert table.read_coordinates([1, 4])["x"].tolist() == [1, 4]
    assert table.read_coordinates([1, 4], field="square").tolist() == [1.0, 16.0]
    assert table[3]["x"] == 3
    assert table[2:4]["x"].tolist() == [2, 3]
    assert [row["x"] for row in table] == list(range(10))
    with pytest.raises(TypeError):
        table.get_enum("x")


def test_rows_are_searched(table):
    assert table.get_where_list("x > 7").tolist() == [8, 9]
    assert table.read_where("(x > low) & (x < 5)", {"low": 2})["x"].tolist() == [3, 4]
    assert table.read_where("x > 7", field="square").tolist() == [64.0, 81.0]
    assert table.will_query_use_indexing("x > 7") == frozenset()


def test_rows_are_changed(table):
    table[0] = (-1.0, b"new", 100)
    assert table[0]["x"] == 100
    table.modify_column(start=1, stop=3, column=[11, 12], colname="x")
    assert table.col("x").tolist()[:4] == [100, 11, 12, 3]
    columns = [np.array([0.5, 0.6]), np.array([21, 22])]
    assert table.modify_columns(1, 3, 1, columns, ["square", "x"]) == 2
    assert table.col("square").tolist()[1:3] == [0.5, 0.6]
    assert table.col("x").tolist()[1:3] == [21, 22]
    table.modify_coordinates([4], [(0.0, b"", 44)])
    table.modify_rows(5, 6, 1, [(0.0, b"", 55)])
    assert table.col("x").tolist()[4:6] == [44, 55]
    table.remove_row(0)
    table.remove_rows(0, 2)
    assert table.col("x").tolist() == [3, 44, 55, 6, 7, 8, 9]


def test_columns_are_indexed(table):
    assert table.create_index("x", optlevel=3, kind="light") == 10
    assert table.create_csindex("square") == 10
    assert table.indexed
    assert set(table.indexedcolpathnames) == {"x", "square"}
    assert table.will_query_use_indexing("x > 7") == frozenset({"x"})
    assert table.read_sorted("square", checkCSI=True, step=-1)["x"].tolist()[:2] == [9, 8]
    table.reindex("x")
    table.reindex()
    table.reindex_dirty("x")
    table.reindex_dirty()
    table.remove_index("x")
    assert table.indexedcolpathnames == ["square"]


def test_indexing_automatically_can_be_switched_off(table):
    assert table.autoindex is True
    table.autoindex = False
    assert table.autoindex is False


def test_what_lives_in_the_store_needs_it_open(traj):
    table = filled_table(traj)
    for use in (
        lambda: table.row,
        lambda: table.cols,
        lambda: table.colindexes,
        table.iterrows,
        lambda: table.itersequence([1]),
        lambda: table.itersorted("x"),
        lambda: table.where("x > 1"),
        lambda: table.append_where(table, "x > 1"),
        table.flush,
        table.flush_rows_to_index,
    ):
        with pytest.raises(TypeError, match="needs an open store"):
            use()


def test_rows_are_appended_one_by_one_in_an_open_store(traj):
    result = traj.f_add_result(SharedResult, "rows", SharedTable())
    result.create_shared_data(description=Description)
    table = result.rows
    with StorageContextManager(traj):
        row = table.row
        for x in range(5):
            row["x"] = x
            row["text"] = f"t{x}"
            row.append()
        table.flush()
        assert [row["x"] for row in table.iterrows(1, 3)] == [1, 2]
        assert [row["x"] for row in table.where("x > 2")] == [3, 4]
        assert [row["x"] for row in table.itersequence([4, 0])] == [4, 0]
        table.create_csindex("x")
        assert [row["x"] for row in table.itersorted("x", step=-1)] == [4, 3, 2, 1, 0]
        assert table.cols.x[2] == 2
        assert table.colindexes["x"].is_csi
        table.append([(b"", 9)])
        assert table.flush_rows_to_index() >= 0
    assert table.read()["x"].tolist() == [0, 1, 2, 3, 4, 9]
    assert table.read()["text"].tolist()[1] == b"t1"


def test_rows_are_appended_to_another_table(traj):
    result = traj.f_add_result(SharedResult, "two", a=SharedTable(), b=SharedTable())
    for name in ("a", "b"):
        result.create_shared_data(name, description={"x": tables.IntCol()})
    result.a.append([(1,), (2,), (3,)])
    with StorageContextManager(traj):
        assert result.a.append_where(result.b, "x > 1") == 2
        assert result.a.append_where(result.b.get_data_node(), "x > 2") == 1
    assert result.b.col("x").tolist() == [2, 3, 3]


def test_nested_columns_are_named_by_paths(traj, store):
    nested = {"a": {"b": tables.IntCol()}, "c": tables.IntCol()}
    result = traj.f_add_result(SharedResult, "nested", SharedTable())
    result.create_shared_data(description=nested)
    assert set(result.nested.colpathnames) == {"a/b", "c"}
    result.nested.create_index("a/b")
    assert result.nested.indexedcolpathnames == ["a/b"]
