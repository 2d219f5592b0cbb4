"""All wrap modes pass the conformance suite."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pypet.interfaces import StorageService
from pypet.testing.wrap_modes import WrapModeConformance
from pypet.wrap_modes.local import LocalWrapMode
from pypet.wrap_modes.lock import LockWrapMode
from pypet.wrap_modes.netlock import NetLockWrapMode
from pypet.wrap_modes.netqueue import NetQueueWrapMode
from pypet.wrap_modes.pipe import PipeWrapMode
from pypet.wrap_modes.queue import QueueWrapMode

pytest.importorskip("h5py")

from pypet.storage_backends.hdf5 import HDF5StorageService


class OnHDF5(WrapModeConformance):
    mode_class: Any

    def make_mode(self, options: dict[str, Any]) -> Any:
        return self.mode_class(options)

    def make_service(self, folder: Path) -> StorageService:
        return HDF5StorageService(filename=str(folder / "data.hdf5"))


class TestLock(OnHDF5):
    mode_class = LockWrapMode


class TestQueue(OnHDF5):
    mode_class = QueueWrapMode


class TestPipe(OnHDF5):
    mode_class = PipeWrapMode


class TestLocal(OnHDF5):
    mode_class = LocalWrapMode


class OverTheNetwork(OnHDF5):
    @pytest.fixture(autouse=True)
    def _needs_zmq(self):
        pytest.importorskip("zmq")


class TestNetQueue(OverTheNetwork):
    mode_class = NetQueueWrapMode


class TestNetLock(OverTheNetwork):
    mode_class = NetLockWrapMode
