"""What a pickle may name: data of known kinds, and nothing that could do something else."""

import collections
import datetime
import decimal
import enum
import fractions
import os
import pathlib
import pickle
import types
import uuid
import zoneinfo

import numpy as np
import pytest

from pypet.encoding.object_table import object_table_class
from pypet.encoding.safe_pickle import python_types
from pypet.encoding.unpickling import UnpicklingPolicy, is_pickle, load_constants
from pypet.errors import RefusedPickleError, StorageFormatError
from pypet.support.comparisons import nested_equal

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
WHERE = "Item 'data' of 'results.x'"


class Declared:
    """A class that somebody may name among the dynamic imports."""

    def __init__(self, value):
        self.value = value


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function, *args):
        self._call = (function, args)

    def __reduce__(self):
        return self._call


PLAIN = [
    None,
    1 + 2j,
    "ü",
    b"\xff\0",
    bytearray(b"ab"),
    [1, (2.5, {"a": {1, 2}}), frozenset((3,))],
    collections.OrderedDict(a=1),
    collections.defaultdict(list, a=[1]),
    datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC),
    decimal.Decimal("1.5"),
    pathlib.PurePosixPath("/a"),
    slice(1, 2),
    np.float32(1.5),
    np.datetime64("2020-01-01"),
    np.arange(6).reshape(2, 3)[:, ::2],
    np.array([None, "a"], dtype=object),
    np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    np.arange(4).reshape(2, 2).view(np.matrix),
    np.dtype("f4"),
    collections.Counter("aab"),
    collections.deque([1, [2]], 3),
    fractions.Fraction(-1, 3),
    uuid.UUID(int=2**127),
    range(0, 9, 2),
    types.SimpleNamespace(a=1, b=[2]),
    datetime.datetime(2020, 10, 25, 2, 30, 1, 7, fold=1),
    datetime.time(1, 2, 3, 4, datetime.timezone(datetime.timedelta(hours=1), "x")),
    datetime.date(2020, 2, 29),
    zoneinfo.ZoneInfo("Europe/Berlin"),
    np.bool_(True),
    np.str_("ü"),
    np.bytes_(b"a"),
    np.array(["2020", "NaT"], dtype="M8[25s]"),
    np.array([1, 2], dtype=">i4"),
    np.array([[1j, 2], [3, 4]], order="F"),
    np.array(7),
    np.zeros((0, 3), dtype="U5"),
    np.array([True, False]),
    np.array([("a", [1, 2])], dtype=[("s", "S3"), ("n", ">f4", (2,))]),
    np.array([(None, 1)], dtype=[("o", "O"), ("n", "i8")]),
    np.array([[None, "a"], [1, {}]], dtype=object, order="F"),
    np.rec.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    np.ma.masked_array([(1, 2.0)], [(True, False)], dtype=[("a", "i4"), ("b", "f8")]),
    np.dtype([("a", "M8[ns]"), (("title", "b"), "U3")], align=True),
    np.float32,
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", PLAIN, ids=lambda value: type(value).__name__)
def test_plain_data_is_safe(value, protocol):
    raw = pickle.dumps(value, protocol)
    found = UnpicklingPolicy("safe").loads(raw, WHERE)
    assert type(found) is type(value)
    assert repr(found) == repr(pickle.loads(raw))
    if isinstance(value, np.ndarray):
        trusted = pickle.loads(raw)
        assert found.dtype == trusted.dtype
        assert found.flags.f_contiguous == trusted.flags.f_contiguous
        assert found.flags.writeable
    else:
        assert nested_equal(found, value)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_masked_arrays_and_random_states_are_safe(protocol):
    masked = np.ma.masked_array([1, 2], [True, False])
    generator = np.random.default_rng(3)
    raw = pickle.dumps((masked, generator), protocol)
    found, other = UnpicklingPolicy("safe").loads(raw, WHERE)
    assert found.mask.tolist() == [True, False]
    assert other.integers(1000) == generator.integers(1000)


