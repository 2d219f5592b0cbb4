"""`Parameter`: what it takes, how it locks, explores, expands and shrinks."""

from __future__ import annotations

import copy
import logging
import pickle

import numpy as np
import pytest

from pypet.errors import ParameterLockedException
from pypet.leaves import ArrayParameter, BaseParameter, Parameter
from tests import leaf_calls
from tests.encoding.exactly import matrix, same

SUPPORTED = [
    1,
    2**70,
    True,
    1.5,
    1j,
    "text",
    b"bytes",
    np.int8(1),
    np.uint64(1),
    np.bool_(True),
    np.float32(1),
    np.complex64(1),
    np.str_("a"),
    [1, 2],
    ("a", "b"),
    [np.int8(1)],
    np.arange(3),
    np.eye(2, dtype="f4"),
    np.array(3),
    np.array(["a"]),
    matrix([[1, 2]]),
]
UNSUPPORTED = [
    {},
    {"a": 1},
    {1},
    [],
    (),
    [1, 2.5],
    [[1], [2]],
    [None],
    np.bytes_(b"a"),
    np.float16(1),
    np.longdouble(1),
    np.array([]),
    np.array([b"a"]),
    np.array([None]),
    np.array([1], dtype="f2"),
    np.array([1], dtype=">i4"),
    np.array(["2020-01-01"], dtype="M8[D]"),
    np.zeros(1, dtype=[("a", "i4")]),
    np.ma.array([1]),
    object(),
]


def explored(default=1, values=(1, 2, 3)):
    param = Parameter("parameters.x", default)
    leaf_calls.explore(param, values)
    return param


def unlocked(param):
    param.f_unlock()
    return param


# ----- data -------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", SUPPORTED)
def test_supported_data_is_kept_as_it_is(data):
    param = Parameter("parameters.x", data, "my comment")

    assert param.f_supports(data)
    assert param.f_get() is data
    assert param.f_get_default() is data
    assert param.v_comment == "my comment"
    assert param.v_is_parameter


@pytest.mark.parametrize("data", UNSUPPORTED)
def test_unsupported_data_is_a_type_error(data):
    assert not Parameter("x").f_supports(data)
    with pytest.raises(TypeError, match=r"'parameters\.x' does not support"):
        Parameter("parameters.x", data)


def test_none_means_empty_and_cannot_be_set():
    param = Parameter("parameters.x", None)

    assert param.f_is_empty()
    assert not param.f_supports_fast_access()
    assert not param
    with pytest.raises(TypeError):
        param.f_set(None)
    for get in (param.f_get, param.f_get_default):
        with pytest.raises(TypeError, match="empty"):
            get()


def test_setting_may_change_the_type():
    param = Parameter("x", 1)

    param.f_set("text")

    assert param.f_get() == "text"


def test_values_are_found_under_their_names():
    param = explored(default=0)
    leaf_calls.set_run(param, 1)

    assert param.data == param["data"] == 2
    assert param.default == param["default"] == param[-1] == 0
    assert param[0] == 1
    assert param[1:] == [2, 3]
    assert param[-2] == 2
    with pytest.raises(IndexError):
        param[3]
    with pytest.raises(AttributeError, match="other"):
        param.other
    with pytest.raises(AttributeError):
        param.other = 3


# ----- locking ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "read",
    [
        lambda p: p.f_get(),
        lambda p: p.data,
        lambda p: p["data"],
        lambda p: p.f_get_default(),
        lambda p: p[-1],
        lambda p: leaf_calls.store(p),
        lambda p: leaf_calls.encode(p),
        lambda p: leaf_calls.expand(p, [1]),
        lambda p: leaf_calls.load(p, {}),
    ],
)
def test_reading_storing_and_exploring_lock(read):
    param = unlocked(explored())

    read(param)

    assert param.v_locked


