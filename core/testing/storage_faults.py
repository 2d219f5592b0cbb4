"""The part of the suite of storage services about media that fail, where it can make them fail."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pypet import pypetconstants as constants
from pypet.interfaces.storage import StorageService
from pypet.leaves import Result
from pypet.services.record_service import RecordStorageService
from pypet.testing.equality import assert_same_as_one, assert_same_value
from pypet.testing.storage_suite import NAME, StorageSuite
from pypet.trajectory import Trajectory

MOST_CHANGES = 60
"""Of the medium, that one request is made of; what comes later is not tried."""
OLD = {"number": 1, "text": "old", "array": np.arange(3)}
NEW = {"number": 2, "text": "new", "array": np.arange(5000.0)}


class FaultConformance(StorageSuite):
    """What has to be there after a medium has failed; see `StorageSuite.fault`."""

    @pytest.mark.parametrize("what", ["create", "replace", "delete"])
    def test_a_medium_that_fails_leaves_what_was_or_what_should_be(
        self, stored: Trajectory, service: StorageService, tmp_path: Path, what: str
    ) -> None:
        """The medium fails at each change that it takes; the same request then does the rest."""
        if not isinstance(service, RecordStorageService):
            pytest.skip("the service knows no requests")
        for number in range(MOST_CHANGES):
            fault = self.fault(service, number)
            if fault is None:
                pytest.skip("the suite does not say how the medium can fail (`fault`)")
            if not self._fails(stored, service, tmp_path, what, number, fault):
                break
        if number == 0:
            pytest.fail("Nothing failed in `fault(service, 0)`, in which nothing can be changed.")

    def _fails(
        self,
        stored: Trajectory,
        service: RecordStorageService,
        folder: Path,
        what: str,
        number: int,
        fault: AbstractContextManager[Any],
    ) -> bool:
        """Return whether the medium failed, when everything was checked."""
        leaf = stored.f_add_result(Result, f"results.{what}{number}")
        if what != "create":
            leaf.f_set(**OLD)
            stored.f_store_item(leaf)
        leaf.f_set(**NEW)
        prepare = {} if what == "delete" else {"overwrite": True}
        message = constants.DELETE if what == "delete" else constants.LEAF
        request = service.prepare(message, leaf, trajectory_name=NAME, **prepare).request
        before = {} if what == "create" else OLD
        after = {} if what == "delete" else NEW
        has_failed = False
        try:
            with fault:
                service.apply(request)
        except OSError:
            has_failed = True
        states = [before, after] if has_failed else [after]
        self._compare(stored, folder, leaf.v_full_name, states)
        service.apply(request._replace(replayed=True))
        self._compare(stored, folder, leaf.v_full_name, [after])
        return has_failed

    def _compare(
        self, stored: Trajectory, folder: Path, path: str, states: list[dict[str, Any]]
    ) -> None:
        loaded = self.load(stored, folder)
        assert loaded.f_get("results.outcome").value == 42
        assert loaded.f_get("results.outcome").v_comment == "the end"
        if loaded.f_contains(path, shortcuts=False):
            # What is to be deleted is whole as long as it is there.
            whole = states if states[-1] else states[:-1]
            assert whole, f"{path} was not deleted"
            found = loaded.f_get(path).f_to_dict()
            assert_same_as_one(found, whole, assert_same_value, path)
        else:
            assert {} in states, f"{path} is missing"
