"""What a table can do: rows, orders, columns, frames of pandas."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import MissingDependencyError
from pypet.tables import Column, RunTable
from pypet.tables.datasets import to_dataset


def column(name, values, missing=None, kind="result", **more):
    values = np.asarray(values)
    missing = np.zeros(len(values), bool) if missing is None else np.asarray(missing)
    return Column(name, values, missing, kind, **more)


def table_of(*columns, indices=None):
    length = len(columns[0])
    indices = np.arange(length) if indices is None else np.asarray(indices)
    named = {each.name: each for each in (column("run", indices, kind="run"), *columns)}
    return RunTable("t", indices, named)


@pytest.fixture
def table():
    return table_of(
        column(
            "x", [3.0, 1.0, 2.0, 1.0], kind="parameter", explored=True, full_name="parameters.x"
        ),
        column("net.size", [1, 1, 2, 2], kind="parameter", full_name="parameters.net.size"),
        column("z", [5, 0, 7, 6], [False, True, False, False], comment="product"),
        column("name", ["b", "a", "", "c"], [False, False, True, False]),
    )


def test_columns_are_found_by_name_and_by_what_full_names_end_with(table):
    assert table["x"] is table["parameters.x"]
    assert table["size"].name == "net.size"
    assert "x" in table
    assert "size" not in table
    assert list(table) == ["run", "x", "net.size", "z", "name"]
    with pytest.raises(KeyError, match=r"no column 'zz'; there are: run, x, net.size, z, name"):
        table["zz"]
    twice = table_of(column("a.z", [1], full_name="a.z"), column("b.z", [1], full_name="b.z"))
    with pytest.raises(KeyError, match=r"'z' may be 'a.z' or 'b.z'"):
        twice["z"]


def test_selecting_rows(table):
    for rows in (np.array([False, True, False, True]), [1, 3], np.array([1, 3]), slice(1, None, 2)):
        selected = table.select(rows)
        assert len(selected) == 2
        assert selected.indices.tolist() == selected["run"].values.tolist() == [1, 3]
        assert selected["z"].missing.tolist() == [True, False]
    assert table.select([2, 0]).indices.tolist() == [2, 0]
    assert len(table.select([])) == 0
    with pytest.raises(IndexError):
        table.select([4])


def test_sorting_keeps_the_order_of_equal_rows_and_puts_missing_ones_last(table):
    assert table.sorted_by("x").indices.tolist() == [1, 3, 2, 0]
    assert table.sorted_by("x", descending=True).indices.tolist() == [0, 2, 1, 3]
    assert table.sorted_by("z").indices.tolist() == [0, 3, 2, 1]
    assert table.sorted_by("z", descending=True).indices.tolist() == [2, 3, 0, 1]
    assert table.sorted_by("name").indices.tolist() == [1, 0, 3, 2]
    assert table_of(column("z", [2.0, np.nan, 1.0])).sorted_by("z").indices.tolist() == [2, 0, 1]
    mixed = table_of(column("z", np.array([1, "a"], object)))
    with pytest.raises(TypeError, match="cannot be sorted by 'z'"):
        mixed.sorted_by("z")
    with pytest.raises(TypeError, match="complex numbers have no order"):
        table_of(column("z", [1j, 2j])).sorted_by("z")


def test_what_is_missing(table):
    assert table.missing_runs().tolist() == [1, 2]
    assert table.missing_runs("z").tolist() == [1]
    assert table.missing_text() == "z in 1 of 4 runs (1); name in 1 of 4 runs (2)"
    assert table_of(column("z", [1])).missing_text() == ""


def test_frames(table):
    pandas = pytest.importorskip("pandas")
    frame = table.to_dataframe()
    assert list(frame.columns) == ["x", "net.size", "z", "name"]
    assert frame.index.name == "run"
    assert frame.index.tolist() == [0, 1, 2, 3]
    assert frame["net.size"].dtype == np.int64
    assert frame["z"].dtype == np.float64
    assert frame.isna().sum().to_dict() == {"x": 0, "net.size": 0, "z": 1, "name": 1}
    assert frame.attrs == {
        "trajectory": "t",
        "comments": {"z": "product"},
        "missing_runs": {"z": [1], "name": [2]},
    }
    large = table_of(column("z", [2**60 + 1, 0], [False, True])).to_dataframe()
    assert large["z"].tolist()[0] == 2**60 + 1
    assert pandas.isna(large["z"][1])
    flags = table_of(column("z", [True, False], [False, True])).to_dataframe()
    assert flags["z"].tolist()[0] is True
    assert pandas.isna(flags["z"][1])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.none(), st.integers(-9, 9)), min_size=1, max_size=12), st.booleans())
def test_sorting_is_that_of_python(values, descending):
    missing = [value is None for value in values]
    table = table_of(column("z", [value or 0 for value in values], missing))
    present = [idx for idx, value in enumerate(values) if value is not None]
    expected = sorted(present, key=lambda idx: -values[idx] if descending else values[idx])
    expected += [idx for idx, value in enumerate(values) if value is None]
    assert table.sorted_by("z", descending).indices.tolist() == expected


def test_absent_packages_are_named_with_the_extra(table, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "pypet\[xarray\]"'):
        table.to_dataframe()
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "pypet\[xarray\]"'):
        to_dataset(table)
