"""The benchmark of lists of files measures what it says."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytest.importorskip("h5py")


def test_it_lists_all_files_and_says_how_long_that_took(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    benchmark = importlib.import_module("listing")
    assert benchmark.main(["--files", "3", "--runs", "2"]) in (0, 1)  # the machine may be busy
    assert capsys.readouterr().out.startswith("pypet ls, 3 files of 2 runs: ")