@pytest.mark.parametrize(
    "look",
    [str, repr, len, list, lambda p: p.f_val_to_str(), lambda p: p[0], lambda p: p.f_get_range()],
)
def test_looking_does_not_lock(look):
    param = unlocked(explored())

    look(param)

    assert not param.v_locked


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p.f_set(5),
        lambda p: p.f_set(None),
        lambda p: p.f_empty(),
        lambda p: leaf_calls.explore(p, [1]),
        lambda p: leaf_calls.expand(p, [1]),
        lambda p: leaf_calls.shrink(p),
        lambda p: leaf_calls.load(p, {}),
        lambda p: leaf_calls.decode(p, {}),
    ],
)
def test_changing_a_locked_parameter_is_an_error(change):
    for param in (Parameter("parameters.x", 1), explored()):
        param.f_lock()
        with pytest.raises(ParameterLockedException, match=r"'parameters\.x' is locked"):
            change(param)
        assert param.f_get_default() == 1


# ----- exploring --------------------------------------------------------------------------------


def test_exploring_takes_any_iterable_once():
    param = explored(1, (i for i in (4, 5)))

    assert param.f_get_range() == [4, 5]
    assert len(param) == param.f_get_range_length() == 2
    assert param.v_explored
    assert param.f_has_range()
    assert list(param) == [4, 5]
    assert 5 in param


def test_range_is_copied_unless_asked_otherwise():
    param = explored()

    assert param.f_get_range() is not param.f_get_range()
    assert param.f_get_range(copy=False) is param.f_get_range(copy=False)


@pytest.mark.parametrize("ask", [lambda p: p.f_get_range(), lambda p: p.f_get_range_length(),
                                 lambda p: p[0], list, lambda p: leaf_calls.expand(p, [1]),
                                 lambda p: leaf_calls.shrink(p)])  # fmt: skip
def test_without_range_it_is_a_type_error(ask):
    with pytest.raises(TypeError, match="'x' has no range"):
        ask(Parameter("x", 1))


@pytest.mark.parametrize(
    ("default", "values"),
    [
        (1, [1, 2.0]),
        (1, np.arange(2.0)),
        (1, [True]),
        (1, [None]),
        ("a", ["a", b"a"]),
        ((1, 2), [(1, 2), (1, 2, 3)]),
        ((1, 2), [(1.0, 2.0)]),
        ([1], [(1,)]),
        ([1], [[1, "a"]]),
        ([1], [np.eye(2)]),
        (np.arange(2), [matrix([[0, 1]])]),
        (np.arange(2), [[0, 1]]),
    ],
)
def test_entries_unlike_the_default_are_refused(default, values):
    param = Parameter("parameters.x", default)

    with pytest.raises(TypeError, match=r"Entry \d of the range for Parameter 'parameters.x'"):
        leaf_calls.explore(param, values)

    assert not param.v_explored
    assert not param.f_has_range()


def test_message_names_the_first_wrong_entry():
    with pytest.raises(TypeError, match=r"Entry 2 .* is 2\.5 of type float"):
        explored(1, [1, 2, 2.5, "x"])


def test_text_arrays_of_any_width_share_a_range():
    assert len(explored(np.array(["a"]), [np.array(["abc"]), np.array(["d"])])) == 2


def test_exploring_twice_and_exploring_nothing():
    with pytest.raises(TypeError, match="explored already"):
        leaf_calls.explore(unlocked(explored()), [1])
    with pytest.raises(ValueError, match="no entries"):
        explored(1, [])
    with pytest.raises(TypeError, match="needs a default"):
        leaf_calls.explore(Parameter("x"), [1])


def test_exploring_after_emptying_is_an_error():
    param = Parameter("x", 1)
    param.f_empty()

    with pytest.raises(TypeError):
        leaf_calls.explore(param, [1])


def test_explored_parameter_cannot_be_set():
    with pytest.raises(AttributeError, match="is explored"):
        unlocked(explored()).f_set(1)


def test_expanding_with_its_own_range_doubles_it_and_shrinking_ends_it():
    param = explored()

    leaf_calls.expand(unlocked(param), param.f_get_range())
    assert param.f_get_range() == [1, 2, 3, 1, 2, 3]
    with pytest.raises(TypeError):
        leaf_calls.expand(unlocked(param), [1.0])
    with pytest.raises(ValueError, match="no entries"):
        leaf_calls.expand(param, [])
    assert len(param) == 6

    leaf_calls.shrink(param)
    assert len(param) == 1
    assert not param.v_explored
    param.f_empty()
    assert len(param) == 0
    with pytest.raises(TypeError, match="empty"):
        leaf_calls.shrink(param)


