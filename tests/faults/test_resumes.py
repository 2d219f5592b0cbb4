"""Part of the kills of `tests/faults/resumes.py`: one round of each scenario."""

import random
import sys

import pytest

pytest.importorskip("h5py")
pytest.importorskip("dill")
if not sys.platform.startswith("linux"):
    pytest.skip("needs /proc", allow_module_level=True)

from tests.faults.resumes import SCENARIOS, Killer

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    return Killer(tmp_path_factory.mktemp("resumes"), seed=1)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whatever_is_killed_the_experiment_is_resumed(killer, scenario):
    killer.rng = random.Random(scenario)  # whichever other scenarios are tested
    faults = [fault for plan in killer.plans([scenario], 1) for fault in killer.execute(plan)]
    assert faults == []
