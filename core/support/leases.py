"""Leases of write permission, which storage services check before they change a file.

A network lock can pass to another process while its former owner is still writing, if that is slow
or unreachable; see `pypet.wrap_modes.netlock`.
"""

from __future__ import annotations

from collections.abc import Callable

_checks: dict[int, Callable[[], None]] = {}


def register(owner: object, check: Callable[[], None]) -> None:
    """Register a ``check``, which raises if the lease of ``owner`` has expired."""
    _checks[id(owner)] = check


def unregister(owner: object) -> None:
    """Remove the check of ``owner``."""
    _checks.pop(id(owner), None)


def check_leases() -> None:
    """Raise unless all leases are still valid.

    Raises
    ------
    LeaseLostError
        A lock has passed to another process.
    """
    if _checks:
        for check in list(_checks.values()):
            check()
