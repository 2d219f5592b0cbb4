"""The table ``run_errors`` in the file: there when it is needed, and never in the way."""

from __future__ import annotations

import logging

import numpy as np
import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

import h5py
import tables

from pypet.records import RunError, StoreRequest
from pypet.storage_backends.hdf5 import HDF5StorageService
from tests.storage_backends.hdf5.record_makers import TRAJ, meta, run_rows

TABLE = f"{TRAJ}/overview/run_errors"
ODD, EVEN = RunError("ValueError", "odd", "line 1", 3.0), RunError("KeyError", "even", "", 4.0)


@pytest.fixture
def service(tmp_path):
    return HDF5StorageService(str(tmp_path / "file.hdf5"))


def put(service, runs, length=4):
    service.apply(StoreRequest(TRAJ, (meta(length, runs=runs),)))


def errors(service):
    runs = service.read_meta(TRAJ, with_runs=True).runs
    return dict(runs.errors)


def rows_in_file(service):
    with h5py.File(service.filename) as file:
        return file[TABLE][:] if TABLE in file else None


def test_without_failed_runs_there_is_no_table(service):
    put(service, run_rows(4))
    assert rows_in_file(service) is None
    assert errors(service) == {}


def test_pytables_reads_what_is_written(service):
    put(service, run_rows(4, errors={1: ODD}))
    with tables.open_file(service.filename) as file:
        (row,) = file.get_node(f"/{TABLE}").read()
    assert (row["idx"], row["type"], row["traceback"]) == (1, b"ValueError", b"line 1")


def test_the_columns_of_runs_stay_as_they_are(service):
    put(service, run_rows(4, errors={1: ODD}))
    with h5py.File(service.filename) as file:
        names = file[f"{TRAJ}/overview/runs"].dtype.names
    assert "completed" in names
    assert not {"state", "error", "message"} & set(names)


def test_only_what_is_new_is_written(service):
    put(service, run_rows(4, errors={1: ODD}))
    two = run_rows(1, idx=np.array([2]), errors={2: EVEN})
    put(service, two)
    assert rows_in_file(service)["idx"].tolist() == [1, 2]
    assert errors(service) == {1: ODD, 2: EVEN}
    put(service, run_rows(1, idx=np.array([3])))
    assert rows_in_file(service)["idx"].tolist() == [1, 2]


def test_the_last_error_counts_and_replaying_changes_nothing(service):
    for error in (ODD, EVEN, EVEN):
        put(service, run_rows(1, idx=np.array([1]), errors={1: error}))
    assert errors(service) == {1: EVEN}


def test_rows_without_error_take_back_what_was_said(service):
    put(service, run_rows(4, errors={1: ODD, 2: EVEN}))
    put(service, run_rows(1, idx=np.array([1])))
    assert errors(service) == {2: EVEN}


def test_columns_grow_with_the_text(service):
    put(service, run_rows(4, errors={1: ODD, 2: ODD}))
    long = RunError("ü" * 40, "m" * 3000, "t" * 20_000 + "end", 5.0)
    put(service, run_rows(1, idx=np.array([2]), errors={2: long}))
    assert errors(service) == {1: ODD, 2: long}
    assert len(rows_in_file(service)) == 2


def test_text_beyond_all_bounds_is_cut(service):
    put(service, run_rows(4, errors={1: ODD._replace(message="m" * 100_000)}))
    assert errors(service)[1].message.startswith("mmm")


@pytest.mark.parametrize("stored_again", [False, True])
def test_a_damaged_table_costs_the_errors_only(service, caplog, stored_again):
    put(service, run_rows(4, errors={1: ODD}))
    with h5py.File(service.filename, "r+") as file:
        del file[TABLE]
        file[TABLE] = np.zeros(3)
    if stored_again:
        put(service, run_rows(4, errors={2: ODD}))
        assert "run_errors" in caplog.text
    with caplog.at_level(logging.WARNING):
        assert errors(service) == {}
    assert "run_errors" in caplog.text
    assert len(service.read_meta(TRAJ, with_runs=True).runs) == 4


def test_a_trajectory_in_a_backup_keeps_its_errors(service, tmp_path):
    put(service, run_rows(4, errors={1: ODD}))
    backup = service.backup_service(TRAJ, str(tmp_path / "backup.hdf5"))
    service.copy_to(backup, TRAJ)
    assert errors(backup) == {1: ODD}
