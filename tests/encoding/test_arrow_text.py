"""Text that pandas keeps with pyarrow, loaded from pickles of strangers."""

from __future__ import annotations

import copyreg
import pickle

import numpy as np
import pytest

from pypet.encoding.unpickling import SAFE, UnpicklingPolicy
from pypet.errors import RefusedPickleError

pandas = pytest.importorskip("pandas")
lib = pytest.importorskip("pyarrow").lib


def load(raw):
    return UnpicklingPolicy(SAFE).loads(raw, "here")


class Forged:
    """Pickled as an array of pyarrow with these parts, in a column of pandas."""

    def __init__(self, length, start, buffers):
        self.parts = (lib.type_for_alias("large_string"), length, 0, start, buffers, [], None)

    def __reduce__(self):
        return lib._restore_array, (self.parts,)


class Column:
    def __init__(self, array):
        self.state = {"_pa_array": array, "_dtype": pandas.StringDtype("pyarrow")}

    def __reduce__(self):
        # The form of protocol 0.
        return copyreg._reconstructor, (pandas.arrays.ArrowStringArray, object, None), self.state


def forged(*args):
    return pickle.dumps(Column(Forged(*args)))


def offsets(*places):
    return lib.py_buffer(np.array(places, "<i8").tobytes())


TEXT = lib.py_buffer(b"abcdef")


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("dtype", ["str", "string", "string[pyarrow]"])
def test_text_with_gaps_is_loaded(protocol, dtype):
    series = pandas.Series(["a", None, "", "ä\N{SNOWMAN}"] * 5, dtype=dtype)
    for given in (series, series[3:11], pandas.concat([series, series])[1:]):
        raw = pickle.dumps(given, protocol=protocol)
        pandas.testing.assert_series_equal(load(raw), given)


def test_much_text_is_loaded():
    series = pandas.Series(["", "a"] * 200_000)
    pandas.testing.assert_series_equal(load(pickle.dumps(series)), series)


def test_a_column_as_pickle_writes_it_is_loaded():
    assert list(load(forged(2, 1, [None, offsets(0, 1, 3, 6), TEXT]))) == ["bc", "def"]


@pytest.mark.parametrize(
    ("length", "start", "buffers"),
    [
        (2, 0, [None, offsets(0, 3, 7), TEXT]),
        (2, 0, [None, offsets(-1, 3, 6), TEXT]),
        (2, 0, [None, offsets(0, 5, 3), TEXT]),
        (3, 0, [None, offsets(0, 3, 6), TEXT]),
        (2, 1, [None, offsets(0, 3, 6), TEXT]),
        (2, -1, [None, offsets(0, 3, 6), TEXT]),
        (-1, 0, [None, offsets(0, 3, 6), TEXT]),
        (2, 0, [None, None, TEXT]),
        (2, 0, [None, offsets(0, 3, 6), None]),
        (9, 0, [lib.py_buffer(b"\xff"), offsets(*range(7), 6, 6, 6), TEXT]),
        (2, 0, [None, offsets(0, 3, 6)]),
        (2**39, 0, [None, offsets(0, 3, 6), TEXT]),
    ],
)
def test_places_out_of_bounds_are_refused(length, start, buffers):
    with pytest.raises(RefusedPickleError, match="text of pyarrow"):
        load(forged(length, start, buffers))


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(RefusedPickleError):
        load(forged(1, 0, [None, offsets(0, 1), lib.py_buffer(b"\xff")]))


@pytest.mark.parametrize("name", ["foreign_buffer", "open_csv", "_restore_array"])
def test_other_names_of_pyarrow_are_refused(name):
    raw = b"cpyarrow.lib\n" + name.encode() + b"\n(I1\ntR."
    with pytest.raises(RefusedPickleError):
        load(raw)
