"""The journal of resumable experiments passes the suite of its family."""

from __future__ import annotations

import pytest

from pypet.plugins.resume.experiment_journal import ExperimentJournal
from pypet.testing.journals import JournalConformance

pytest.importorskip("h5py")
pytest.importorskip("dill")


class TestExperimentJournal(JournalConformance):
    feature = ExperimentJournal
