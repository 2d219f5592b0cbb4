"""What tests of a storage service begin with: a service, a trajectory, and loading it again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
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
        """Return another service that reads what ``service`` stored.

        By default a new one for the same folder; where all data is in the memory of the main
        process (``main_process_only``) it can only be the same object.
        """
        return service if service.main_process_only else self.make_service(folder)

    def fault(self, service: StorageService, number: int) -> AbstractContextManager[Any] | None:
        """Return a context in which the medium of a service fails; None if nobody knows how.

        In it, the first ``number`` changes that the service makes to its medium succeed: each is a
        call that writes to a file, a statement, or a request to a server. All others fail with the
        error of the medium, which the service raises as an OSError. Where functions of Python
        change the medium, `pypet.testing.faults.failing_calls` does it::

            def fault(self, service, number):
                return failing_calls(number, (os, "pwrite"), (os, "rename"))
        """
        return None

    def read_raw(self, folder: Path, path: str, name: str) -> np.ndarray[Any, Any] | None:
        """Return an array as a program finds it that does not know the service.

        It is the item of a leaf of trajectory `NAME`, which `make_service` for this folder has
        stored; ``path`` is the full name of the leaf. None if nobody knows how to read it.
        """
        return None

    def write_raw(self, folder: Path, path: str, name: str, value: np.ndarray[Any, Any]) -> bool:
        """Replace such an array by one of the same shape and dtype; False if nobody knows how."""
        return False

    def reopened(self, service: StorageService, folder: Path) -> StorageService:
        """Return what `reopen` gives, and make sure that nothing is read from the same object."""
        reader = self.reopen(service, folder)
        if reader is service and not service.main_process_only:
            pytest.fail(
                f"`reopen` returned the {type(service).__name__} that stored, which may read from "
                "its own memory. Return another one, or declare `main_process_only`."
            )
        return reader

    def skip_without_data(self, service: StorageService) -> None:
        """Skip a test of what is stored if the service declares to keep nothing."""
        if not service.keeps_data:
            pytest.skip("the service declares that it keeps no data")

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
        self.skip_without_data(service)
        traj.f_store()
        return traj

    def load(self, stored: Trajectory, folder: Path, **kwargs: Any) -> Trajectory:
        """Load what was stored into a new trajectory, by default with all data."""
        kwargs.setdefault("load_data", 2)
        service = self.reopened(stored.v_storage_service, folder)
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