def pandas_values():
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2020", periods=2, tz="UTC", freq="D")
    frame = pandas.DataFrame({"a": [1, 2], "s": ["x", None]}, index=index)
    return [
        frame,
        frame["a"],
        pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)]),
        pandas.Series(["a", "b", "a"], dtype="category"),
        pandas.Series([1, None], dtype="Int64"),
        pandas.Series(pandas.period_range("2020", periods=2, freq="M")),
        pandas.Series(pandas.interval_range(0, 2)),
        pandas.Timestamp("2020-01-01", tz="Europe/Berlin"),
        pandas.Timedelta("1 day"),
        pandas.RangeIndex(3),
        pandas.offsets.Day(2),
        pandas.offsets.Week(weekday=2),
        pandas.DataFrame({"a": [1, 2], "b": [1.5, 2], "c": [3, 4], "d": [True, False]}),
        pandas.DataFrame({"t": index, "u": index + pandas.Timedelta("1 day")}),
        pandas.DataFrame([[1, 2]], columns=["x", "x"]),
        pandas.DataFrame(),
        pandas.DataFrame(index=[3, 4]),
        pandas.Series(np.array(["a", "b"], dtype=object), dtype=object, name=("n", 1)),
        pandas.Series(["a", None], dtype="string"),
        pandas.Series([True, None], dtype="boolean"),
        pandas.Series([1.5, None], dtype="Float32"),
        pandas.Series(pandas.to_timedelta(["1 day", None])),
        pandas.CategoricalIndex(["a", "b"]),
        pandas.IntervalIndex.from_breaks([0.0, 1.0, 2.0]),
        pandas.PeriodIndex(["2020", "2021"], freq="Y"),
        pandas.TimedeltaIndex(["1 day", "2 days"]),
        pandas.Period("2020-01"),
        pandas.Interval(0, 1),
        pandas.Timestamp("2020-01-01 00:00:00.000000001"),
        object_table_class()({"a": [1, "x"]}),
        pandas.NaT,
    ]


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_pandas_data_is_safe(protocol):
    for value in pandas_values():
        found = UnpicklingPolicy("safe").loads(pickle.dumps(value, protocol), WHERE)
        assert type(found) is type(value)
        assert repr(found) == repr(value)
        if hasattr(value, "dtypes"):
            assert str(found.dtypes) == str(value.dtypes)


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dia", "bsr", "dok"])
def test_sparse_matrices_are_safe(kind):
    sparse = pytest.importorskip("scipy.sparse")
    for make in (sparse.csr_matrix, sparse.csr_array):
        value = make(np.eye(3)).asformat(kind)
        found = UnpicklingPolicy("safe").loads(pickle.dumps(value, 2), WHERE)
        assert type(found) is type(value)
        assert np.array_equal(found.toarray(), np.eye(3))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_declared_classes_are_safe_as_class_and_as_path(protocol):
    raw = pickle.dumps(Declared(3), protocol)
    with pytest.raises(RefusedPickleError, match="Declared"):
        UnpicklingPolicy("safe").loads(raw, WHERE)
    assert UnpicklingPolicy("safe", [Declared]).loads(raw, WHERE).value == 3
    path = f"{Declared.__module__}.Declared"
    assert (
        UnpicklingPolicy("safe", ["pypet.parameter.PickleParameter", path]).loads(raw, WHERE).value
        == 3
    )


class Slotted:
    """A declared class without a dictionary."""

    __slots__ = ("a", "b")


class Columns(dict):
    """A declared class that is a container."""


class Colour(enum.Enum):
    """A declared class that is called with its value."""

    RED = 1


class Image(np.ndarray):
    """A declared kind of array."""


def declared_frame():
    pandas = pytest.importorskip("pandas")

    class Measured(pandas.DataFrame):
        _metadata = ["unit"]

    Measured.__qualname__ = "Measured"
    globals()["Measured"] = Measured
    frame = Measured({"a": [1, 2], "b": ["x", None]})
    frame.unit = "mV"
    return frame


