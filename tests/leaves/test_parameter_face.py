"""The established module `pypet.parameter`."""

from __future__ import annotations

import pytest

from pypet import leaves, parameter


def test_all_classes_are_there():
    assert set(leaves.__all__) <= set(parameter.__all__)
    for name in set(leaves.__all__) - {"ObjectTable"}:
        assert getattr(parameter, name) is getattr(leaves, name)


def test_object_table_is_one_class():
    pytest.importorskip("pandas")
    from pypet.encoding.object_table import ObjectTable

    assert parameter.ObjectTable is leaves.ObjectTable is ObjectTable


def test_unknown_names_are_attribute_errors():
    for module in (leaves, parameter):
        with pytest.raises(AttributeError, match="Nothing"):
            module.Nothing
