"""The example of git does what it says, as the script that users start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("git")

SCRIPT = Path(__file__).parents[2] / "examples" / "git_versions.py"


@pytest.mark.timeout(60)
def test_both_versions_of_the_code_come_back(tmp_path):
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "commit: RATE = 2 in model.py\n" in done.stdout
    assert "difference: RATE = 3 in model.py, notes.txt\n" in done.stdout
    assert not any(tmp_path.iterdir())
