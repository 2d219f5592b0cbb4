"""The example of Sumatra makes a record."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("git")
pytest.importorskip("sumatra")

EXAMPLE = Path(__file__).parents[2] / "examples" / "sumatra_record.py"


@pytest.mark.timeout(60)
def test_it_prints_the_reason_of_its_record(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert done.stderr == ""
    assert "Which rate doubles the population? -- Trajectory `growth`" in done.stdout
    assert "Explored parameters: parameters.rate" in done.stdout
