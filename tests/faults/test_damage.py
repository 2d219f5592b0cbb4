"""Nothing that is loaded from a damaged file is wrong without a word; a part of `damage.py`."""

from __future__ import annotations

import multiprocessing
from collections import Counter

import pytest

from tests.long_tests import IS_LONG

pytest.importorskip("h5py")
pytest.importorskip("tables")
pytest.importorskip("scipy")

CASES = 60 if IS_LONG else 30
SEED = 2

needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="cases are forked"
)


@needs_fork
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_come_back_equal_or_as_errors(tmp_path):
    from tests.faults import damage

    cases = damage.Cases(tmp_path, SEED)
    counts = Counter()
    failures = []
    for case in range(CASES):
        change, outcome = cases.outcome(case)
        counts[outcome.kind] += 1
        if outcome.kind in damage.FAILURES:
            failures.append((case, change, outcome))
    assert failures == []
    assert counts[damage.ERROR] > CASES / 4
    assert counts[damage.EQUAL] > CASES / 10
