"""Arguments that several commands take."""

from __future__ import annotations

import argparse

import pytest

from pypet.cli.arguments import add_file, add_json, add_rows, names, whole_number


def test_rows_and_columns_are_chosen_alike():
    parser = argparse.ArgumentParser()
    add_file(parser)
    add_rows(parser)
    add_json(parser)
    given = parser.parse_args(["a.hdf5", "--columns", "x, z", "--where", "x > 1", "--completed"])
    assert vars(given) == {
        "file": "a.hdf5",
        "trajectory": None,
        "columns": ["x", "z"],
        "where": "x > 1",
        "completed": True,
        "json": False,
    }


@pytest.mark.parametrize("text", ["", "x,", "x,,z", " , "])
def test_a_name_that_is_empty_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no list of names"):
        names(text)


def test_whole_numbers_begin_where_they_make_sense():
    convert = whole_number("number of at least 1", least=1)
    assert convert("1") == 1
    for text in ("0", "-1", "1.5", "one", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="is not a number of at least 1"):
            convert(text)
    assert whole_number("number of rows")("0") == 0
