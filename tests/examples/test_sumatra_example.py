"""The example of Sumatra makes a record."""

from __future__ import annotations

import pytest

from tests.examples.running import run_example

pytest.importorskip("git")
pytest.importorskip("sumatra")


def test_it_prints_the_reason_of_its_record(tmp_path):
    done = run_example("sumatra_record.py", folder=tmp_path)
    assert done.stderr == ""
    assert "Which rate doubles the population? -- Trajectory `growth`" in done.stdout
    assert "Explored parameters: parameters.rate" in done.stdout
