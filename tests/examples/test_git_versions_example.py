"""The example of git does what it says, as the script that users start."""

from __future__ import annotations

import pytest

from tests.examples.running import run_example

pytest.importorskip("git")


def test_both_versions_of_the_code_come_back(tmp_path):
    done = run_example("git_versions.py", folder=tmp_path)
    assert "commit: RATE = 2 in model.py\n" in done.stdout
    assert "difference: RATE = 3 in model.py, notes.txt\n" in done.stdout
    assert not any(tmp_path.iterdir())
