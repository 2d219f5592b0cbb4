"""Annotations, and functions around trajectories."""

from __future__ import annotations

import numpy as np
import pytest

from pypet import Parameter, Result, cartesian_product, find_unique_points
from pypet.slots import HasSlots, get_all_slots
from pypet.utils.comparisons import (
    get_all_attributes,
    nested_equal,
    parameters_equal,
    results_equal,
)
from pypet.utils.dynamicimports import create_class, load_class
from pypet.utils.helpful_classes import IteratorChain
from pypet.utils.helpful_functions import (
    flatten_dictionary,
    get_matching_kwargs,
    nest_dictionary,
    racedirs,
    result_sort,
)
from pypet.utils.storagefactory import storage_factory


def test_setters_of_annotations_agree(traj):
    node = traj.f_add_result("r", 1)
    notes = node.v_annotations
    notes.one = 1
    notes["two"] = [2]
    notes.f_set(three="3")
    notes.f_set_single("four", {"4": 4})
    node.f_set_annotations("zero", "one_more")
    assert set(notes) == {"one", "two", "three", "four", "annotation", "annotation_1"}
    assert "one" in notes
    assert notes[0] == notes.f_get(0) == "zero"
    assert notes[1] == "one_more"
    assert notes.f_get("one", "two") == (1, [2])
    assert node.f_get_annotations("one") == 1
    with pytest.raises(ValueError):
        notes.f_get()
    for missing in ("nothing", 7):
        with pytest.raises(AttributeError):
            notes.f_get(missing)
    del notes.one
    del notes["two"]
    notes.f_remove("three")
    notes.f_remove(0)
    with pytest.raises(AttributeError):
        notes.f_remove("three")
    assert notes.f_to_dict() == {"four": {"4": 4}, "annotation_1": "one_more"}
    assert str(notes) == node.f_ann_to_str() == "annotation_1=one_more; four={'4': 4}"
    notes.f_empty()
    assert notes.f_is_empty()
    assert str(notes) == ""
    with pytest.raises(AttributeError):
        notes.f_get()
    notes.f_set(*range(10))
    assert notes.f_get(*range(10)) == tuple(range(10))
    with pytest.raises(AttributeError):
        node.v_annotations = {}


def test_annotations_survive_storing(make):
    traj = make("notes")
    values = {"d": {"a": 1}, "l": [1, "b"], "t": (1, 2), "a": np.arange(3), "s": "text", "f": 1.5}
    traj.f_add_result("r", 1).v_annotations.f_set(**values)
    traj.f_store()
    traj.f_remove()
    traj.f_load(load_data=2)
    assert nested_equal(traj.f_get("r").v_annotations.f_to_dict(), values)


def test_cartesian_product():
    product = cartesian_product({"p1": [1, 2, 3], "p2": [42.0, 52.5]}, ("p1", "p2"))
    assert product == {"p1": [1, 1, 2, 2, 3, 3], "p2": [42.0, 52.5] * 3}
    values = {"p1": [1, 2], "p2": [3, 4], "p3": [5, 6, 7]}
    zipped = cartesian_product(values, ("p3", ("p1", "p2")))
    assert zipped == {"p3": [5, 5, 6, 6, 7, 7], "p1": [1, 2] * 3, "p2": [3, 4] * 3}
    assert cartesian_product(values, ("p1",)) == {"p1": [1, 2], "p2": [], "p3": []}
    with pytest.raises(KeyError):
        cartesian_product(values, ("p4",))


def test_unique_points(traj):
    traj.f_add_parameter("x", 1)
    traj.f_add_parameter("y", np.array([1]))
    with pytest.raises(TypeError):
        find_unique_points([traj.f_get("x")])
    arrays = [np.array([1]), np.array([2]), np.array([1])]
    traj.f_explore({"x": [3, 4, 3], "y": arrays})
    points = find_unique_points([traj.f_get("x")])
    assert points == [((3,), [0, 2]), ((4,), [1])]
    assert [indices for _, indices in find_unique_points([traj.f_get("x"), traj.f_get("y")])] == [
        [0, 2],
        [1],
    ]


def test_equality_of_leaves():
    assert parameters_equal(Parameter("a.x", 1, "c"), Parameter("a.x", 1, "d"))
    assert not parameters_equal(Parameter("a.x", 1), Parameter("b.x", 1))
    assert not parameters_equal(Parameter("a.x", 1), Parameter("a.x", 1.0))
    assert results_equal(Result("r", 1, k=[1]), Result("r", 1, k=[1]))
    assert not results_equal(Result("r", 1), Result("r", 2))
    assert not results_equal(Result("r", 1), Parameter("r", 1))
    with pytest.raises(ValueError):
        parameters_equal(Result("r", 1), Result("r", 1))
    with pytest.raises(ValueError):
        results_equal(Parameter("r", 1), Parameter("r", 1))


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        (None, None, True),
        (None, 0, False),
        (4, np.int8(4), True),
        ([1, (2, 3)], (1, [2, 3]), True),
        ([1, 2], np.array([1, 2]), False),
        (np.array([1, 2]), np.array([1, 2]), True),
        (np.array([1, 2]), np.array([1, 2, 3]), False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": [1]}, {"b": [1]}, False),
        ("abc", "abd", False),
        ([1], [1, 2], False),
    ],
)
def test_nested_equality(one, two, equal):
    assert bool(nested_equal(one, two)) is equal
    assert bool(nested_equal(two, one)) is equal


class Slotted(HasSlots):
    __slots__ = "single"


def test_slots():
    assert Slotted.__all_slots__ == get_all_slots(Slotted)
    assert {"single", "__weakref__"} <= set(Slotted.__all_slots__)
    thing = Slotted()
    thing.single = 1
    assert get_all_attributes(thing)["single"] == 1
    assert "single" in dir(thing)


def test_dictionaries_and_iterators(tmp_path):
    flat = {"a.b": 1, "a.c.d": 2, "e": 3}
    nested = {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
    assert nest_dictionary(flat, ".") == nested
    assert flatten_dictionary(nested, ".") == flat
    results = [(5, "e"), (3, "c"), (1, "a")]
    assert result_sort(results, 1) is results
    assert results == [(5, "e"), (1, "a"), (3, "c")]
    chain = IteratorChain([1, 2])
    assert chain.next() == 1
    chain.add([3])
    assert list(chain) == [2, 3]
    assert get_matching_kwargs(lambda a, b=1: 0, {"a": 1, "c": 2}) == {"a": 1}
    assert get_matching_kwargs(lambda **kw: 0, {"a": 1}) == {"a": 1}
    racedirs(str(tmp_path / "x" / "y"))
    racedirs(str(tmp_path / "x" / "y"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        racedirs(str(tmp_path / "file"))


def test_classes_by_name():
    assert load_class("pypet.leaves.result.Result") is Result
    assert create_class("Parameter", []) is Parameter
    assert create_class("Slotted", [Slotted]) is Slotted
    with pytest.raises(ImportError):
        create_class("NoSuchClass", [])


def test_storage_factory():
    from pypet.storage_backends.memory import MemoryStorageService

    service, unused = storage_factory(MemoryStorageService, nonsense=1)
    assert isinstance(service, MemoryStorageService)
    assert set(unused) == {"nonsense"}
