"""What a process does that has no filters for h5py; `test_hdf5_filters` starts it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import tables

from pypet.records import ArrayItem
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.storage_backends.hdf5.record_makers import TRAJ, apply, items_of, leaf, meta


def read_through_pytables(filename):
    service = HDF5StorageService(filename=filename)
    items = items_of(service, "results.r")
    assert items["array"].value.shape == (300, 70)
    assert items["table"].columns[0].values.tolist() == list(range(5000))
    assert items["frame"].value["t"].tolist() == ["text"] * 500
    assert complib_in(service) == "blosc"


def refuse_to_write(filename):
    message = r"complib='blosc'.*pip install \"pypet\[hdf5\]\".*'zlib'"
    with pytest.raises(ValueError, match=message):
        HDF5StorageService(filename=filename, complib="blosc")
    service = HDF5StorageService(filename=filename)
    with pytest.raises(ValueError, match=message):
        apply(service, meta(2, is_new=False, settings={"complib": "blosc"}))
    assert complib_in(service) == "blosc"
    assert len(service.read_meta(TRAJ, with_runs=True).runs) == 1


def convert_the_overview(filename):
    service = HDF5StorageService(filename=filename)
    apply(service, meta(2, is_new=False, settings={"complib": "zlib"}))
    apply(service, leaf("results.s", ArrayItem("a", "CARRAY", np.arange(9), "COLL_NDARRAY", None)))
    assert items_of(service, "results.s")["a"].value.tolist() == list(range(9))
    assert items_of(service, "results.r")["array"].value.shape == (300, 70)
    with tables.open_file(filename) as file:
        assert file.root.traj.overview.runs.filters.complib == "zlib"
        assert file.root.traj.overview.runs.nrows == 2
        assert file.root.traj.results.r.array.filters.complib == "blosc"


def complib_in(service):
    return service.read_meta(TRAJ, with_runs=False).settings["complib"]
