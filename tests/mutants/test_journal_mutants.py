"""The suite of journals catches broken ones."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from typing import Any

import pytest

from pypet.testing import leftovers
from pypet.testing.journals import JournalConformance
from tests.mutants import leaks
from tests.mutants.journal_mutants import MUTANTS
from tests.mutants.mutant import Members, Mutant, suites

pytest.importorskip("h5py")
pytest.importorskip("dill")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)


def members(mutant: Mutant) -> Members:
    @pytest.fixture(autouse=True)
    def _nothing_stays(self: Any, monkeypatch: Any) -> Iterator[None]:
        monkeypatch.setattr(leftovers, "SETTLING_SECONDS", 0.1)
        yield
        leaks.remove()

    return {"feature": mutant.made(__name__), "_nothing_stays": _nothing_stays}


globals().update(suites(MUTANTS, JournalConformance, members))
