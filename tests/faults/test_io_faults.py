"""A disk that fails or is full is a clear error, and costs no data; a part of `io_faults.py`."""

import errno
import os

import pytest

pytest.importorskip("h5py")

from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL
from tests.faults import io_faults, kills
from tests.faults.shim import why_not

pytestmark = [
    pytest.mark.skipif(not IS_TRANSACTIONAL, reason="the system has no transactions"),
    pytest.mark.timeout(600),
]
needs_shim = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    return io_faults.Faults(tmp_path_factory.mktemp("faults"))


def of(found):
    return found.outcome, found.findings


@needs_shim
@pytest.mark.parametrize(
    ("name", "kind", "at", "outcome"),
    [
        ("serial", "no room", 7, io_faults.TOLD),  # a log is there, but its commit half done
        ("serial", "writes fail", 4, io_faults.TOLD),
        ("serial", "short writes", 1, io_faults.WELL),
        ("serial", "fsync fails", 1, io_faults.TOLD),
        ("serial", "truncate fails", 2, io_faults.TOLD),
        ("pool, LOCK", "write fails", 12, io_faults.TOLD),
        ("pool, QUEUE", "writes fail", 9, io_faults.TOLD),
        ("store", "no room", 2, io_faults.TOLD),
        ("resumable", "fsyncs fail", 33, io_faults.TOLD),  # within the runs
    ],
)
def test_a_call_that_fails_is_told_and_costs_nothing(faults, name, kind, at, outcome):
    assert of(faults.fault(name, kind, at)) == (outcome, [])


@needs_shim
def test_an_experiment_goes_on_when_a_full_disk_has_room_again(faults):
    assert of(faults.full("serial", 0.6)) == (io_faults.TOLD, [])


def test_an_experiment_goes_on_after_a_disk_that_was_really_full(tmp_path):
    reason = io_faults.why_no_disk()
    if reason is not None:
        pytest.skip(reason)
    assert of(io_faults.on_small_disk("serial", tmp_path, 100 << 10)) == (io_faults.TOLD, [])


def test_runs_whose_data_the_disk_refused_do_not_count_as_completed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "data.hdf5"
    failing = pytest.MonkeyPatch()

    def fail(descriptor):
        failing.undo()  # the next one succeeds, which means nothing
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def run(traj):
        if traj.v_idx == kills.FIRST_RUNS - 1:
            failing.setattr(os, "fsync", fail)
        return kills.multiply(traj)

    with pytest.raises(OSError, match=r"cannot be written \(Input/output error.*data.hdf5"):
        kills.environment(path).run(run)
    assert kills.faults_of(path, "serial") == []
