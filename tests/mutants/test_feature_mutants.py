"""The suites of plugins that accompany experiments catch broken ones, and pass sound ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pypet.interfaces import Command
from pypet.testing import admission, leftovers
from pypet.testing.admission import AdmissionConformance
from pypet.testing.commands import CommandConformance
from pypet.testing.config_readers import ConfigReaderConformance
from pypet.testing.logging import LoggingConformance
from pypet.testing.progress import ProgressConformance
from pypet.testing.versioning import VersioningConformance
from tests.mutants import leaks
from tests.mutants.feature_mutants import ALL
from tests.mutants.mutant import Members, Mutant, suites
from tests.mutants.small_features import (
    SmallCommand,
    SmallGate,
    SmallLogging,
    SmallProgress,
    SmallReader,
    SmallVersioning,
)


def command(parts: Any) -> Command:
    return Command(parts.name, parts.help, parts.run, parts.add_arguments)


class TestVersioning(VersioningConformance):
    feature = SmallVersioning

    def make_options(self, folder):
        return {"small_note": "a note"}


class TestLogging(LoggingConformance):
    feature = SmallLogging

    def make_options(self, folder):
        return {"small_folder": str(folder / "logs")}


class TestProgress(ProgressConformance):
    feature = SmallProgress


class TestGate(AdmissionConformance):
    feature = SmallGate
    closed = {"small_limit": 1}


class TestReader(ConfigReaderConformance):
    feature = SmallReader

    def make_source(self, folder):
        path = folder / "settings.json"
        path.write_text('{"keywords": {"ncores": 3}, "parameters": {"group.x": 1.5}}')
        return str(path)

    def make_malformed(self, folder):
        path = folder / "bad.json"
        path.write_text("{")
        return str(path)


class TestCommand(CommandConformance):
    command = command(SmallCommand)
    arguments = ()


SOUND = {
    SmallVersioning: TestVersioning,
    SmallLogging: TestLogging,
    SmallProgress: TestProgress,
    SmallGate: TestGate,
    SmallReader: TestReader,
    SmallCommand: TestCommand,
}


def members(mutant: Mutant) -> Members:
    made = mutant.made(__name__)

    @pytest.fixture(autouse=True)
    def _nothing_stays(self: Any, monkeypatch: Any) -> Iterator[None]:
        monkeypatch.setattr(leftovers, "SETTLING_SECONDS", 0.1)
        monkeypatch.setattr(admission, "BLOCKING_SECONDS", 0.1)
        yield
        leaks.remove()

    given = {"command": command(made)} if mutant.base is SmallCommand else {"feature": made}
    return {**given, "_nothing_stays": _nothing_stays}


for base, broken in ALL.items():
    globals().update(suites(broken, SOUND[base], members))
