"""Permissions to write that may run out: who writes asks whether they still hold.

A lock over a network can pass to another process while its former owner still works, if that is
slow or out of reach. Storage services ask here before they change a file; see
`pypet.wrap_modes.netlock`.
"""

from __future__ import annotations

from collections.abc import Callable

_checks: dict[int, Callable[[], None]] = {}


def hold(owner: object, check: Callable[[], None]) -> None:
    """Let ``check`` be asked from now on; it raises if the permission has run out."""
    _checks[id(owner)] = check


def let_go(owner: object) -> None:
    """Ask no more."""
    _checks.pop(id(owner), None)


def check_leases() -> None:
    """Raise if something is not to be written any more.

    Raises
    ------
    LeaseLostError
        A lock has passed to another process.
    """
    if _checks:
        for check in list(_checks.values()):
            check()
