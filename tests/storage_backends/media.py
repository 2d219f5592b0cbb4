"""Media of the built-in storage services that fail."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

from pypet.services.record_tree import RecordTree
from pypet.testing.faults import failing_calls

_MEMORY = [(RecordTree, name) for name in ("put", "put_item", "delete", "delete_item")]
_FILES = [(os, name) for name in ("pwritev", "pwrite", "ftruncate", "posix_fallocate", "fsync")]


def memory_fault(number: int) -> AbstractContextManager[Any]:
    """Return a context in which dictionaries of records take ``number`` more changes."""
    return failing_calls(number, *_MEMORY)


def file_fault(number: int) -> AbstractContextManager[Any]:
    """Return a context in which files take ``number`` more calls that change them."""
    return failing_calls(number, *_FILES)
