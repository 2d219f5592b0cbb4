"""The suite of wrap modes catches broken ones."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pypet.testing import leftovers, wrap_modes, wrap_session
from pypet.testing.wrap_modes import WrapModeConformance
from tests.mutants import leaks
from tests.mutants.mutant import Members, Mutant, suites
from tests.mutants.wrap_mode_mutants import MUTANTS

pytest.importorskip("h5py")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

from pypet.storage_backends.hdf5 import HDF5StorageService


def members(mutant: Mutant) -> Members:
    mode: Any = mutant.made(__name__)

    @pytest.fixture(autouse=True)
    def _nothing_stays(self: Any, monkeypatch: Any) -> Iterator[None]:
        monkeypatch.setattr(leftovers, "SETTLING_SECONDS", 0.5)
        monkeypatch.setattr(wrap_modes, "PATIENCE_SECONDS", 0.5)
        monkeypatch.setattr(wrap_session, "PATIENCE_SECONDS", 3.0)
        yield
        leaks.remove()
        for process in multiprocessing.active_children():
            process.kill()
            process.join()

    def make_service(self: Any, folder: Path) -> HDF5StorageService:
        return HDF5StorageService(filename=str(folder / "data.hdf5"))

    return {
        "_nothing_stays": _nothing_stays,
        "make_mode": lambda self, options: mode(options),
        "make_service": make_service,
        "PATIENCE_SECONDS": 3.0,
        "start_methods": ("fork",),
    }


for each in MUTANTS:
    globals().update(suites([each], WrapModeConformance, members))
