"""Assertions of equality of trees, leaves and values, including types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pypet.support.comparisons import nested_equal


def assert_same_value(actual: Any, expected: Any) -> None:
    """Assert equality of values and of their types, also inside containers.

    Text arrays may differ in width only.
    """
    assert type(actual) is type(expected), f"{type(actual)} instead of {type(expected)}"
    if isinstance(expected, np.ndarray):
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype or actual.dtype.kind == expected.dtype.kind == "U"
        assert nested_equal(actual, expected)
    elif isinstance(expected, dict):
        assert set(actual) == set(expected)
        for key, value in expected.items():
            assert_same_value(actual[key], value)
    elif isinstance(expected, list | tuple):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same_value(one, other)
    else:
        assert nested_equal(actual, expected), f"{actual!r} instead of {expected!r}"


def assert_same_annotation(actual: Any, expected: Any) -> None:
    """Assert equality of annotations; a numpy scalar may replace the one of Python."""
    if isinstance(actual, np.generic) and isinstance(expected, bool | int | float | complex | str):
        dtype = np.asarray(expected).dtype
        assert actual.dtype == dtype or actual.dtype.kind == dtype.kind == "U", type(actual)
        actual = actual.item()
    assert_same_value(actual, expected)


def assert_same_leaf(actual: Any, expected: Any) -> None:
    """Assert that two leaves have the same name, class, comment and data."""
    assert type(actual) is type(expected)
    assert actual.v_full_name == expected.v_full_name
    assert actual.f_is_empty() == expected.f_is_empty(), expected.v_full_name
    if expected.f_is_empty():
        return
    if expected.v_is_parameter:
        assert_same_value(actual.f_get(), expected.f_get())
        assert actual.v_explored == expected.v_explored
        assert actual.f_has_range() == expected.f_has_range(), expected.v_full_name
        if expected.f_has_range():
            assert_same_value(actual.f_get_range(), expected.f_get_range())
    else:
        assert_same_value(actual.f_to_dict(), expected.f_to_dict())


def assert_same_tree(actual: Any, expected: Any) -> None:
    """Assert that two trajectories have the same nodes, links, comments and data."""
    nodes = {node.v_full_name: node for node in expected.f_iter_nodes(recursive=True)}
    others = {node.v_full_name: node for node in actual.f_iter_nodes(recursive=True)}
    assert set(nodes) == set(others)
    for name, node in nodes.items():
        other = others[name]
        assert type(other) is type(node), name
        if node.v_is_leaf:
            assert_same_leaf(other, node)
        else:
            links = {key: link.v_full_name for key, link in node.f_get_links().items()}
            assert links == {key: link.v_full_name for key, link in other.f_get_links().items()}


def assert_same_as_one(
    found: Mapping[str, Any],
    states: Sequence[Mapping[str, Any]],
    assert_same: Callable[[Any, Any], None],
    path: str,
) -> None:
    """Make sure that each value is that of one of several states, which may lack some.

    ``path`` is named if there are too few or too many values.
    """
    names = [set(state) for state in states]
    assert set.intersection(*names) <= set(found) <= set.union(*names), path
    for name, value in found.items():
        *others, last = [state[name] for state in states if name in state]
        for expected in others:
            try:
                assert_same(value, expected)
            except AssertionError:
                continue
            break
        else:
            assert_same(value, last)
