"""Part of `tests.faults.cut_experiments.py`: fewer lengths."""

import sys

import pytest

pytest.importorskip("h5py")
pytest.importorskip("dill")
if not sys.platform.startswith("linux"):
    pytest.skip("needs /proc", allow_module_level=True)

from tests.faults.cut_experiments import STATES, cut_many

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("state", STATES)
def test_no_truncation_gives_wrong_values(state):
    assert cut_many(step=7, file_step=30011, names=[state]) == []
