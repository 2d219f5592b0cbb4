"""A stored trajectory for shared data, once with its store closed and once with it open."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("pandas")

from pypet import StorageContextManager, Trajectory


@pytest.fixture
def traj(tmp_path):
    made = Trajectory("shared", filename=str(tmp_path / "data.hdf5"))
    made.f_store(only_init=True)
    return made


@pytest.fixture(params=["closed", "open"])
def store(request, traj):
    """The state of the store during the test."""
    with StorageContextManager(traj) if request.param == "open" else nullcontext():
        yield request.param
