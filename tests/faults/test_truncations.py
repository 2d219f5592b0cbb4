"""A file whose end is missing is an error that says so; a part of `truncations.py`."""

import logging

import pytest

pytest.importorskip("h5py")

from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL
from pypet.storage_backends.hdf5.files.redo_log import PAGE_BYTES, read_log, write_log
from tests.faults import kills
from tests.faults.truncations import boundaries, cut_everywhere, faults_of_a_cut_file


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    folder = tmp_path_factory.mktemp("experiment")
    path = folder / "data.hdf5"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        kills.experiment(path)
    return path


@pytest.fixture
def silent():
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def test_every_cut_of_a_file_is_noticed(experiment, tmp_path, monkeypatch, silent):
    monkeypatch.chdir(tmp_path)
    data = experiment.read_bytes()
    starts = boundaries(data)
    assert len(starts) > 300
    few = [place for place in starts[::25] if place]
    lengths = [1, 7, 8, 47, 48, 95, 96, len(data) - 1, *few]
    assert cut_everywhere(experiment, tmp_path / "cut", faults_of_a_cut_file, 8192, lengths) == []


@pytest.mark.skipif(not IS_TRANSACTIONAL, reason="the system has no transactions")
def test_a_redo_log_that_is_cut_at_any_byte_is_none(tmp_path):
    path, copy = tmp_path / "data", tmp_path / "cut"
    before = b"\x07" * (3 * PAGE_BYTES)
    path.write_bytes(before)
    with path.open("rb+") as file:
        pages = {number: bytearray(b"\1" * PAGE_BYTES) for number in (0, 2)}
        write_log(file.fileno(), pages, len(before))
        assert read_log(file.fileno()) is not None

    def check(path, length):
        with path.open("rb") as file:
            return [] if read_log(file.fileno()) is None else ["half a log is taken for one"]

    every = range(len(before), path.stat().st_size)
    assert cut_everywhere(path, copy, check, PAGE_BYTES, every) == []
