"""How much a pipe of the operating system holds."""

from __future__ import annotations

from contextlib import suppress


def enlarge(descriptor: int, size: int) -> None:
    """Let a pipe hold ``size`` bytes, where that can be set and the user may have so much."""
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, size)
