"""What tests of a storage service begin with: a service, a trajectory, and loading it again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet.interfaces.storage import StorageService
from pypet.leaves import ArrayParameter, Parameter, Result
from pypet.trajectory import Trajectory, load_trajectory

NAME = "conformance"


class StorageSuite(ABC):
    """What the suites of storage services begin with."""

    @abstractmethod
    def make_service(self, folder: Path) -> StorageService:
        """Return a new service that keeps its data, if anywhere outside itself, in ``folder``."""

    def reopen(self, service: StorageService, folder: Path) -> StorageService:
        """Return a service that reads what ``service`` stored."""
        return service

    # ----- fixtures ------------------------------------------------------------------------

    @pytest.fixture
    def service(self, tmp_path: Path) -> StorageService:
        """The service under test, empty."""
        return self.make_service(tmp_path)

    @pytest.fixture
    def traj(self, service: StorageService) -> Trajectory:
        """A trajectory with some of everything, attached to the service, not stored."""
        return sample_trajectory(service)

    @pytest.fixture
    def stored(self, traj: Trajectory, service: StorageService) -> Trajectory:
        """The same, stored; services that keep nothing skip."""
        if not service.keeps_data:
            pytest.skip("the service declares that it keeps no data")
        traj.f_store()
        return traj

    def load(self, stored: Trajectory, folder: Path, **kwargs: Any) -> Trajectory:
        """Load what was stored into a new trajectory, all data unless told otherwise."""
        kwargs.setdefault("load_data", 2)
        service = self.reopen(stored.v_storage_service, folder)
        return load_trajectory(stored.v_name, storage_service=service, **kwargs)


def sample_trajectory(service: StorageService) -> Trajectory:
    """Return a trajectory with parameters, an exploration, results, links and annotations."""
    traj = Trajectory(NAME, comment="for the suite", storage_service=service)
    traj.v_annotations.f_set(purpose="test")
    traj.f_add_parameter("numbers.x", 1.5, comment="a number")
    traj.f_add_parameter("numbers.n", 3)
    traj.f_add_parameter("lists.words", ("a", "b"))
    traj.f_add_parameter(ArrayParameter, "lists.matrix", np.eye(2))
    traj.f_add_derived_parameter("twice", 3.0)
    traj.f_add_config("threads", 2)
    traj.f_get("parameters.numbers").v_annotations.f_set(colour="red", size=3)
    traj.f_add_result("outcome", value=42, text="mostly harmless", items=[1, 2], comment="the end")
    traj.f_get("results.outcome").v_annotations.f_set(quality=0.5)
    traj.f_add_link("results.shortcut", traj.f_get("parameters.numbers"))
    traj.f_add_leaf(Parameter, "elsewhere.y", 4)
    traj.f_add_result(Result, "empty")
    traj.f_explore({"numbers.x": [1.5, 2.5, 3.5]})
    return traj
