"""The estimate of the remaining time."""

from __future__ import annotations

import pytest

from pypet.plugins.progress import throughput
from pypet.plugins.progress.live_bar import Facts, line_format


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

    monkeypatch.setattr(throughput, "monotonic", lambda: Clock.now)
    return Clock


def test_nothing_is_known_before_a_run_has_ended(clock):
    assert throughput.ThroughputEstimate().seconds_per_run() is None


def test_the_first_runs_give_the_mean(clock):
    each = throughput.ThroughputEstimate()
    for _ in range(3):
        clock.now += 2
        each.record(1)
    assert each.seconds_per_run() == pytest.approx(2)


def test_outliers_do_not_spoil_the_estimate(clock):
    each = throughput.ThroughputEstimate()
    for run in range(500):
        clock.now += 3600 if run in (50, 450) else 1
        each.record(1)
    assert each.seconds_per_run() == pytest.approx(1, rel=0.01)


def test_runs_that_arrive_in_bursts_count_together(clock):
    each = throughput.ThroughputEstimate()
    for _ in range(100):
        clock.now += 8
        for _ in range(8):
            each.record(1, at_once=8)
    assert each.seconds_per_run() == pytest.approx(1, rel=0.15)


def test_a_new_pace_is_noticed(clock):
    each = throughput.ThroughputEstimate()
    for run in range(1000):
        clock.now += 1 if run < 300 else 3
        each.record(1)
    assert each.seconds_per_run() == pytest.approx(3, rel=0.01)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_line_has_the_parts_that_fit(width):
    facts = Facts(1234, 20000, 17, 2.5, 8, 61.0)
    text = line_format(facts.parts(), width).partition("{bar}| ")[2]
    assert len(text) <= max(width - 8, len("1234/20000"))
    assert text.startswith("1234/20000")
    assert ("17 failed" in text) == (width >= 40)
    assert ("longest 0:01:01" in text) == (width == 200)
