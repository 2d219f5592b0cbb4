"""Switching off what makes pypet fast."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pypet.support import tricks

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
SCRIPT = "from pypet.support.tricks import TRICKS, is_on; print(*filter(is_on, TRICKS))"


def tricks_that_are_on(value):
    environment = {**os.environ, tricks.VARIABLE: value}
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("value", ["", "0"])
def test_all_are_on_by_default(value):
    assert tricks_that_are_on(value).stdout.split() == list(tricks.TRICKS)


def test_all_are_switched_off_by_1():
    assert tricks_that_are_on("1").stdout.split() == []


def test_single_ones_are_switched_off_by_name():
    left = tricks_that_are_on("templates, write_back").stdout.split()
    assert set(tricks.TRICKS) - set(left) == {"templates", "write_back"}


def test_unknown_names_are_refused():
    refused = tricks_that_are_on("templates,magic")
    assert refused.returncode
    assert "there is no trick magic" in refused.stderr


def test_each_has_a_row_in_the_documentation_with_a_file_that_exists():
    rows = [
        line.split("|") for line in PAGE.read_text("utf8").splitlines() if line.startswith("| `")
    ]
    assert [row[1].strip(" `") for row in rows] == list(tricks.TRICKS)
    for row in rows:
        assert (PAGE.parents[1] / row[4].strip(" `")).is_file()
