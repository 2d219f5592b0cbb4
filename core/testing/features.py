"""The conformance suites of plugins that accompany experiments, and what they have in common.

The suites are `pypet.testing.versioning`, `logging`, `progress`, `admission`, `config_readers`,
`samplers`, `terminal_writers` and `commands`. Derive a class whose name starts with ``Test`` and
implement what is abstract.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from pypet.environment import Environment
from pypet.interfaces.feature import Feature
from pypet.interfaces.option import Option
from pypet.testing.leftovers import time_limit


class FeatureConformance:
    """What every class does that a plugin registers."""

    feature: ClassVar[type[Feature]]
    """The class under test."""
    PATIENCE_SECONDS: ClassVar[float] = 60.0
    """What takes longer hangs."""

    @pytest.fixture(autouse=True)
    def _time_limit(self) -> Iterator[None]:
        with time_limit(self.PATIENCE_SECONDS):
            yield

    @pytest.fixture
    def environment(self) -> Iterator[Environment]:
        """An environment without any of these plugins at work, that keeps its data in memory."""
        with Environment(
            "conformance",
            storage_service="memory",
            log_config=None,
            report_progress=False,
            record_environment=False,
        ) as environment:
            environment.traj.f_add_parameter("x", 1)
            yield environment

    def defaults(self) -> dict[str, Any]:
        """Return the options of the class with their defaults."""
        return {option.name: option.default for option in self.feature.options}

    def test_it_has_a_name_and_declares_its_options(self) -> None:
        assert self.feature.name
        assert all(isinstance(option, Option) for option in self.feature.options)
        assert all(option.help for option in self.feature.options)

    def test_defaults_of_options_are_accepted(self) -> None:
        for option in self.feature.options:
            option.validate(option.default)
