"""The conformance suite of logging set-ups: give ``feature`` and options that switch it on."""

from __future__ import annotations

import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pypet.interfaces import LogContext, LoggingSetup
from pypet.testing.features import FeatureConformance
from pypet.testing.leftovers import Leftovers

CONTEXT = LogContext("environment", "trajectory", "run_ALL", "run_set_ALL")


class LoggingConformance(FeatureConformance, ABC):
    """What every logging set-up does."""

    feature: ClassVar[type[LoggingSetup]]

    @abstractmethod
    def make_options(self, folder: Path) -> dict[str, Any]:
        """Return options with which it logs into ``folder``, if into files at all."""

    @pytest.fixture
    def setup(self, tmp_path: Path) -> LoggingSetup:
        """The set-up, not started."""
        return self.feature({**self.defaults(), **self.make_options(tmp_path)})

    @pytest.fixture(autouse=True)
    def _handlers_of_others(self) -> Iterator[None]:
        # `stop` removes all handlers of the root logger, also those of who tests.
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        yield
        root.handlers[:] = handlers
        root.setLevel(level)

    def test_nothing_is_created_before_the_start(self, setup: LoggingSetup, tmp_path: Path) -> None:
        assert list(tmp_path.iterdir()) == []
        assert list(setup.folders) == []

    def test_folders_are_there_between_start_and_stop(self, setup: LoggingSetup) -> None:
        setup.start(CONTEXT)
        try:
            assert all(Path(folder).is_dir() for folder in setup.folders)
            assert all(Path(folder).is_absolute() for folder in setup.folders)
        finally:
            setup.stop()
        assert list(setup.folders) == []

    def test_messages_are_in_its_folders(self, setup: LoggingSetup) -> None:
        setup.start(CONTEXT)
        folders = [Path(folder) for folder in setup.folders]
        logging.getLogger("pypet.conformance").error("a message of the suite")
        setup.stop()
        if not folders:
            pytest.skip("it logs into no folder")
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        assert any("a message of the suite" in path.read_text("utf-8") for path in files)

    def test_stop_restores_handlers_and_streams(self, setup: LoggingSetup) -> None:
        root = logging.getLogger()
        handlers, streams = list(root.handlers), (sys.stdout, sys.stderr)
        setup.start(CONTEXT)
        logging.getLogger("pypet.conformance").info("a message")
        setup.stop()
        assert [each for each in root.handlers if each not in handlers] == []
        assert (sys.stdout, sys.stderr) == streams

    def test_stop_is_safe_to_call_twice(self, setup: LoggingSetup) -> None:
        setup.start(CONTEXT)
        setup.stop()
        setup.stop()

    def test_no_file_stays_open(self, setup: LoggingSetup) -> None:
        left = Leftovers()
        setup.start(CONTEXT)
        logging.getLogger("pypet.conformance").warning("a message")
        setup.stop()
        left.assert_no_files()
        left.assert_no_threads()
