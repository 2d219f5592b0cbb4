"""The conformance suite of schedulers, as a script for ``python -m scoop``."""

from __future__ import annotations

import sys

import pytest

from pypet.plugins.scoop.scheduler import ScoopScheduler
from pypet.plugins.scoop.worker_registry import registry
from pypet.testing.schedulers import ProcessesConformance


class TestScoop(ProcessesConformance):
    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: ScoopScheduler({"ncores": 2, **options})


@pytest.fixture(scope="session", autouse=True)
def _end_local_worker():
    yield
    registry().close()


if __name__ == "__main__":
    status = pytest.main(["-q", "-p", "no:cacheprovider", "--timeout=100", __file__])
    sys.stdout.write(f"RESULT: {int(status)}\n")
