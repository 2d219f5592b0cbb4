"""The conformance suite of displays: give ``feature``."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any, ClassVar

import numpy as np
import pytest

from pypet.interfaces import Display
from pypet.testing.features import FeatureConformance
from pypet.trajectory import Trajectory

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>"
MOST_CHARACTERS = 1_000_000
"""More in the output of one cell makes notebooks slow."""


class _Tags(HTMLParser):
    """Collects what HTML would do beside showing text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [tag, *(name for name, _ in attrs)]


class DisplayConformance(FeatureConformance):
    """What every display does."""

    feature: ClassVar[type[Display]]

    @pytest.fixture
    def trajectory(self) -> Trajectory:
        """A large trajectory with hostile text."""
        traj = Trajectory("conformance", comment=HOSTILE)
        traj.f_add_parameter("group.x", 1.0, comment=HOSTILE)
        traj.f_explore({"x": np.arange(3.0)})
        traj.f_add_parameter("text", HOSTILE)
        traj.f_add_result("items", **{HOSTILE: HOSTILE, "list": [HOSTILE], "array": np.arange(9)})
        traj.f_add_result("large", np.zeros(1_000_000), comment=HOSTILE * 10_000)
        for number in range(2000):
            traj.f_add_result(f"many.r{number}", "text" * 100)
        traj.f_get("text").f_unlock()
        return traj

    def nodes(self, trajectory: Trajectory) -> list[Any]:
        """Return one node of each kind, the trajectory itself among them."""
        names = ("parameters.group", "results.many", "x", "text", "items", "large")
        return [trajectory, *(trajectory.f_get(name) for name in names)]

    def test_the_text_of_nodes_is_no_html(self, trajectory: Trajectory) -> None:
        for node in self.nodes(trajectory):
            found = _Tags(self.feature.html(node) or "").found
            assert "script" not in found
            assert "img" not in found
            assert "onerror" not in found

    def test_the_size_is_limited(self, trajectory: Trajectory) -> None:
        for node in self.nodes(trajectory):
            assert len(self.feature.html(node) or "") < MOST_CHARACTERS

    def test_to_show_a_parameter_does_not_lock_it(self, trajectory: Trajectory) -> None:
        leaf = trajectory.f_get("text")
        self.feature.html(trajectory)
        self.feature.html(leaf)
        assert not leaf.v_locked
