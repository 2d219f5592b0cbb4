"""The conformance suite of progress reporters: give ``feature`` and options that switch it on."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import pytest

from pypet.interfaces import Activity, ProgressReporter
from pypet.testing.features import FeatureConformance
from pypet.testing.leftovers import Leftovers


class ProgressConformance(FeatureConformance):
    """What every progress reporter does."""

    feature: ClassVar[type[ProgressReporter]]
    settings: ClassVar[dict[str, Any]] = {}
    """Options that switch it on, beside the defaults."""

    @pytest.fixture
    def reporter(self) -> ProgressReporter:
        """The reporter, not started."""
        return self.feature({**self.defaults(), **self.settings})

    def test_runs_are_counted_from_start_to_stop(self, reporter: ProgressReporter) -> None:
        reporter.start(4)
        for _ in range(2):
            reporter.advance()
        reporter.refresh()
        reporter.advance(finished=1, failed=1)
        reporter.stop()

    def test_it_may_start_again_when_the_trajectory_grew(self, reporter: ProgressReporter) -> None:
        reporter.start(2)
        reporter.advance(2)
        reporter.start(5, done=2)
        reporter.advance(3)
        reporter.stop()

    def test_no_runs_are_no_fault(self, reporter: ProgressReporter) -> None:
        reporter.start(0)
        reporter.stop()

    def test_stop_is_safe_to_call_twice_and_without_start(self, reporter: ProgressReporter) -> None:
        reporter.stop()
        reporter.start(1)
        reporter.stop()
        reporter.stop()

    @pytest.mark.parametrize("activity", [None, Activity(2, ()), Activity(2, (0, 3))])
    def test_any_activity_is_shown(
        self, reporter: ProgressReporter, activity: Activity | None
    ) -> None:
        reporter.start(5)
        reporter.watch(lambda: activity)
        reporter.refresh()
        reporter.stop()

    def test_activity_is_not_asked_for_after_the_stop(self, reporter: ProgressReporter) -> None:
        asked = []
        reporter.start(5)
        reporter.watch(lambda: asked.append(1))
        reporter.stop()
        asked.clear()
        reporter.refresh()
        assert not asked

    def test_stop_restores_the_streams(self, reporter: ProgressReporter) -> None:
        streams = sys.stdout, sys.stderr
        reporter.start(2)
        reporter.advance()
        reporter.stop()
        assert (sys.stdout, sys.stderr) == streams

    def test_nothing_is_left_behind(self, reporter: ProgressReporter) -> None:
        left = Leftovers()
        reporter.start(2)
        reporter.advance()
        reporter.stop()
        left.assert_no_threads()
        left.assert_no_files()
        left.assert_no_processes()
