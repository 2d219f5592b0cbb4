"""Trajectories with and without storage."""

from __future__ import annotations

import pytest

from pypet.storage_backends.memory import MemoryStorageService
from pypet.trajectory import Trajectory


@pytest.fixture
def traj():
    """A trajectory with two parameters, without storage."""
    traj = Trajectory("test")
    traj.f_add_parameter("group.x", 1)
    traj.f_add_parameter("y", 2.0)
    return traj


@pytest.fixture
def explored(traj):
    """The same, explored over three runs."""
    traj.f_explore({"x": [10, 11, 12], "y": [0.5, 1.5, 2.5]})
    return traj


@pytest.fixture
def service():
    return MemoryStorageService()


@pytest.fixture
def stored(service):
    """A trajectory with three runs and a result, stored in memory."""
    traj = Trajectory("kept", comment="to be kept", storage_service=service)
    traj.f_add_parameter("group.x", 1, comment="a number")
    traj.f_add_parameter("still", "s")
    traj.f_add_config("note", "n")
    traj.f_add_result("sums.total", 5)
    traj.f_explore({"x": [10, 11, 12]})
    traj.f_store()
    return traj
