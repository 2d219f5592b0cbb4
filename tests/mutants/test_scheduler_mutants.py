"""The suite of schedulers catches broken ones; the sound one that they come from passes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any

import pytest

from pypet.plugins.serial import SerialScheduler
from pypet.testing import leftovers
from pypet.testing.schedulers import ProcessesConformance, SchedulerConformance
from tests.mutants import leaks
from tests.mutants.mutant import Members, Mutant, suites
from tests.mutants.scheduler_mutants import MUTANTS
from tests.mutants.small_scheduler import SmallScheduler

if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

OPTIONS = {"ncores": 2, "start_method": "fork", "niceness": None}


class TestSmallScheduler(ProcessesConformance):
    FEW = 10

    @pytest.fixture
    def make_scheduler(self):
        return lambda **options: SmallScheduler({**OPTIONS, **options})


def members(mutant: Mutant) -> Members:
    scheduler: Any = mutant.made(__name__)

    @pytest.fixture
    def make_scheduler(self: Any) -> Any:
        return lambda **options: scheduler({**OPTIONS, **options})

    @pytest.fixture(autouse=True)
    def _nothing_stays(self: Any, start: Any, monkeypatch: Any) -> Iterator[None]:
        # Before `start` stops what a test has started.
        monkeypatch.setattr(leftovers, "SETTLING_SECONDS", 0.5)
        yield
        leaks.remove()

    own = {"make_scheduler": make_scheduler, "_nothing_stays": _nothing_stays}
    return {**own, "PATIENCE_SECONDS": 3.0, "FEW": 4}


def family(mutant: Mutant) -> type[SchedulerConformance]:
    return SchedulerConformance if mutant.base is SerialScheduler else ProcessesConformance


for each in MUTANTS:
    globals().update(suites([each], family(each), members))