def test_emptying_drops_everything():
    param = unlocked(explored())

    param.f_empty()

    assert param.f_is_empty()
    assert not param.v_explored
    assert not param.f_has_range()


def test_access_and_restoring_the_default():
    param = explored(default=0)

    leaf_calls.set_run(param, 2)
    assert param.f_get() == 3
    leaf_calls.set_run(param)
    assert param.f_get() == 1
    leaf_calls.restore_default(param)
    assert param.f_get() == 0
    assert param.f_has_range()
    assert param.v_explored


@pytest.mark.parametrize("idx", [3, -1, -4])
def test_access_beyond_the_range_is_a_value_error(idx):
    param = explored()

    with pytest.raises(ValueError, match=f"no entry {idx}"):
        leaf_calls.set_run(param, idx)


def test_access_without_range_is_a_warning(caplog):
    param = Parameter("parameters.x", 1)

    with caplog.at_level(logging.WARNING):
        leaf_calls.set_run(param, 3)

    assert "`parameters.x` has no range to take entry 3 from" in caplog.text
    assert param.f_get() == 1


def test_million_points_are_explored_and_encoded():
    values = list(map(float, range(1_000_000)))
    param = explored(1.0, values)

    (_, item) = leaf_calls.encode(param)

    assert len(param) == 1_000_000
    assert item.columns[0].values.dtype == np.float64
    assert item.columns[0].values[-1] == 999_999.0


# ----- comparing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (1, 2, True),
        (1, 1.0, False),
        (1, True, False),
        (1, {}, False),
        ((1, 2), (3, 4), True),
        ((1, 2), (3,), False),
        ((1, 2), (1.0, 2.0), False),
        ([1], [1, 2], True),
        (np.arange(2), np.arange(2), True),
        (np.arange(2), np.arange(3), True),
        (np.arange(2), np.arange(2.0), True),
        (np.arange(2), matrix([[0, 1]]), False),
    ],
)
def test_types_of_values(a, b, verdict):
    param = Parameter("x")

    assert leaf_calls.same_type(param, a, b) is verdict
    assert leaf_calls.same_type(param, b, a) is verdict


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (1, True, False),
        ("a", "ab", False),
        ([1, 2], [1, 2, 3], False),
        ((1, 2), (1, 2), True),
        (np.arange(2), np.arange(2), True),
        (np.arange(2), np.ones(2, dtype=int), False),
        (np.arange(2), np.arange(2.0), False),
        (np.arange(2), np.arange(3), False),
        (1, object(), False),
    ],
)
def test_equality_of_values(a, b, verdict):
    param = Parameter("x")

    assert leaf_calls.equal_values(param, a, b) is verdict
    assert leaf_calls.equal_values(param, b, a) is verdict


def test_two_unsupported_values_cannot_be_compared():
    for compare in (leaf_calls.same_type, leaf_calls.equal_values):
        with pytest.raises(TypeError, match="supports neither"):
            compare(Parameter("x"), {}, object())


# ----- text -------------------------------------------------------------------------------------


def test_text_forms():
    assert str(Parameter("par.x", 1)) == "Parameter par.x: 1"
    assert repr(Parameter("par.x", "a", "note")) == "<Parameter par.x (`note`): 'a'>"
    assert str(Parameter("par.x")) == "Parameter par.x"
    param = explored()
    assert str(param) == "Parameter parameters.x (len:3): 1"
    param.v_comment = 5
    assert str(param) == "Parameter parameters.x (len:3, `5`): 1"


def test_summary_is_not_cut_and_never_fails():
    assert Parameter("x", "a" * 200).f_val_to_str() == repr("a" * 200)
    assert isinstance(Parameter("x").f_val_to_str(), str)


