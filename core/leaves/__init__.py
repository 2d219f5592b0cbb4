"""Leaves of the tree: parameters and results, and how they become storable items.

`ObjectTable` needs pandas and is made when it is first asked for.
"""

from typing import Any

from pypet.leaves.array_parameter import ArrayParameter
from pypet.leaves.base_parameter import BaseParameter
from pypet.leaves.parameter import Parameter
from pypet.leaves.pickle_leaves import PickleParameter, PickleResult
from pypet.leaves.result import BaseResult, Result
from pypet.leaves.sparse_leaves import SparseParameter, SparseResult

__all__ = [
    "ArrayParameter",
    "BaseParameter",
    "BaseResult",
    "ObjectTable",
    "Parameter",
    "PickleParameter",
    "PickleResult",
    "Result",
    "SparseParameter",
    "SparseResult",
]


def __getattr__(name: str) -> Any:
    if name == "ObjectTable":
        from pypet.encoding.object_table import ObjectTable

        return ObjectTable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
