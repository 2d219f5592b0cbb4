"""A file that pypet 0.6.1 wrote with BRIAN2 2.5; `write_established.py` has made it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from brian2 import Hz, mA, metre, ms, mV, second, volt
from brian2.units.fundamentalunits import have_same_dimensions

from pypet import Trajectory, load_trajectory


@pytest.fixture
def loaded(tmp_path: Path) -> Trajectory:
    path = tmp_path / "established.hdf5"
    shutil.copy(Path(__file__).with_name("established.hdf5"), path)
    return load_trajectory("established", filename=str(path), load_results=2)


def assert_quantity(found: object, expected: object) -> None:
    assert have_same_dimensions(found, expected)
    np.testing.assert_array_equal(np.array(found), np.array(expected))


def test_parameters_are_quantities(loaded: Trajectory) -> None:
    assert_quantity(loaded.scalar, 10 * mV)
    assert_quantity(loaded.array, np.array([1.0, 2.0, 3.0]) * mA)
    assert_quantity(loaded.speed, 3 * metre / second**2)
    assert loaded.f_get("scalar").v_comment == "a potential"


def test_parameter_without_a_unit_is_a_number(loaded: Trajectory) -> None:
    assert loaded.number == 42
    assert type(loaded.number) is int


def test_ranges_are_quantities(loaded: Trajectory) -> None:
    scalars = loaded.f_get("scalar").f_get_range()
    for found, expected in zip(scalars, [10 * mV, 20 * mV, 0.5 * volt], strict=True):
        assert_quantity(found, expected)
    arrays = loaded.f_get("arrays").f_get_range()
    for found, expected in zip(arrays, [[1, 2], [3, 4], [5, 6]], strict=True):
        assert_quantity(found, np.array(expected, dtype=float) * ms)


def test_results_are_quantities_and_plain_data(loaded: Trajectory) -> None:
    result = loaded.f_get("quantities")
    assert_quantity(result.scalar, 5 * Hz)
    assert_quantity(result.array, np.arange(4.0) * mV)
    assert result.plain == 7
    assert result.text == "a"
    assert sorted(result.f_to_dict()) == ["array", "plain", "scalar", "text"]


@pytest.mark.parametrize(
    ("name", "kind", "items"),
    [
        ("state", "StateMonitor", "name record record_variables source t v when"),
        ("spikes", "SpikeMonitor", "i name num_spikes record_variables source t v when"),
        ("plain_spikes", "SpikeMonitor", "i name num_spikes record_variables source t when"),
        ("rate", "PopulationRateMonitor", "name rate source t"),
    ],
)
def test_monitors_have_their_items(loaded: Trajectory, name: str, kind: str, items: str) -> None:
    result = loaded.f_get(f"monitors.{name}")
    assert result.v_monitor_type == kind
    assert sorted(result.f_to_dict()) == items.split()
    assert result.name == name


def test_monitors_have_their_values(loaded: Trajectory) -> None:
    monitors = loaded.results.monitors
    assert monitors.state.v.shape == (2, 100)
    assert monitors.state.t[-1] == pytest.approx(0.0099)
    assert have_same_dimensions(monitors.spikes.t, second)
    assert np.array(monitors.spikes.t) == pytest.approx([0.0068] * 3)
    assert list(monitors.spikes.i) == [0, 1, 2]
    assert have_same_dimensions(monitors.rate.rate, Hz)
