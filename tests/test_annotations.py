"""Annotations in all their ways of being set, read and removed."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pypet.annotations import Annotations, WithAnnotations


class Node(WithAnnotations):
    __slots__ = ()


def with_content(*args, **kwargs):
    annotations = Annotations()
    annotations.f_set(*args, **kwargs)
    return annotations


def test_every_setter_gives_the_same():
    by_attribute, by_item, by_single = Annotations(), Annotations(), Annotations()
    by_attribute.annotation, by_attribute.annotation_1, by_attribute.x = 1, 2, "y"
    by_item[0], by_item["annotation_1"], by_item["x"] = 1, 2, "y"
    for name, value in (("annotation", 1), ("annotation_1", 2), ("x", "y")):
        by_single.f_set_single(name, value)

    expected = {"annotation": 1, "annotation_1": 2, "x": "y"}
    for container in (by_attribute, by_item, by_single, with_content(1, 2, x="y")):
        assert container.f_to_dict() == expected


def test_every_getter_gives_the_same():
    annotations = with_content("zero", "one", x=5)

    assert annotations.x == annotations["x"] == annotations.f_get("x") == 5
    assert annotations.annotation == annotations[0] == annotations.f_get(0) == "zero"
    assert annotations[1] == annotations.f_get("annotation_1") == "one"
    assert annotations.f_get("x", 0) == (5, "zero")


def test_many_positional_annotations():
    assert with_content(*range(10)).f_get(*range(10)) == tuple(range(10))


def test_the_only_annotation_needs_no_name():
    assert with_content(x=[1]).f_get() == [1]
    with pytest.raises(ValueError, match="a, b"):
        with_content(a=1, b=2).f_get()
    with pytest.raises(AttributeError, match="no annotations"):
        Annotations().f_get()


@pytest.mark.parametrize(
    "access",
    [
        lambda a: a.missing,
        lambda a: a["missing"],
        lambda a: a[3],
        lambda a: a.f_get("missing"),
        lambda a: a.f_get("x", "missing"),
        lambda a: a.f_get([1]),
        lambda a: a.f_remove("missing"),
        lambda a: delattr(a, "missing"),
        lambda a: a.__delitem__("missing"),
    ],
)
def test_missing_annotations_are_attribute_errors(access):
    with pytest.raises(AttributeError, match=r"there are: x"):
        access(with_content(x=1))


def test_removing():
    annotations = with_content(1, 2, a=3, b=4)

    del annotations.a
    del annotations["b"]
    annotations.f_remove(1)

    assert list(annotations) == ["annotation"]
    annotations.f_empty()
    assert annotations.f_is_empty()


def test_membership_and_iteration_go_over_names():
    annotations = with_content(1, x=2)

    assert list(annotations) == ["annotation", "x"]
    assert "x" in annotations
    assert 0 in annotations
    assert "y" not in annotations


def test_containers_have_no_length_and_are_true():
    assert bool(Annotations())
    with pytest.raises(TypeError):
        len(Annotations())


def test_methods_cannot_be_replaced_by_annotations():
    annotations = Annotations()

    with pytest.raises(AttributeError):
        annotations.f_get = 3


def test_copy_of_the_dictionary():
    annotations = with_content(x=1)

    annotations.f_to_dict()["y"] = 2
    assert "y" not in annotations
    annotations.f_to_dict(copy=False)["y"] = 2
    assert annotations.y == 2


def test_text_is_sorted_by_name():
    assert str(with_content(b=2, a="x")) == "a=x; b=2"
    assert Annotations().f_ann_to_str() == ""


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_any_value_survives_pickling(protocol):
    content = {"d": {"k": [1]}, "t": (1, "a"), "n": None}
    annotations = with_content(arr=np.arange(3), **content)

    back = pickle.loads(pickle.dumps(annotations, protocol))

    assert {name: back[name] for name in content} == content
    assert back.arr.tolist() == [0, 1, 2]


def test_names_of_parameters_of_python_are_possible():
    assert with_content(self=1, name=2, data=3).f_to_dict() == {"self": 1, "name": 2, "data": 3}


def test_dir_lists_annotations():
    assert {"x", "f_set"} <= set(dir(with_content(x=1)))


def test_node_has_no_container_until_it_is_asked_for():
    node = Node()

    assert node._annotations is None
    assert node.f_ann_to_str() == ""
    assert node._annotations is None
    assert node.v_annotations is node.v_annotations


def test_node_forwards_to_its_annotations():
    node = Node()

    node.f_set_annotations(1, x=2)

    assert node.f_get_annotations("x") == 2
    assert node.f_get_annotations(0, "x") == (1, 2)
    assert node.f_ann_to_str() == "annotation=1; x=2"
    with pytest.raises(AttributeError):
        node.v_annotations = Annotations()
