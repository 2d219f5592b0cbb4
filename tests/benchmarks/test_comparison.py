"""The comparison with the established pypet, on this side alone: that one is not installed here."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
pytest.importorskip("h5py")


@pytest.fixture
def comparison(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("comparison")


@pytest.mark.parametrize(
    ("job", "figure", "options"),
    [
        ("runs", "seconds", {"parameters": 5}),
        ("runs", "seconds", {"multiproc": True, "wrap_mode": "LOCK", "ncores": 2}),
        ("load", "collect", {}),
        ("forks", "seconds", {}),
        ("memory", "bytes", {}),
    ],
)
def test_jobs_have_figures(comparison, job, figure, options):
    sides = comparison.Sides(None, 1, 1.0)
    best = sides.best(job, {comparison.HERE: 4, comparison.THERE: 2}, figure, **options)
    assert list(best) == [comparison.HERE]
    assert best[comparison.HERE] > 0


def test_dask_is_compared_with_its_bare_client(comparison):
    pytest.importorskip("distributed")
    (row,) = comparison.dask_rows(comparison.Sides(None, 1, 0.01))
    assert row.target == 3
    assert row.figure > 0


def test_encryption_is_compared_with_none(comparison):
    pytest.importorskip("zmq")
    row = comparison.encryption_row(comparison.Sides(None, 1, 0.01))
    assert row.target == 1.25
    assert not row.at_least
    assert row.figure > 0


def test_rows_are_printed_with_a_verdict(comparison, capsys):
    rows = [
        comparison.rate_row("quick", {"here": 0.001, "there": 0.1}, 40),
        comparison.Row("large", "3 MB", "", 4.0, 3, False),
        comparison.Row("  of which nobody expects anything", "", "", 0.5),
    ]
    assert not comparison.print_rows(rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-3].split()[-5:] == ["runs/s", "100.00", ">=", "40", "ok"]
    assert lines[-2].split()[-4:] == ["4.00", "<=", "3", "MISSED"]
    assert lines[-1].split()[-1] == "0.50"
