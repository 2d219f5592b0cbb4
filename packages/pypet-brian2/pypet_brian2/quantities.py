"""A parameter and a result for quantities: numbers and arrays with units."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2.units.fundamentalunits import (
    Quantity,
    get_dimensions,
    have_same_dimensions,
)

from pypet import ObjectTable, Parameter, Result
from pypet_brian2.units import get_unit_fast, unit_from_expression

IDENTIFIER = "__brn2__"


def is_quantity(data: Any) -> bool:
    """Return whether data has a unit; what `brian2.Unit` makes itself counts, too."""
    return isinstance(data, Quantity)


def without_unit(quantity: Any) -> Any:
    """Return the value in base units: a float for a scalar, an array of its own otherwise."""
    value = np.array(quantity)
    return float(value) if value.ndim == 0 else value


def with_unit(value: Any, unit: Any) -> Any:
    """Return a value in base units as a quantity with the dimensions of ``unit``."""
    return Quantity.with_dimensions(value, get_dimensions(unit))


def _cells(values: list[Any]) -> np.ndarray:
    """Return values as a column of objects; pandas would spread arrays over rows."""
    cells = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        cells[index] = value
    return cells


class Brian2Parameter(Parameter):
    """A parameter for quantities of BRIAN2, scalars and arrays, and all that `Parameter` takes.

    All entries of a range have the dimensions of the default; a plain number is no quantity without
    dimensions. Values are stored in base units, with the unit as text beside them.
    """

    IDENTIFIER = IDENTIFIER

    def f_supports(self, data: Any) -> bool:
        """Return whether the parameter takes ``data``."""
        if is_quantity(data):
            return np.size(data) > 0
        return super().f_supports(data)

    def _values_of_same_type(self, a: Any, b: Any) -> bool:
        if is_quantity(a) and is_quantity(b):
            return bool(have_same_dimensions(a, b))
        if is_quantity(a) or is_quantity(b):
            return False
        return super()._values_of_same_type(a, b)

    def _equal_values(self, a: Any, b: Any) -> bool:
        if is_quantity(a) and is_quantity(b):
            return bool(have_same_dimensions(a, b)) and np.array_equal(np.array(a), np.array(b))
        if is_quantity(a) or is_quantity(b):
            return False
        return super()._equal_values(a, b)

    def _store(self) -> dict[str, Any]:
        if self.f_is_empty() or not is_quantity(data := self.f_get()):
            return super()._store()
        table = {"value": _cells([without_unit(data)]), "unit": _cells([repr(get_unit_fast(data))])}
        stored: dict[str, Any] = {f"data{IDENTIFIER}": ObjectTable(table)}
        if self.f_has_range():
            values = [without_unit(entry) for entry in self.f_get_range(copy=False)]
            stored[f"explored_data{IDENTIFIER}"] = ObjectTable({"value": _cells(values)})
        self.f_lock()
        return stored

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        if f"data{IDENTIFIER}" not in load_dict:
            super()._load(load_dict)
            return
        self.f_empty()
        table = load_dict[f"data{IDENTIFIER}"]
        unit = unit_from_expression(str(table["unit"].iloc[0]))
        self.f_set(with_unit(table["value"].iloc[0], unit))
        explored = load_dict.get(f"explored_data{IDENTIFIER}")
        if explored is not None:
            self._explore([with_unit(value, unit) for value in explored["value"]])
        self.f_lock()


class Brian2Result(Result):
    """A result for quantities of BRIAN2, and all that `Result` takes.

    The item ``<key>`` is stored as ``<key>__brn2__value`` in base units and ``<key>__brn2__unit``.
    """

    IDENTIFIER = IDENTIFIER

    def _supports(self, item: Any) -> bool:
        return is_quantity(item) or super()._supports(item)

    def f_set_single(self, name: str, item: Any) -> None:
        """Set or replace one item.

        Raises
        ------
        AttributeError
            The name contains ``'__brn2__'``, by which stored quantities are known.
        TypeError
            The item is of a type that the result does not support.
        """
        if IDENTIFIER in name:
            raise AttributeError(
                f"Item {name!r} of {self.v_full_name!r} needs another name: {IDENTIFIER!r} marks "
                "stored quantities."
            )
        super().f_set_single(name, item)

    def _store(self) -> dict[str, Any]:
        stored: dict[str, Any] = {}
        for key, item in super()._store().items():
            if is_quantity(item):
                stored[f"{key}{IDENTIFIER}value"] = without_unit(item)
                stored[f"{key}{IDENTIFIER}unit"] = repr(get_unit_fast(item))
            else:
                stored[key] = item
        return stored

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        loaded: dict[str, Any] = {}
        for key, item in load_dict.items():
            name, mark, part = key.partition(IDENTIFIER)
            if not mark:
                loaded[key] = item
            elif part == "value":
                # Without its unit a number would be wrong, so one that is missing is an error.
                loaded[name] = with_unit(
                    item, unit_from_expression(str(load_dict[f"{name}{IDENTIFIER}unit"]))
                )
        super()._load(loaded)
