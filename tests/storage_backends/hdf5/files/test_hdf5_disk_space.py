"""A full disk is noticed before anything is changed."""

from __future__ import annotations

import errno
import multiprocessing
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")

import tables

from pypet import HDF5StorageService, SharedEArray, SharedResult, Trajectory
from pypet.storage_backends.hdf5.files.disk_space import NODE_BYTES
from pypet.storage_backends.hdf5.files.file_cache import FileCache
from tests.storage_backends.hdf5.record_makers import (
    TRAJ,
    apply,
    array,
    leaf,
    meta,
    new_service,
    number,
    read,
)

LIMIT = 3_000_000
needs_limits = pytest.mark.skipif(
    sys.platform == "win32", reason="there are no limits of file sizes"
)


def store_many(service, stored):
    for value in range(10):
        apply(service, leaf(f"results.r{value}", array("x", np.full(100_000, float(value)))))
        stored.append(value)


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
    for value in stored:
        assert (found[f"results.r{value}"].items[0].value == value).all()
    assert f"results.r{len(stored)}" not in found


@needs_limits
def test_what_does_not_fit_is_refused_and_the_rest_is_kept(tmp_path):
    process = multiprocessing.get_context("fork").Process(target=fill_and_check, args=(tmp_path,))
    process.start()
    process.join(100)
    assert process.exitcode == 0


def test_space_that_a_killed_process_reserved_does_no_harm(tmp_path):
    service = new_service(tmp_path)
    apply(service, leaf("results.r", array("x", np.arange(1_000.0))))
    with open(service.filename, "ab") as stream:
        stream.write(bytes(1_000_000))
    with tables.open_file(service.filename) as file:
        assert file.get_node(f"/{TRAJ}/results/r/x").nrows == 1_000
    apply(service, leaf("results.s", array("x", np.arange(1_000.0))))
    assert {"results.r", "results.s"} <= {record.path for record in read(service)}


# ----- nothing is refused that has room --------------------------------------------------------


def in_process(function, *args):
    process = multiprocessing.get_context("fork").Process(target=function, args=args)
    process.start()
    process.join(100)
    assert process.exitcode == 0


def store_again_at_the_limit(folder):
    import resource

    service = new_service(folder, complevel=0)
    big = leaf("results.big", array("x", np.arange(200_000.0)), array("a.b", np.arange(9.0)))
    apply(service, big)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    apply(service, big)
    apply(service, big._replace(items=(*big.items, array("small", np.arange(10)))))
    with pytest.raises(OSError, match="there is no room"):
        apply(service, big._replace(overwrite=True))
    assert len(read(service, "results.big")[0].items) == 3


@needs_limits
def test_what_is_stored_already_needs_no_space(tmp_path):
    in_process(store_again_at_the_limit, tmp_path)


def store_many_small_ones(folder):
    import resource

    service = new_service(folder)
    service.commit_interval = 1_000.0
    size = os.path.getsize(service.filename)
    limit = size + 150 * NODE_BYTES
    with service.kept_open(TRAJ):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for value in range(150):
            apply(service, leaf(f"results.r{value}", number("x", value)))
    assert len(read(service)) == 152
    assert os.path.getsize(service.filename) < limit


@needs_limits
def test_more_was_asked_for_than_it_took_and_that_is_found_out(tmp_path):
    in_process(store_many_small_ones, tmp_path)


def pretend(monkeypatch, **fields):
    """Let the disk tell something else about itself, and nobody believe what it told before."""
    monkeypatch.setattr(FileCache, "ample_until", property(lambda self: 0.0, lambda *_: None))
    told = os.statvfs(os.curdir)
    names = ["f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail"]
    values = {name: getattr(told, name) for name in names} | fields
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(**values))


@needs_limits
@pytest.mark.parametrize("fields", [{"f_frsize": 0}, {"f_blocks": 0, "f_bavail": 0}], ids=str)
def test_a_disk_that_does_not_know_its_size_is_written_to(tmp_path, monkeypatch, fields):
    pretend(monkeypatch, **fields)
    service = new_service(tmp_path)
    apply(service, leaf("results.r", array("x", np.arange(1_000.0))))
    assert len(read(service, "results.r")) == 1


@needs_limits
def test_a_disk_that_does_not_answer_is_written_to(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "statvfs", fail)
    service = new_service(tmp_path)
    apply(service, leaf("results.r", array("x", np.arange(1_000.0))))
    assert len(read(service, "results.r")) == 1


# ----- a full disk -----------------------------------------------------------------------------


@needs_limits
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_refused_reservation_leaves_the_file_as_it_was(tmp_path, monkeypatch, code):
    service = new_service(tmp_path)
    apply(service, leaf("results.old", number("x", 1)))
    size = os.path.getsize(service.filename)

    def reserve_part(descriptor, offset, length):
        os.ftruncate(descriptor, offset + length // 2)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "posix_fallocate", reserve_part)
    pretend(monkeypatch, f_frsize=4096, f_bavail=1000)
    with pytest.raises(OSError, match="there is no room") as caught:
        apply(service, leaf("results.new", number("x", 1)))
    assert caught.value.errno == code
    assert os.path.getsize(service.filename) == size
    assert [record.path for record in read(service, "results")] == ["results", "results.old"]


@needs_limits
def test_where_nothing_can_be_reserved_the_free_space_counts(tmp_path, monkeypatch):
    def fail(descriptor, offset, length):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    service = new_service(tmp_path)
    monkeypatch.setattr(os, "posix_fallocate", fail)
    pretend(monkeypatch, f_frsize=4096, f_bavail=100)
    apply(service, leaf("results.small", number("x", 1)))
    with pytest.raises(OSError, match=r"to store 0\.8 MB more, only 0\.4 MB are free"):
        apply(service, leaf("results.large", array("x", np.arange(100_000.0))))


@needs_limits
def test_shared_data_that_does_not_fit_is_refused(tmp_path, monkeypatch):
    traj = Trajectory(TRAJ, filename=tmp_path / "data.hdf5", add_time=False)
    shared = SharedEArray()
    traj.f_add_result(SharedResult, "shared", array=shared)
    traj.f_store()
    shared.create_shared_data(obj=np.arange(10.0))
    pretend(monkeypatch, f_frsize=4096, f_bavail=100)
    shared.append(np.arange(10.0))
    with pytest.raises(OSError, match="there is no room"):
        shared.append(np.arange(100_000.0))
    assert len(shared.read()) == 20


@needs_limits
def test_runs_leave_space_for_what_closes_the_experiment(tmp_path, monkeypatch):
    service = new_service(tmp_path)
    run = leaf("results.runs.run_00000000.z", number("z", 1))
    pretend(monkeypatch, f_frsize=4096, f_bavail=200)
    monkeypatch.delattr(os, "posix_fallocate")
    with pytest.raises(OSError, match="there is no room"):
        apply(service, run)
    apply(service, run._replace(path="results.z"), meta(is_new=False))
