"""How a process ended, in words."""

from __future__ import annotations

import signal

GUARD_ADVICE = (
    "Processes that are not forked import the main script, so what it executes has to stand below "
    "if __name__ == '__main__'."
)
"""What to look for if such a process ended with exit code 1 before it said anything."""


def describe_end(exit_code: int | None) -> str:
    """Return how a process ended, as part of a sentence; ``exit_code`` is multiprocessing's."""
    if exit_code is None:
        return "is gone"
    if exit_code >= 0:
        return f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:
        name = f"signal {-exit_code}"
    return f"was killed by {name}"