# ----- pickling ---------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("full_copy", [False, True])
def test_pickles_have_the_range_only_in_full_copies(protocol, full_copy):
    param = explored(default=0)
    param.v_full_copy = full_copy
    leaf_calls.set_run(param, 1)

    back = pickle.loads(pickle.dumps(param, protocol))

    assert back.v_explored
    assert back.v_locked
    assert back.v_full_copy is full_copy
    assert back.f_has_range() is full_copy
    assert (back.f_get(), back.f_get_default()) == (2, 0)
    assert back.v_full_name == "parameters.x"
    assert not hasattr(back, "__dict__")


def test_copies_do_not_share_their_range():
    param = explored()
    param.v_full_copy = 1
    twin = copy.copy(param)

    leaf_calls.expand(unlocked(twin), [9])

    assert param.v_full_copy is True
    assert len(param) == 3
    assert len(twin) == 4


# ----- ranges unlike the default ----------------------------------------------------------------

ALIKE = [
    ([0] * 20, [[0.5] * 25, [1.5] * 25]),
    ([0], [["a", "bc"], ["d", "e"]]),
    (["a"], [[1], [2]]),
    (np.zeros(3), [np.ones((2, 2), dtype=int), np.zeros((2, 2), dtype=int)]),
    (np.zeros(3), [np.array(["efg"]), np.array(["bcd"])]),
    (matrix([[1]]), [matrix([[1, 2]]), matrix([[3, 4]])]),
]
RAGGED = [
    ([0] * 3, [[1], [2.5, 3.5], ["x"], [1]]),
    ([1], [[1], [1, 2]]),
    ([1], [[1], [1.0], [True]]),
    (np.zeros(3), [np.arange(3), np.zeros(3), np.eye(2)]),
    (matrix([[1]]), [matrix([[1, 2]]), matrix([[1]])]),
]


def reloaded(param, cls=Parameter):
    twin = cls("parameters.x")
    leaf_calls.decode(twin, {item.name: item for item in leaf_calls.encode(param, "utf8")})
    return twin


@pytest.mark.parametrize(("default", "values"), ALIKE + RAGGED)
def test_lists_and_arrays_unlike_the_default_are_kept_exactly(default, values):
    param = Parameter("parameters.x", default)

    leaf_calls.explore(param, values[:1])
    leaf_calls.expand(unlocked(param), values[1:])

    assert same(param.f_get_range(), values)
    for cls in (Parameter, ArrayParameter):
        assert same(reloaded(param, cls).f_get_default(), default)
        assert same(reloaded(param, cls).f_get_range(), values)


@pytest.mark.parametrize(("default", "values"), ALIKE)
def test_alike_entries_share_a_column_that_the_default_does_not_share(default, values):
    param = explored(default, values)

    assert [item.name for item in leaf_calls.encode(param)] == ["data", "explored_data"]


@pytest.mark.parametrize("cls", [Parameter, ArrayParameter])
@pytest.mark.parametrize(("default", "values"), [([0], [[5], [6]]), (0, [5, 6]), (0.5, [1.5, 2])])
def test_what_was_ragged_is_replaced_by_what_is_stored_later(cls, default, values):
    param = cls("parameters.x", [0])
    leaf_calls.explore(param, [[1], [1, 2]])
    stored = {item.name: item for item in leaf_calls.encode(param)}
    unlocked(param).f_empty()
    param.f_set(default)
    leaf_calls.explore(param, values)
    # As a file is overwritten.
    stored.update({item.name: item for item in leaf_calls.encode(param)})

    twin = cls("parameters.x")
    leaf_calls.decode(twin, stored)

    assert same(twin.f_get_default(), default)
    assert same(twin.f_get_range(), param.f_get_range())


def test_a_range_that_is_ragged_no_more_before_it_is_stored_is_a_column_again():
    param = explored([0], [[1], [1, 2]])
    leaf_calls.shrink(unlocked(param))
    leaf_calls.explore(param, [[5], [6]])

    assert [item.name for item in leaf_calls.encode(param)] == ["data", "explored_data"]


# ----- storing and loading ----------------------------------------------------------------------


