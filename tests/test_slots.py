"""Slotted classes can be pickled, copied and listed."""

from __future__ import annotations

import copy
import pickle

import pytest

from pypet.slots import HasSlots, MetaSlotMachine, get_all_slots


class Base(HasSlots):
    __slots__ = ("a", "b")


class OneString(Base):
    __slots__ = "single"


class WithDict(Base):
    pass


class Private(HasSlots):
    __slots__ = ("__hidden",)

    def __init__(self):
        self.__hidden = 3

    def reveal(self):
        return self.__hidden


class FindsEverything(HasSlots):
    __slots__ = ("kept", "unset")

    def __getattr__(self, name):
        return "found"

    def __setattr__(self, name, value):
        raise RuntimeError("only for data")


def test_all_slots_of_all_bases_are_collected():
    assert type(Base) is MetaSlotMachine
    assert Base.__all_slots__ == {"a", "b", "__weakref__"}
    assert OneString.__all_slots__ == {"a", "b", "single", "__weakref__"}
    assert get_all_slots(OneString) == OneString.__all_slots__
    assert get_all_slots(int) == set()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("cls", [OneString, WithDict])
def test_state_survives_every_pickle_protocol(cls, protocol):
    instance = cls()
    instance.a = [1]
    instance.single = "s"

    back = pickle.loads(pickle.dumps(instance, protocol))

    assert back.a == [1]
    assert back.single == "s"
    assert not hasattr(back, "b")
    assert hasattr(back, "__dict__") == (cls is WithDict)


def test_private_slots_are_kept():
    assert copy.copy(Private()).reveal() == 3


def test_state_is_only_what_is_set():
    instance = WithDict()
    instance.a, instance.extra = 1, 2

    assert instance.__getstate__() == {"a": 1, "extra": 2}


def test_state_bypasses_attribute_hooks():
    instance = FindsEverything()
    instance.__setstate__({"kept": 1})

    assert instance.__getstate__() == {"kept": 1}


def test_dir_lists_methods_slots_and_entries_of_the_dictionary():
    instance = WithDict()
    instance.extra = 2

    assert {"a", "b", "extra", "__getstate__", "__weakref__"} <= set(dir(instance))
