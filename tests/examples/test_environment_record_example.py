"""The example of the environment record prints what is true here."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "environment_record.py"


@pytest.mark.timeout(60)
def test_it_prints_interpreter_and_packages(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert done.stderr == ""
    assert f"executable: {sys.executable}" in done.stdout
    assert f"numpy of the experiment: {version('numpy')}" in done.stdout
    assert list(tmp_path.iterdir()) == []
