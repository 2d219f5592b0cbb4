"""Part of the kills of `tests/faults/kills.py`: some in each scenario."""

import os

import pytest

pytest.importorskip("h5py")

from pypet.storage_backends.hdf5.files.opening import IS_TRANSACTIONAL
from tests.faults.kills import SCENARIOS, kill_many

pytestmark = [
    pytest.mark.skipif(not IS_TRANSACTIONAL, reason="the system has no transactions"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    pytest.mark.timeout(600),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_kill_leaves_an_unloadable_trajectory_or_a_lie(scenario):
    assert kill_many(rounds=4, seed=7, names=[scenario]) == []