def declared_objects():
    slotted = Slotted()
    slotted.a, slotted.b = 1, [2]
    itself = Declared(1)
    itself.value = itself
    return slotted, Columns(x=[1]), Colour.RED, np.arange(3).view(Image), itself


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_declared_classes_are_restored_as_pickle_does_it(protocol):
    rule = UnpicklingPolicy("safe", [Slotted, Columns, Colour, Image, Declared])
    objects = declared_objects()
    found = rule.loads(pickle.dumps(objects, protocol), WHERE)
    assert [type(value) for value in found] == [type(value) for value in objects]
    assert (found[0].a, found[0].b) == (1, [2])
    assert found[1] == {"x": [1]}
    assert found[3].tolist() == [0, 1, 2]
    assert found[4].value is found[4]


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_declared_frames_are_restored_with_their_own_attributes(protocol, monkeypatch):
    frame = declared_frame()
    monkeypatch.setattr(python_types, "_LOADED", {})  # the class is named before pandas is
    found = UnpicklingPolicy("safe", [type(frame)]).loads(pickle.dumps(frame, protocol), WHERE)
    assert type(found) is type(frame)
    assert found.unit == "mV"
    assert repr(found) == repr(frame)


def test_an_array_of_a_declared_kind_takes_no_state_that_numpy_would_trust():
    class Own(np.ndarray):
        def __setstate__(self, state):
            super().__setstate__(state)

    Own.__qualname__ = "Own"
    globals()["Own"] = Own
    raw = pickle.dumps(np.arange(3).view(Own), 4)
    with pytest.raises(RefusedPickleError):
        UnpicklingPolicy("safe", [Own]).loads(raw, WHERE)


@pytest.mark.parametrize("raw", [b"", b"I1\n", b"\x80\x04\x95\xff", b"no pickle.", b"(1", b"N"])
def test_what_is_no_pickle_is_an_error_that_says_where(raw):
    with pytest.raises(StorageFormatError, match=WHERE):
        UnpicklingPolicy("safe").loads(raw, WHERE)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_calls_of_anything_else_are_refused_and_not_made(protocol, tmp_path):
    mark = str(tmp_path / "mark")
    calls = [
        Calls(os.mkdir, mark),
        Calls(eval, f"open({mark!r}, 'w')"),
        Calls(np.memmap, mark, "u1", "w+", 0, (3,)),
        Calls(np.save, mark, np.arange(3)),
        Calls(np.fromfile, mark),
        Calls(getattr, "save", "upper"),
        Calls(pickle.loads, pickle.dumps(1)),
    ]
    for call in calls:
        raw = pickle.dumps(call, protocol)
        with pytest.raises(RefusedPickleError) as error:
            UnpicklingPolicy("safe").loads(raw, WHERE)
        assert WHERE in str(error.value)
        with pytest.raises(RefusedPickleError):
            UnpicklingPolicy("never").loads(raw, WHERE)
    assert list(tmp_path.iterdir()) == []


def test_pandas_functions_and_methods_are_refused(tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1]})
    mark = str(tmp_path / "mark")
    for call in (
        Calls(pandas.read_pickle, mark),
        Calls(pandas.eval, "1"),
        Calls(pandas.HDFStore, mark),
        Calls(pandas.DataFrame.to_csv, frame, mark),
    ):
        with pytest.raises(RefusedPickleError):
            UnpicklingPolicy("safe").loads(pickle.dumps(call, 4), WHERE)
    assert list(tmp_path.iterdir()) == []


def test_trust_loads_everything_and_never_nothing():
    raw = pickle.dumps(Declared(3))
    assert UnpicklingPolicy("trust").loads(raw, WHERE).value == 3
    with pytest.raises(RefusedPickleError, match="unpickle='never'"):
        UnpicklingPolicy("never").loads(pickle.dumps(1), WHERE)


def test_constants_for_other_libraries_pass_even_in_mode_never():
    constants = [None, ("a", 1)]
    assert load_constants(pickle.dumps(constants, 0), WHERE, "never") == constants
    with pytest.raises(RefusedPickleError, match=WHERE):
        load_constants(pickle.dumps(np.arange(3), 0), WHERE, "never")


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'trust', 'safe', 'never'"):
        UnpicklingPolicy("maybe")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(b"text.", False), (b"", False), (b"N.", True), (b"N.N.", False), (b"I1\n.", True)],
)
def test_pickles_are_told_from_text(raw, expected):
    assert is_pickle(raw) is expected
