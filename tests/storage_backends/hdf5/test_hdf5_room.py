"""A full disk is noticed before anything is changed."""

from __future__ import annotations

import errno
import multiprocessing
import sys

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import tables

from pypet import HDF5StorageService
from tests.storage_backends.hdf5.record_makers import TRAJ, apply, array, leaf, new_service, read

LIMIT = 3_000_000


def store_many(service, stored):
    for number in range(10):
        apply(service, leaf(f"results.r{number}", array("x", np.full(100_000, float(number)))))
        stored.append(number)


def fill(folder):
    """Store until there is no room; return the numbers of what was stored."""
    import resource

    service = new_service(folder, complevel=0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    stored = []
    with service.kept_open(TRAJ):
        with pytest.raises(OSError, match="there is no room") as caught:
            store_many(service, stored)
        assert caught.value.errno == errno.EFBIG
        apply(service, leaf("results.small", array("x", np.arange(10))))
    return stored


def fill_and_check(folder):
    stored = fill(folder)
    assert 2 <= len(stored) <= 3
    service = HDF5StorageService(filename=folder / "data.hdf5")
    found = {record.path: record for record in read(service)}
    assert "results.small" in found
    for number in stored:
        assert (found[f"results.r{number}"].items[0].value == number).all()
    assert f"results.r{len(stored)}" not in found


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits of file sizes")
@pytest.mark.timeout(60)
def test_what_does_not_fit_is_refused_and_the_rest_is_kept(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=fill_and_check, args=(tmp_path,))
    process.start()
    process.join(50)
    assert process.exitcode == 0


def test_room_that_a_killed_process_reserved_does_no_harm(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", array("x", np.arange(1_000.0))))
    with open(service.filename, "ab") as stream:
        stream.write(bytes(1_000_000))
    with tables.open_file(service.filename) as file:
        assert file.get_node(f"/{TRAJ}/results/r/x").nrows == 1_000
    apply(service, leaf("results.s", array("x", np.arange(1_000.0))))
    assert {"results.r", "results.s"} <= {record.path for record in read(service)}
