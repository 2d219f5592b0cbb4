"""The example of a growing sweep executes what is new, and nothing else."""

from __future__ import annotations

import re

import pytest

from tests.examples.running import run_example

pytest.importorskip("h5py")


def start(folder, *arguments):
    text = run_example("growing_sweep.py", *arguments, folder=folder).stdout
    executed, asked = map(int, re.search(r"^(\d+) of (\d+) runs were", text, re.MULTILINE).groups())
    rows = {
        int(size): mean for size, mean in re.findall(r"^ +(\d+) +(\d\.\d{3})$", text, re.MULTILINE)
    }
    return executed, asked, rows


def test_each_start_executes_the_sizes_that_are_new(tmp_path):
    executed, asked, first = start(tmp_path, "--sizes", 20, 40)
    assert (executed, asked) == (10, 10)
    executed, asked, second = start(tmp_path, "--sizes", 80, 40, 20, "--ncores", 2)
    assert (executed, asked) == (5, 15)
    assert second.items() > first.items()
    assert 0.85 < float(second[20]) < float(second[80]) < 1.1
