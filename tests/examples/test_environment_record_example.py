"""The example of the environment record prints what is true here."""

from __future__ import annotations

import sys
from importlib.metadata import version

from tests.examples.running import run_example


def test_it_prints_interpreter_and_packages(tmp_path):
    done = run_example("environment_record.py", folder=tmp_path)
    assert done.stderr == ""
    assert f"executable: {sys.executable}" in done.stdout
    assert f"numpy of the experiment: {version('numpy')}" in done.stdout
    assert list(tmp_path.iterdir()) == []
