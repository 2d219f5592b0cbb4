"""Set-ups of logging in an empty folder, taken down after the test."""

from __future__ import annotations

import pytest

from pypet.plugins.logging import ExperimentLogging


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def make():
    """Make set-ups that are taken down after the test."""
    made = []

    def make(**options):
        defaults = {
            "log_config": "DEFAULT",
            "log_folder": None,
            "logger_names": None,
            "log_levels": None,
            "log_level": None,
            "log_multiproc": None,
            "log_stdout": False,
        }
        setup = ExperimentLogging({**defaults, **options})
        made.append(setup)
        return setup

    yield make
    for setup in made:
        setup.stop()
