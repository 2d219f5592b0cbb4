"""Classes by bare name."""

from __future__ import annotations

import pytest

from pypet import leaves, tree
from pypet.leaves.class_lookup import create_class, load_class


class MyResult(leaves.Result):
    pass


@pytest.mark.parametrize(
    "name",
    ["ArrayParameter", "BaseParameter", "BaseResult", "Parameter", "PickleResult", "Result",
     "SparseParameter", "SparseResult"],
)  # fmt: skip
def test_built_in_leaves(name):
    assert create_class(name, ()) is getattr(leaves, name)


@pytest.mark.parametrize(
    "name",
    ["ConfigGroup", "DerivedParameterGroup", "NNGroupNode", "NNLeafNode", "ParameterGroup",
     "ResultGroup"],
)  # fmt: skip
def test_built_in_nodes(name):
    assert create_class(name, ()) is getattr(tree, name)


def test_dynamic_imports_are_classes_or_paths():
    imports = [MyResult, "pypet.parameter.PickleParameter", "collections.OrderedDict"]

    assert create_class("MyResult", imports) is MyResult
    assert create_class("PickleParameter", imports) is leaves.PickleParameter
    assert create_class("PickleParameter", iter(imports)) is leaves.PickleParameter


def test_built_in_classes_win():
    class Result:
        pass

    assert create_class("Result", [Result]) is leaves.Result


def test_unknown_class_names_what_is_known():
    with pytest.raises(ImportError, match=r"'Nowhere'.*MyResult, a\.B.*dynamic_imports"):
        create_class("Nowhere", [MyResult, "a.B"])


def test_loading_by_path():
    assert load_class("pypet.parameter.Parameter") is leaves.Parameter
    with pytest.raises(ImportError):
        load_class("pypet.nowhere.Parameter")
    with pytest.raises(AttributeError):
        load_class("pypet.parameter.Nothing")
    with pytest.raises(ImportError, match="say from which module"):
        load_class("Parameter")
