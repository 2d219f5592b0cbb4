"""Conditions on rows of tables: their meaning, and that text of anybody's can do nothing else."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.tables.filters import MAX_DEPTH, MAX_LENGTH, FilterError, parse_filter


@dataclass
class Column:
    values: np.ndarray
    missing: np.ndarray = field(default=None)

    def __post_init__(self):
        self.values = np.asarray(self.values)
        if self.missing is None:
            self.missing = np.zeros(len(self.values), bool)
        self.missing = np.asarray(self.missing, bool)


class Table:
    def __init__(self, **columns):
        self.columns = {
            name.replace("__", "."): each if isinstance(each, Column) else Column(each)
            for name, each in columns.items()
        }

    def __len__(self):
        return len(next(iter(self.columns.values())).values)


NOTHING = Column(np.array([1.0, 2.0, 3.0, 4.0]), [False, True, False, False])
TABLE = Table(
    x=[1, 2, 3, 4],
    z=[0.5, np.nan, -1.0, 2.0],
    name=np.array(["a", "b", "it's", "a"]),
    completed=[True, True, False, True],
    partly=NOTHING,
    mixed=np.array([1, "one", None, 2.5], object),
    parameters__neuron__gain=[4, 3, 2, 1],
    parameters__first__size=[0, 0, 0, 0],
    parameters__second__size=[1, 1, 1, 1],
)


def rows(condition, table=TABLE):
    return np.flatnonzero(parse_filter(condition).mask(table)).tolist()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("x > 2", [2, 3]),
        ("x>2 and z<1", [2]),
        ("x == 1 or x == 2 and z > 0", [0]),  # `and` binds more tightly
        ("(x == 1 or x == 2) and z > 0", [0]),
        ("not x > 2", [0, 1]),
        ("not not x > 2", [2, 3]),
        ("not (x > 2 or completed)", []),
        ("1 < x <= 3", [1, 2]),
        ("2 < x", [2, 3]),
        ("x != +2", [0, 2, 3]),
        ("z == -1", [2]),
        ("z == -1.0e0", [2]),
        ("z == nan", []),
        ("z != z", [1]),
        ("not z == z", [1]),
        ("x < inf", [0, 1, 2, 3]),
        ("x > -inf", [0, 1, 2, 3]),
        ("name == 'a'", [0, 3]),
        ('name == "it\'s"', [2]),
        (r"name == 'it\'s'", [2]),
        ("name > 'a'", [1, 2]),
        ("completed", [0, 1, 3]),
        ("not completed", [2]),
        ("completed == False", [2]),
        ("completed and True", [0, 1, 3]),
        ("x == gain", []),
        ("x < gain", [0, 1]),
        ("neuron.gain == 4", [0]),
        ("parameters.neuron.gain == 4", [0]),
        ("`parameters.neuron.gain` == 4", [0]),
        ("first.size == 0", [0, 1, 2, 3]),
        ("x < " + "9" * 300, [0, 1, 2, 3]),
        ("partly > 1", [2, 3]),
        ("not partly > 1", [0]),  # neither, where there is no value
        ("not (partly > 1 or x == 2)", [0]),
        ("partly > 1 or x == 2", [1, 2, 3]),
        ("mixed == 1", [0]),
        ("mixed == 'one'", [1]),
        ("mixed != 'one'", [0, 3]),
        ("mixed > 1", [3]),
    ],
)
def test_a_condition_selects_rows(condition, expected):
    assert rows(condition) == expected


def test_columns_are_named_once_in_order():
    assert parse_filter("z > 1 and (`odd name` == x or not z < y.a)").names == (
        "z",
        "odd name",
        "x",
        "y.a",
    )


def test_a_condition_on_no_rows_selects_none():
    empty = Table(x=np.zeros(0), mixed=np.zeros(0, object))
    assert rows("x > 1 or mixed == 2", empty) == []


@pytest.mark.parametrize(
    ("condition", "position", "message"),
    [
        ("", 0, "ends where a name"),
        ("x >", 3, "ends where a name"),
        ("x = 3", 2, "write == to compare"),
        ("x > 3 & y > 2", 6, "write `and`"),
        ("x > 3 z", 6, "not expected"),
        ("(x > 3", 6, "closing parenthesis"),
        ("x > 3)", 5, "not expected"),
        ("and x", 0, "where a name"),
        ("x > - y", 6, "a number is expected"),
        ("name == 'a", 8, "no end"),
        ("x > 3.4.5", 4, "no meaning"),
        ("x > 3y", 4, "no meaning"),
        ("x > " + "9" * 500, 4, "more than 400 digits"),
        ("(" * (MAX_DEPTH + 1) + "x", MAX_DEPTH + 1, "parentheses"),
        ("x" * (MAX_LENGTH + 1), MAX_LENGTH, "characters"),
    ],
)
def test_what_is_no_condition_is_an_error_at_its_place(condition, position, message):
    with pytest.raises(FilterError, match=message) as caught:
        parse_filter(condition)
    assert caught.value.position == position
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.position) == (str(caught.value), position)


def test_what_is_no_text_is_a_type_error():
    with pytest.raises(TypeError, match="is text like"):
        parse_filter(None)


@pytest.mark.parametrize(
    ("condition", "position", "message"),
    [
        ("x > 2 and y < 1", 10, "no column 'y'; there are: x, z"),
        ("size > 2", 0, "'size' is not unique; write one of parameters.first.size, "),
        ("x == 'a'", 5, "text"),
        ("name < 3", 7, "text"),
        ("x or completed", 0, "'x' has no truth values"),
        ("3", 0, "3 has no truth values"),
    ],
)
def test_what_does_not_fit_the_table_is_an_error_at_its_place(condition, position, message):
    with pytest.raises(FilterError, match=message) as caught:
        rows(condition)
    assert caught.value.position == position


# ----- text of anybody's -----------------------------------------------------------------------


class Trap:
    """Any call of its methods would be code that a condition has executed."""

    def __getattribute__(self, name):
        raise SystemExit(name)

    def _raise(self, *arguments):
        raise SystemExit("called")

    __eq__ = __lt__ = __gt__ = __bool__ = __hash__ = __str__ = __repr__ = _raise


def trapped():
    values = np.empty(1, object)
    values[0] = Trap()
    return Table(x=values, y=[1])


@pytest.mark.parametrize(
    "condition",
    [
        "__import__('os').system('touch /tmp/x')",
        "x.__class__.__mro__",
        "().__class__.__bases__[0].__subclasses__()",
        "open('/etc/passwd').read()",
        "[x for x in (1,)]",
        "lambda: 0",
        "(y := 1)",
        "@y",
        "@__builtins__",
        "y if y else y",
        "f'{y}' == '1'",
        "9**9**9**9 > y",
        "'a' * 10 == y",
        "y; import os",
        "y > 1\x00",
        "`y`.__class__ == 1",
        "{y}",
        "%s",
        "exec",
        "y > 0x10",
        "y > 1_000",
        "y > 1j",
    ],
)
def test_what_python_or_pandas_would_execute_is_an_error(condition):
    with pytest.raises(FilterError):
        parse_filter(condition).mask(trapped())


@pytest.mark.parametrize("condition", ["x == 1", "x < y", "x != 'a'", "x", "not x > 2"])
def test_no_method_of_a_value_is_called(condition):
    assert rows(condition, trapped()) == []


WORDS = st.sampled_from(
    [*"()<>=!'\"`\\.+-&|%@ \n\t", "x", "z", "name", "and", "or", "not", "True", "nan", "1e9", "'a'"]
)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=30), st.lists(WORDS, max_size=15).map("".join)))
def test_any_text_is_a_condition_or_an_error_within_it(text):
    try:
        mask = parse_filter(text).mask(TABLE)
    except FilterError as caught:
        position = caught.position
    else:
        assert mask.shape == (4,)
        assert mask.dtype == bool
        position = 0
    assert 0 <= position <= len(text)


@pytest.mark.parametrize("part", ["not ", "(", "x > ", "x > 1 and ", "'", "`", "\\", "-", "1"])
def test_long_text_neither_overflows_the_stack_nor_takes_long(part):
    text = (part * MAX_LENGTH)[:MAX_LENGTH]
    with pytest.raises(FilterError):
        parse_filter(text).mask(TABLE)


# ----- the same as Python ----------------------------------------------------------------------

NUMBERS = st.one_of(st.integers(-5, 5), st.floats(-5, 5, allow_nan=False))
OPERANDS = st.one_of(st.sampled_from(["x", "y"]), NUMBERS.map(repr))
SYMBOLS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
COMPARISONS = st.lists(st.tuples(SYMBOLS, OPERANDS), min_size=1, max_size=2).flatmap(
    lambda rest: OPERANDS.map(
        lambda first: " ".join([first, *(f"{symbol} {operand}" for symbol, operand in rest)])
    )
)
CONDITIONS = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        inner.map(lambda each: f"not ({each})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=100, deadline=None)
@given(CONDITIONS, st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_where_all_is_known_it_means_what_it_means_in_python(condition, pairs):
    table = Table(x=[float(x) for x, _ in pairs], y=[float(y) for _, y in pairs])
    expected = [bool(eval(condition, {"x": x, "y": y})) for x, y in pairs]
    assert parse_filter(condition).mask(table).tolist() == expected


@settings(max_examples=50, deadline=None)
@given(CONDITIONS, st.lists(st.booleans(), min_size=3, max_size=3))
def test_missing_values_only_take_rows_away(condition, missing):
    values = [1.0, 2.0, math.inf]
    y = [3.0, 1.0, 0.0]
    known = parse_filter(condition).mask(Table(x=values, y=y))
    table = Table(x=Column(values, missing), y=y)
    assert not np.any(parse_filter(condition).mask(table) & ~known)
    assert not np.any(
        parse_filter(condition).mask(table) & parse_filter(f"not ({condition})").mask(table)
    )