@pytest.mark.parametrize("data", [data for data in SUPPORTED if not same(data, 2**70)])
def test_values_and_ranges_survive_storing(data):
    param = Parameter("parameters.x", data)
    leaf_calls.explore(param, [data, copy.deepcopy(data), data])

    twin = Parameter("parameters.x")
    leaf_calls.decode(twin, {item.name: item for item in leaf_calls.encode(param, "utf8")})

    assert same(twin.f_get(), data)
    assert same(twin.f_get_range(), [data, data, data])
    assert twin.v_explored
    assert twin.v_locked


def test_items_have_the_established_names_and_flags():
    first, second = leaf_calls.encode(explored("a", ["a", "bb", "ccc"]))

    assert (first.name, first.flag) == ("data", "TABLE")
    assert (second.name, second.flag) == ("explored_data", "TABLE")
    (column,) = second.columns
    assert (column.name, column.collection, column.scalar) == ("data", "COLL_SCALAR", "str")
    assert column.values.dtype == np.dtype("S4")


def test_storing_an_empty_parameter_is_a_type_error():
    for store in (leaf_calls.store, leaf_calls.encode):
        with pytest.raises(TypeError, match="'x' is empty"):
            store(Parameter("x"))


def test_store_dictionary_and_items_agree():
    pytest.importorskip("pandas")
    param = explored([1, 2], [[1, 2], [3, 4]])
    stored = leaf_calls.store(param)

    assert list(stored) == ["data", "explored_data"]
    assert {type(table).__name__ for table in stored.values()} == {"ObjectTable"}
    assert list(stored["explored_data"]["data"]) == [[1, 2], [3, 4]]

    twin = Parameter("", 7)
    leaf_calls.load(twin, stored)
    leaf_calls.rename(twin, "parameters.y.z")

    assert twin.f_get() == [1, 2]
    assert twin.f_get_default() == [1, 2]
    assert twin.f_get_range() == [[1, 2], [3, 4]]
    assert (twin.v_name, twin.v_location, twin.v_locked) == ("z", "parameters.y", True)


def test_default_after_loading_is_the_value_at_storing():
    param = explored(default=0)
    leaf_calls.set_run(param, 2)
    twin = Parameter("x")

    leaf_calls.decode(twin, {item.name: item for item in leaf_calls.encode(param, "utf8")})

    assert twin.f_get_default() == 3


def test_missing_data_is_a_warning(caplog):
    param = Parameter("parameters.x")

    with caplog.at_level(logging.WARNING):
        leaf_calls.decode(param, {})

    assert "`parameters.x`" in caplog.text
    assert param.f_is_empty()
    assert param.v_locked


# ----- own classes ------------------------------------------------------------------------------


class Even(Parameter):
    """Has a ``__dict__``, as subclasses without slots do."""

    def f_supports(self, data):
        return type(data) is int and data % 2 == 0


def test_own_checks_see_every_entry_of_a_range():
    param = Even("x", 2)
    param.extra = "kept"

    with pytest.raises(TypeError, match="Entry 1"):
        leaf_calls.explore(param, [2, 3])

    assert copy.copy(param).extra == "kept"


def test_abstract_methods_say_what_is_missing():
    param = BaseParameter("x")
    for call in (
        param.f_get,
        param.f_get_default,
        param.f_get_range,
        param.f_has_range,
        param.f_is_empty,
        param.f_empty,
        lambda: leaf_calls.restore_default(param),
        lambda: leaf_calls.set_run(param),
        lambda: leaf_calls.shrink(param),
        lambda: leaf_calls.store(param),
        lambda: param.f_set(1),
        lambda: leaf_calls.explore(param, [1]),
        lambda: leaf_calls.expand(param, [1]),
        lambda: leaf_calls.load(param, {}),
    ):
        with pytest.raises(NotImplementedError, match="BaseParameter does not implement"):
            call()


def test_smallest_own_class_has_the_rest():
    class Fixed(BaseParameter):
        def f_has_range(self):
            return True

        def f_get_range(self, copy=True):
            return [1, 2]

    param = Fixed("x")

    assert param[1] == 2
    assert list(param) == [1, 2]
    assert param.f_supports(3)
    assert not param.f_supports([3])
    assert leaf_calls.equal_values(param, 1, 1)
    with pytest.raises(NotImplementedError, match="__len__"):
        param.f_get_range_length()
