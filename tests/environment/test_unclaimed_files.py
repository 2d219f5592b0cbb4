"""A file whose extension belongs to no installed storage service is reported."""

from __future__ import annotations

import pytest

pytest.importorskip("h5py")

from pypet import Environment, Trajectory

WARNING = "No installed storage service claims the extension"


@pytest.fixture
def make(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def make(trajectory="t", **options):
        return Environment(trajectory, log_config=None, report_progress=False, **options)

    return make


def test_a_new_file_with_an_unclaimed_extension_causes_a_warning(make, caplog):
    env = make(filename="data.unclaimed")
    assert f"{WARNING} '.unclaimed', so 'hdf5' stores in 'data.unclaimed'" in caplog.text
    caplog.clear()
    env.run(lambda traj: None)
    make("other", filename="data.unclaimed")  # which exists now
    assert WARNING not in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"filename": "data.unclaimed", "storage_service": "hdf5"},
        {"filename": "data.h5"},
        {"filename": "folder/"},
        {},
    ],
)
def test_other_files_cause_no_warning(make, caplog, options):
    make(**options)
    make(Trajectory("loaded", filename="own.hdf5"))
    assert WARNING not in caplog.text
