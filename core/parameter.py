"""All parameter and result classes under one established path."""

from typing import Any

from pypet import leaves
from pypet.leaves import (
    ArrayParameter,
    BaseParameter,
    BaseResult,
    Parameter,
    PickleParameter,
    PickleResult,
    Result,
    SparseParameter,
    SparseResult,
)
from pypet.tree.node import NNLeafNode

__all__ = [
    "ArrayParameter",
    "BaseParameter",
    "BaseResult",
    "NNLeafNode",
    "ObjectTable",  # noqa: F822 - made by `__getattr__`
    "Parameter",
    "PickleParameter",
    "PickleResult",
    "Result",
    "SparseParameter",
    "SparseResult",
]


def __getattr__(name: str) -> Any:
    if name == "ObjectTable":
        return leaves.ObjectTable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
