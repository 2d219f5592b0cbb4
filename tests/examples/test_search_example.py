"""The example of a search finds a better controller, and goes on when it is started again."""

from __future__ import annotations

import re

import pytest

from tests.examples.running import run_example

pytest.importorskip("h5py")


def start(folder, sampler, runs, *arguments):
    command = ("search.py", "--sampler", sampler, "--runs", runs, *arguments)
    text = run_example(*command, folder=folder).stdout
    count, unstable = map(
        int, re.search(r"^(\d+) runs in .*, (\d+) of", text, re.MULTILINE).groups()
    )
    costs = [float(cost) for cost in re.findall(r"cost = +(\d+\.\d+)$", text, re.MULTILINE)]
    return count, unstable, costs


@pytest.mark.parametrize(("sampler", "package"), [("optuna", "optuna"), ("sobol", "scipy")])
def test_the_search_beats_the_recommendation_and_goes_on(tmp_path, sampler, package):
    pytest.importorskip(package)
    count, unstable, (recommended, early) = start(tmp_path, sampler, 12)
    assert count == 12
    assert early <= recommended
    count, unstable, (again, best) = start(tmp_path, sampler, 32, "--ncores", 2)
    assert count == 32
    assert unstable > 0
    assert again == recommended
    assert best < 0.8 * recommended
    assert best <= early
