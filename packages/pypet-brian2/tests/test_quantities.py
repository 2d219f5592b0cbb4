"""Parameters and results for quantities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from brian2 import Hz, mA, metre, ms, mV, second, volt
from brian2.units.fundamentalunits import have_same_dimensions

import pypet.brian2
import pypet.brian2.network
import pypet.brian2.parameter
import pypet_brian2
from pypet import ParameterLockedException, Trajectory, load_trajectory
from pypet.brian2 import Brian2Parameter, Brian2Result
from pypet.brian2.parameter import get_unit_fast, unit_from_expression

VALUES = [3 * mV, 3 * mV / second**2, np.array([1.0, 2.0]) * mA, np.eye(2) * Hz]


def equal(a: object, b: object) -> bool:
    return have_same_dimensions(a, b) and np.array_equal(np.array(a), np.array(b))


# ----- established paths -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", [pypet.brian2, pypet.brian2.parameter, pypet.brian2.network], ids=str
)
def test_established_modules_have_the_classes(module: object) -> None:
    for name in module.__all__:
        assert getattr(module, name) is getattr(pypet_brian2, name)


def test_all_established_names_are_there() -> None:
    assert sorted(pypet.brian2.__all__) == [
        "Brian2MonitorResult",
        "Brian2Parameter",
        "Brian2Result",
        "NetworkAnalyser",
        "NetworkComponent",
        "NetworkManager",
        "NetworkRunner",
    ]


# ----- units -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [*VALUES, 5.0])
def test_unit_comes_back_from_its_text(value: object) -> None:
    unit = get_unit_fast(value)
    assert np.array(unit) == 1
    assert equal(unit_from_expression(repr(unit)), unit)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. * volt", volt),
        ("-metre / second ** 2", -metre / second**2),
        ("volt + 2 * volt - volt", 2 * volt),
        ("(7 % 4) * msecond", 3 * ms),
    ],
)
def test_expression_is_calculated(text: str, expected: object) -> None:
    assert equal(unit_from_expression(text), expected)


@pytest.mark.parametrize(
    "text", ["volt // 2", "volt @ volt", "+volt", "open('x')", "volt.dim", "nothing", "'a'", "1j"]
)
def test_anything_else_is_a_syntax_error(text: str) -> None:
    with pytest.raises(SyntaxError):
        unit_from_expression(text)


# ----- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize("value", VALUES)
def test_parameter_comes_back_from_its_items(value: object) -> None:
    parameter = Brian2Parameter("p", value)
    loaded = Brian2Parameter("p")
    loaded._load(parameter._store())
    assert equal(loaded.f_get(), value)
    assert equal(loaded.f_get_default(), value)
    assert loaded.v_locked
    assert parameter.v_locked
    assert not loaded.f_has_range()


def test_range_needs_the_dimensions_of_the_default() -> None:
    for entries in ([3 * mV, 3.0], [3 * mV, 3 * mA]):
        with pytest.raises(TypeError):
            Brian2Parameter("p", 1 * mV)._explore(entries)
    with pytest.raises(TypeError):
        Brian2Parameter("p", 1.0)._explore([3 * mV])


def test_values_are_equal_only_with_equal_dimensions() -> None:
    parameter = Brian2Parameter("p")
    assert parameter._equal_values(3 * mV, 0.003 * volt)
    assert not parameter._equal_values(3 * mV, 4 * mV)
    assert not parameter._equal_values(3 * volt, 3 * mA)
    assert not parameter._equal_values(3 * volt, 3.0)
    assert not parameter._values_of_same_type(3 * volt, 3.0)


def test_explored_parameter_can_be_expanded_after_loading(tmp_path: Path) -> None:
    filename = str(tmp_path / "file.hdf5")
    traj = Trajectory("t", filename=filename, overwrite_file=True)
    traj.f_add_parameter(Brian2Parameter, "p", 1 * mV)
    traj.f_explore({"p": [1 * mV, 2 * mV]})
    traj.f_store()
    loaded = load_trajectory("t", filename=filename)
    loaded.f_expand({"p": [3 * mV]})
    loaded.f_store()
    values = load_trajectory("t", filename=filename).f_get("p").f_get_range()
    assert [float(value / mV) for value in values] == [1.0, 2.0, 3.0]


def test_plain_data_is_stored_as_by_parameter() -> None:
    assert list(Brian2Parameter("p", 3)._store()) == ["data"]


def test_locked_parameter_refuses_to_load() -> None:
    parameter = Brian2Parameter("p", 1 * mV)
    stored = parameter._store()
    with pytest.raises(ParameterLockedException):
        parameter._load(stored)
    assert equal(parameter.f_get(), 1 * mV)


# ----- results ---------------------------------------------------------------------------------


def test_result_comes_back_from_a_file(tmp_path: Path) -> None:
    filename = str(tmp_path / "file.hdf5")
    traj = Trajectory("t", filename=filename, overwrite_file=True)
    items = {f"q{index}": value for index, value in enumerate(VALUES)}
    traj.f_add_result(Brian2Result, "r", plain=[1, 2], **items)
    traj.f_store()
    loaded = load_trajectory("t", filename=filename, load_results=2).f_get("r")
    assert type(loaded) is Brian2Result
    assert loaded.plain == [1, 2]
    for name, value in items.items():
        assert equal(loaded[name], value)
    assert len(loaded.f_to_dict()) == len(items) + 1


def test_one_quantity_is_loaded_by_itself(tmp_path: Path) -> None:
    filename = str(tmp_path / "file.hdf5")
    traj = Trajectory("t", filename=filename, overwrite_file=True)
    traj.f_add_result(Brian2Result, "r", a=1 * mV, b=2 * mA)
    traj.f_store()
    loaded = load_trajectory("t", filename=filename, load_results=1)
    names = ["a__brn2__value", "a__brn2__unit"]
    loaded.f_load_item("results.r", load_only=names)
    assert equal(loaded.f_get("results.r").a, 1 * mV)


def test_name_with_the_identifier_is_refused() -> None:
    with pytest.raises(AttributeError, match="__brn2__"):
        Brian2Result("r").f_set(a__brn2__value=3)
