"""Parameters, results and networks of BRIAN2 for pypet.

Scripts reach all of it as `pypet.brian2`, too. BRIAN2 itself, which takes seconds to import, is
imported when one of the classes is used for the first time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pypet.markers import hookimpl

if TYPE_CHECKING:
    from pypet_brian2.monitors import Brian2MonitorResult as Brian2MonitorResult
    from pypet_brian2.network import NetworkAnalyser as NetworkAnalyser
    from pypet_brian2.network import NetworkComponent as NetworkComponent
    from pypet_brian2.network import NetworkManager as NetworkManager
    from pypet_brian2.network import NetworkRunner as NetworkRunner
    from pypet_brian2.quantities import Brian2Parameter as Brian2Parameter
    from pypet_brian2.quantities import Brian2Result as Brian2Result
    from pypet_brian2.units import get_unit_fast as get_unit_fast
    from pypet_brian2.units import unit_from_expression as unit_from_expression

_HOMES = {
    "Brian2MonitorResult": "monitors",
    "Brian2Parameter": "quantities",
    "Brian2Result": "quantities",
    "NetworkAnalyser": "network",
    "NetworkComponent": "network",
    "NetworkManager": "network",
    "NetworkRunner": "network",
    "get_unit_fast": "units",
    "unit_from_expression": "units",
}

__all__ = list(_HOMES)


@hookimpl
def pypet_register_leaf_classes() -> list[str]:
    """Let loading find the parameter and the results."""
    return [f"{__name__}.{name}" for name in _HOMES if name.startswith("Brian2")]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
