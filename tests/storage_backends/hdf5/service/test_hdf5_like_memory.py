"""Whatever is asked of it, the file holds what dictionaries would hold."""

import contextlib
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("h5py")

from hypothesis import given, settings
from hypothesis import strategies as st

from pypet.errors import DataNotInStorageError
from pypet.records import StoreRequest
from pypet.storage_backends.hdf5 import HDF5StorageService
from pypet.storage_backends.memory import MemoryStorageService
from tests.storage_backends.hdf5.record_makers import TRAJ, meta
from tests.storage_backends.random_requests import plain, put_group, put_leaf, requests


def outcome(service, request):
    """Apply a request operation by operation; return which kinds of errors there were."""
    failed = []
    for operation in request:
        try:
            service.apply(StoreRequest(TRAJ, (operation,)))
        except (DataNotInStorageError, TypeError) as err:
            failed.append(type(err))
    return failed


def content(service):
    records = service.read_nodes(TRAJ, "", recursive=True, max_depth=None, wants=lambda path: True)
    return [plain(record) for record in records]


@settings(max_examples=40, deadline=None)
@given(requests, st.booleans())
def test_any_requests_leave_what_they_leave_in_memory(sequence, keep_open):
    memory = MemoryStorageService()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        service = HDF5StorageService(
            filename=Path(folder) / "x.hdf5", purge_duplicate_comments=False
        )
        for each in (memory, service):
            each.apply(StoreRequest(TRAJ, (meta(),)))
        if keep_open:
            stack.enter_context(service.kept_open(TRAJ))
        for request in sequence:
            assert outcome(service, request) == outcome(memory, request)
        assert content(service) == content(memory)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.one_of(put_group, put_leaf), min_size=1, max_size=12), max_size=4))
def test_nodes_made_together_are_those_made_one_by_one(sequence):
    with tempfile.TemporaryDirectory() as folder:
        services = [HDF5StorageService(filename=Path(folder) / f"{name}.hdf5") for name in "ab"]
        for service in services:
            service.apply(StoreRequest(TRAJ, (meta(),)))
        together, single = services
        for request in sequence:
            together.apply(StoreRequest(TRAJ, tuple(request)))
            for operation in request:
                single.apply(StoreRequest(TRAJ, (operation,)))
        assert content(together) == content(single)
