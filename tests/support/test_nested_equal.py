"""Deep equality: one claim per category of data."""

from __future__ import annotations

import collections.abc
import dataclasses

import numpy as np
import pytest

from pypet.support.comparisons import get_all_attributes, nested_equal


class Slotted:
    __slots__ = ("__hidden", "x", "y")

    def __init__(self, x, hidden=0):
        self.x = x
        self.__hidden = hidden


class Plain:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Numbers(collections.abc.Sequence):
    def __init__(self, *numbers):
        self._numbers = numbers

    def __getitem__(self, index):
        return self._numbers[index]

    def __len__(self):
        return len(self._numbers)


class Table(collections.abc.Mapping):
    def __init__(self, **entries):
        self._entries = entries

    def __getitem__(self, key):
        return self._entries[key]

    def __iter__(self):
        return iter(self._entries)

    def __len__(self):
        return len(self._entries)


class Legacy:
    def __init__(self, rank):
        self.rank = rank
        self.noise = object()

    def __cmp__(self, other):
        return self.rank - other.rank


@dataclasses.dataclass
class Measured:
    values: np.ndarray


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


EQUAL = [
    (None, None),
    (1, True),
    (1, 1.0),
    (4, np.int8(4)),
    (float("nan"), float("nan")),
    (float("nan"), np.float32("nan")),
    ("ü" * 3, "".join(["ü"] * 3)),
    ([1, 2], (1, 2)),
    ([], ()),
    (Numbers(1, 2), [1, 2]),
    (Table(a=1), {"a": 1}),
    ({"a": [1, {"b": 2.0}]}, {"a": (1, {"b": 2})}),
    ({1, 2}, frozenset((1, 2))),
    (np.array([1, 2]), np.array([1.0, 2.0])),
    (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
    (np.array(3), np.array(3)),
    (np.array([], dtype=float), np.array([], dtype=int)),
    (objects(np.arange(3), "x"), objects(np.arange(3), "x")),
    (np.array([(1, np.nan)], dtype="i4,f8"), np.array([(1, np.nan)], dtype="i4,f8")),
    (np.ma.array([1, 2], mask=[0, 1]), np.ma.array([1, 9], mask=[0, 1])),
    (Slotted(1), Slotted(1)),
    (Slotted([np.arange(3)]), Slotted([np.arange(3)])),
    (Plain(a=1, b=Plain(c=[2])), Plain(a=1, b=Plain(c=[2]))),
    (Legacy(3), Legacy(3)),
    (Measured(np.arange(3)), Measured(np.arange(3))),
]

UNEQUAL = [
    (None, 0),
    (None, np.arange(3)),
    (1, "1"),
    (1, 2),
    ("abc", "abd"),
    ("abc", "abcd"),
    ("abc", ["a", "b", "c"]),
    (b"abc", "abc"),
    ([1, 2], [1, 2, 3]),
    ([], [1]),
    ([1, 2], np.array([1, 2])),
    (Numbers(1, 2), Numbers(1, 3)),
    (Table(a=1), Table(a=2)),
    ({"a": 1}, {"b": 1}),
    ({"a": 1}, {"a": 1, "b": 2}),
    ({"a": 1}, [("a", 1)]),
    ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}),
    (np.array([1, 2]), np.array([1, 3])),
    (np.array([1, 2]), np.array([[1, 2]])),
    (np.array([1.0, np.nan]), np.array([np.nan, 1.0])),
    (np.array(["1"]), np.array([1])),
    (np.array(3), 3),
    (np.array([1]), np.array([(1,)], dtype=[("a", int)])),
    (objects(np.arange(3), "x"), objects(np.arange(4), "x")),
    (np.ma.array([1, 2], mask=[0, 1]), np.array([1, 2])),
    (Slotted(1), Slotted(2)),
    (Slotted(1, hidden=1), Slotted(1, hidden=2)),
    (Plain(a=1), Plain(b=1)),
    (Plain(), Plain()),
    (object(), object()),
    (Legacy(3), Legacy(4)),
    (Measured(np.arange(3)), Measured(np.arange(1, 4))),
    (int, float),
]


@pytest.mark.parametrize(("a", "b"), EQUAL)
def test_equal_values_are_equal_both_ways(a, b):
    assert nested_equal(a, b) is True
    assert nested_equal(b, a) is True


@pytest.mark.parametrize(("a", "b"), UNEQUAL)
def test_unequal_values_are_unequal_both_ways(a, b):
    assert nested_equal(a, b) is False
    assert nested_equal(b, a) is False


class Failing:
    """Expects another of its class, in all methods that compare."""

    def __init__(self, value):
        self.value = value

    def __eq__(self, other):
        return self.value.missing == other.value.missing

    __hash__ = None


class FailingLegacy(Failing):
    __eq__ = object.__eq__

    def __cmp__(self, other):
        return 1 / 0


class Vague(Failing):
    """Gives an answer that has no truth value."""

    def __eq__(self, other):
        class Answer:
            def __bool__(self):
                raise RuntimeError("who knows")

        return Answer()


@pytest.mark.parametrize("kind", [Failing, FailingLegacy, Vague])
def test_what_cannot_compare_itself_is_compared_by_its_attributes(kind):
    assert nested_equal(kind([1]), kind([1]))
    assert not nested_equal(kind([1]), kind([2]))
    for other in (1, "text", Plain(other=1), kind):
        assert not nested_equal(kind(1), other)
        assert not nested_equal([other], [kind(1)])


def test_structures_that_contain_themselves_are_compared():
    a, b, c = [1], [1], [2]
    for cyclic in (a, b, c):
        cyclic.append({"self": cyclic})
    assert nested_equal(a, b)
    assert not nested_equal(a, c)


def test_nesting_deeper_than_the_recursion_limit_is_compared():
    a, b = [0], [0]
    for _ in range(5000):
        a, b = [a], [b]
    assert nested_equal(a, b)
    assert not nested_equal(a, [b])


def test_slots_and_dict_hold_equal_attributes():
    assert nested_equal(Plain(x=1, _Slotted__hidden=0), Slotted(1))


def test_all_attributes_include_private_and_omit_unset_slots():
    assert get_all_attributes(Slotted(5)) == {"x": 5, "_Slotted__hidden": 0}


def test_all_attributes_join_dict_and_inherited_slots():
    class Child(Slotted):
        pass

    child = Child(5)
    child.more = 6
    assert get_all_attributes(child) == {"x": 5, "_Slotted__hidden": 0, "more": 6}


def test_a_single_string_is_one_slot():
    class One:
        __slots__ = "only"

    one = One()
    one.only = 1
    assert get_all_attributes(one) == {"only": 1}
