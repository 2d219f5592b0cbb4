"""The conformance suite of versioning: give ``feature`` and options that switch it on."""

from __future__ import annotations

import string
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pypet.environment import Environment
from pypet.interfaces import Versioning
from pypet.testing.features import FeatureConformance

SHA1_LENGTH = 40


class VersioningConformance(FeatureConformance, ABC):
    """What every versioning does, from the environment to the end of the experiment."""

    feature: ClassVar[type[Versioning]]

    @abstractmethod
    def make_options(self, folder: Path) -> dict[str, Any]:
        """Return options that switch it on, for code in ``folder``."""

    @pytest.fixture
    def options(self, tmp_path: Path) -> dict[str, Any]:
        """The options that switch it on."""
        return {**self.defaults(), **self.make_options(tmp_path)}

    def test_it_does_nothing_unless_options_ask_for_it(
        self, environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        off = self.feature({**dict(environment.options), **self.defaults(), **self.off()})
        before = sorted(environment.traj.f_to_dict(short_names=False))
        assert off.snapshot(environment) is None
        off.environment_named(environment)
        off.experiment_started(environment)
        off.experiment_finished(environment)
        assert sorted(environment.traj.f_to_dict(short_names=False)) == before
        assert list(tmp_path.iterdir()) == []

    def off(self) -> dict[str, Any]:
        """Return options that switch it off, beside the defaults."""
        return {}

    def test_a_snapshot_is_none_or_a_revision(
        self, environment: Environment, options: dict[str, Any]
    ) -> None:
        revision = self.feature({**dict(environment.options), **options}).snapshot(environment)
        assert revision is None or (
            len(revision) == SHA1_LENGTH and set(revision) <= set(string.hexdigits)
        )

    def test_an_experiment_passes_through_it(
        self, environment: Environment, options: dict[str, Any]
    ) -> None:
        versioning = self.feature({**dict(environment.options), **options})
        versioning.snapshot(environment)
        versioning.environment_named(environment)
        versioning.experiment_started(environment)
        environment.traj.f_store()
        versioning.experiment_finished(environment)

    def recorded(self, environment: Environment, folder: Path, before: frozenset[str]) -> Any:
        """Return what was recorded of an experiment, something false if nothing was.

        By default these are new nodes of the trajectory, which had the names ``before``.
        """
        return _names(environment) - before

    def test_an_experiment_is_recorded(
        self, environment: Environment, options: dict[str, Any], tmp_path: Path
    ) -> None:
        before = _names(environment)
        versioning = self.feature({**dict(environment.options), **options})
        versioning.snapshot(environment)
        versioning.environment_named(environment)
        versioning.experiment_started(environment)
        environment.traj.f_store()
        versioning.experiment_finished(environment)
        assert self.recorded(environment, tmp_path, before), "nothing is recorded"

    def test_an_environment_may_execute_several_experiments(
        self, environment: Environment, options: dict[str, Any]
    ) -> None:
        versioning = self.feature({**dict(environment.options), **options})
        versioning.snapshot(environment)
        versioning.environment_named(environment)
        for _ in range(2):
            versioning.experiment_started(environment)
            environment.traj.f_store()
            versioning.experiment_finished(environment)

    def test_a_snapshot_stores_nothing(
        self, environment: Environment, options: dict[str, Any]
    ) -> None:
        self.feature({**dict(environment.options), **options}).snapshot(environment)
        assert not environment.traj.v_stored


def _names(environment: Environment) -> frozenset[str]:
    return frozenset(environment.traj.f_to_dict(short_names=False))
