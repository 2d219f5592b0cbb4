"""The part of the suite of storage services that looks at the medium without the service."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet.interfaces.storage import StorageService
from pypet.testing.storage_suite import NAME, StorageSuite
from pypet.trajectory import Trajectory, load_trajectory

LEAF, ITEM = "results.raw", "values"
VALUES = np.arange(2000.0).reshape(40, 50)


class RawConformance(StorageSuite):
    """What other programs find, and what they write; see `StorageSuite.read_raw`."""

    def test_other_programs_find_the_values(self, stored: Trajectory, tmp_path: Path) -> None:
        leaf = stored.f_add_result(LEAF, **{ITEM: VALUES})
        stored.f_store_item(leaf)
        self._assert_raw(tmp_path, VALUES)
        leaf.f_set(**{ITEM: -VALUES})
        stored.f_store_item(leaf, overwrite=True)
        self._assert_raw(tmp_path, -VALUES)

    def test_what_other_programs_wrote_is_loaded(
        self, stored: Trajectory, service: StorageService, tmp_path: Path
    ) -> None:
        """Nothing is loaded from what a service, or the process, remembers."""
        stored.f_store_item(stored.f_add_result(LEAF, **{ITEM: VALUES}))
        for reader in (service, self.reopened(service, tmp_path)):
            loaded = load_trajectory(NAME, storage_service=reader, load_data=2)
            np.testing.assert_array_equal(loaded.f_get(LEAF)[ITEM], VALUES)
        if not self.write_raw(tmp_path, LEAF, ITEM, VALUES[::-1].copy()):
            pytest.skip("the suite does not say how to write without the service (`write_raw`)")
        for reader in (service, self.reopened(service, tmp_path)):
            loaded = load_trajectory(NAME, storage_service=reader, load_data=2)
            np.testing.assert_array_equal(loaded.f_get(LEAF)[ITEM], VALUES[::-1])

    def _assert_raw(self, folder: Path, expected: np.ndarray[Any, Any]) -> None:
        found = self.read_raw(folder, LEAF, ITEM)
        if found is None:
            pytest.skip("the suite does not say how to read without the service (`read_raw`)")
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
