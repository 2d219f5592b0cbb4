"""Shared data: items of results that stay in the storage and are accessed there.

A `SharedResult` holds handles. Each method of a handle is carried out by the storage service, so
that several runs, also of several processes under a lock, can work on the same data, and none of
it has to fit into memory.
"""

from pypet.shareddata.arrays import SharedArray, SharedCArray, SharedEArray, SharedVLArray
from pypet.shareddata.conversions import make_ordinary_result, make_shared_result
from pypet.shareddata.frame import SharedPandasFrame
from pypet.shareddata.handle import SharedData
from pypet.shareddata.result import SharedResult
from pypet.shareddata.store_context import StorageContextManager
from pypet.shareddata.table import SharedTable

__all__ = [
    "SharedArray",
    "SharedCArray",
    "SharedData",
    "SharedEArray",
    "SharedPandasFrame",
    "SharedResult",
    "SharedTable",
    "SharedVLArray",
    "StorageContextManager",
    "make_ordinary_result",
    "make_shared_result",
]
