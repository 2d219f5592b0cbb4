"""Units of quantities as text, and back."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from brian2.units import allunits
from brian2.units.fundamentalunits import Quantity, get_dimensions

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def get_unit_fast(x: Any) -> Any:
    """Return the value 1 with the dimensions of ``x``.

    In contrast to `brian2.get_unit` it does not search for a unit with a name.

    Parameters
    ----------
    x : Quantity or array_like
        Something with dimensions; a number has none.

    Returns
    -------
    Quantity
        In base units, a scalar.
    """
    return Quantity.with_dimensions(1, get_dimensions(x))


def unit_from_expression(expr: str) -> Any:
    """Return what an expression of units stands for, for example ``'metre * second ** -1'``.

    Nothing is executed: the text is parsed, names are looked up among the units of BRIAN2.

    Parameters
    ----------
    expr : str
        Names of units, numbers, ``+ - * / % **``, unary minus, and parentheses: what ``repr`` of a
        unit or a quantity gives.

    Returns
    -------
    Quantity or float

    Raises
    ------
    SyntaxError
        There is something else in the expression, or no unit of a name.
    """
    return _value(ast.parse(expr, mode="eval").body, expr)


def _value(node: ast.expr, expr: str) -> Any:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    if isinstance(node, ast.Name):
        unit = vars(allunits).get(node.id)
        if isinstance(unit, Quantity):
            return unit
        raise SyntaxError(f"BRIAN2 has no unit {node.id!r}, in {expr!r}.")
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return _BINARY[type(node.op)](_value(node.left, expr), _value(node.right, expr))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, expr)
    raise SyntaxError(
        f"Units are made of names, numbers, and + - * / % **: {ast.unparse(node)!r} is none of "
        f"these, in {expr!r}."
    )
