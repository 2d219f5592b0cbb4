"""Run tables brought up to date with changed rows."""

from __future__ import annotations

import numpy as np

from pypet.records import RunError, RunRows
from pypet.records.run_rows import merged_rows, text_columns


def rows(idx, completed, **kwargs):
    count = len(idx)
    return RunRows(
        idx=np.array(idx, np.int64),
        completed=np.array(completed, np.int8),
        timestamp=np.array(idx, float) + 100.0,
        finish_timestamp=np.array(idx, float) + 101.0,
        environment=np.zeros(count, np.int32),
        hexshas=("abcdefg",),
        explored={"parameters.x": list(range(10))},
        **kwargs,
    )


def test_rows_are_put_in_place_and_appended():
    table = merged_rows(rows([0, 1, 2], [0, 0, 0]), rows([1, 3], [1, 1]))
    assert table.idx.tolist() == [0, 1, 2, 3]
    assert table.completed.tolist() == [0, 1, 0, 1]
    assert table.timestamp.tolist() == [100.0, 101.0, 102.0, 103.0]
    assert table.text is None


def test_nothing_new_leaves_the_table_as_it_is():
    table = merged_rows(rows([0, 1], [1, 0]), rows([], []))
    assert table.completed.tolist() == [1, 0]


def test_names_are_kept_where_they_are_given():
    older = rows([0, 1], [0, 0], names=["a", "b"])
    assert merged_rows(older, rows([1, 2], [1, 1], names=["b", "c"])).names == ["a", "b", "c"]


def test_text_of_its_own_is_kept_and_the_rest_is_derived():
    text = {
        name: np.array([value.encode()])
        for name, value in (("time", "noon"), ("runtime", "long"), ("parameter_summary", "größer"))
    }
    table = merged_rows(rows([0, 1], [1, 1]), rows([1], [1], text=text))
    assert text_columns(table)["parameter_summary"] == ["x: 0", "größer"]
    assert text_columns(table)["time"][1] == "noon"


def test_newer_rows_say_all_about_the_errors_of_their_runs():
    first, second, third = (RunError("E", text, "", 0.0) for text in ("first", "second", "third"))
    older = rows([0, 1, 2], [0, 0, 0], errors={0: first, 1: second})
    newer = rows([1, 2], [0, 0], errors={2: third})
    assert merged_rows(older, newer).errors == {0: first, 2: third}
