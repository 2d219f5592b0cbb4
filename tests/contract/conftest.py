"""Trajectories that behave as users know them, kept in memory and in HDF5 files."""

from __future__ import annotations

import pytest

from pypet import Trajectory
from pypet.storage_backends.memory import MemoryStorageService


@pytest.fixture
def traj():
    """A new trajectory without storage."""
    return Trajectory("contract")


@pytest.fixture(params=["memory", "hdf5"])
def make(request, tmp_path):
    """Make trajectories that share one storage; ``file`` chooses another one."""
    services = {}
    if request.param == "hdf5":
        pytest.importorskip("h5py")

    def build(name, file="data", **kwargs):
        if request.param == "hdf5":
            return Trajectory(name, filename=str(tmp_path / f"{file}.hdf5"), **kwargs)
        service = services.setdefault(file, MemoryStorageService())
        return Trajectory(name, storage_service=service, **kwargs)

    return build


@pytest.fixture
def names_of():
    """Return the full names of everything in a trajectory."""

    def names(traj, **kwargs):
        return {node.v_full_name for node in traj.f_iter_nodes(**kwargs)}

    return names
