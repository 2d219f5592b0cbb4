"""The conformance suite of plots: give ``feature``, and ``arguments`` with which it draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pypet.errors import PlotError
from pypet.interfaces import Plot
from pypet.tables import read_table
from pypet.testing.features import FeatureConformance
from pypet.trajectory import Trajectory
from pypet.utils.explore import cartesian_product

_RANGES = {"x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 3.0]}


class PlotConformance(FeatureConformance):
    """What every kind of figure does.

    The runs have parameters ``x`` and ``y`` and a result ``z``, which is missing in one of them.
    """

    feature: ClassVar[type[Plot]]
    arguments: ClassVar[Mapping[str, Any]]
    """Arguments of `Plot.draw` for these runs."""
    ending: ClassVar[str] = ".png"
    """Of files that it can write."""

    @pytest.fixture
    def trajectory(self) -> Trajectory:
        """A trajectory in memory with twelve runs."""
        traj = Trajectory("conformance")
        for name in _RANGES:
            traj.f_add_parameter(name, 1.0)
        traj.f_explore(cartesian_product(_RANGES))
        for run, (x, y) in enumerate(zip(traj.f_get("x"), traj.f_get("y"), strict=True)):
            if run != 5:
                traj.f_add_result(f"results.runs.{traj.f_wildcard('$', run)}.z", x * y)
        return traj

    @pytest.fixture(autouse=True)
    def _closed_figures(self) -> Iterator[None]:
        yield
        self.close_figures()

    def close_figures(self) -> None:
        """Close what was drawn, where a library keeps it; called after each test."""

    def test_it_has_a_line_of_help_and_names_its_columns(self) -> None:
        assert self.feature.help
        assert "\n" not in self.feature.help
        assert set(self.feature.arguments) <= set(Plot.column_arguments)

    def test_a_trajectory_is_drawn(self, trajectory: Trajectory) -> None:
        assert self.feature.draw(trajectory, **self.arguments) is not None

    def test_a_table_is_drawn(self, trajectory: Trajectory) -> None:
        assert self.feature.draw(read_table(trajectory), **self.arguments) is not None

    def test_a_file_is_written(self, trajectory: Trajectory, tmp_path: Path) -> None:
        path = tmp_path / f"figure{self.ending}"
        self.feature.save(trajectory, path, **self.arguments)
        assert path.stat().st_size > 0

    def test_a_column_that_is_not_there_is_named(self, trajectory: Trajectory) -> None:
        for name in self.feature.arguments:
            wrong = {**self.arguments, name: ["absent"] if name == "columns" else "absent"}
            with pytest.raises(PlotError, match="absent"):
                self.feature.draw(trajectory, **wrong)

    def test_it_says_whether_it_suits_runs(self, trajectory: Trajectory) -> None:
        table = read_table(trajectory)
        assert self.feature.suits(table, {}) in (True, False)
        assert self.feature.suits(table, {**self.arguments, "where": "x > 1"}) in (True, False)
