"""What of an environment travels in pickles: who it is, its options and its trajectory.

Log files, plugins and running processes stay with the environment. What comes out of a pickle is
a handle: it can be asked but executes nothing, and making it starts and opens nothing.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

STAYS = ("_features", "_config", "_existing", "_postprocessing")
"""Attributes of an environment that hold what belongs to its process."""

_PLAIN = frozenset((int, float, complex, bool, str, bytes, type(None)))


def portable_options(options: Mapping[str, Any], trajectory: Any) -> dict[str, Any]:
    """Return the options without those whose value cannot travel, such as an executor."""
    return {
        name: value
        for name, value in options.items()
        if type(value) in _PLAIN or value is trajectory or _is_portable(value)
    }


def handle_error(what: str, name: str) -> RuntimeError:
    """Return the error for somebody who asks a handle to do something."""
    return RuntimeError(
        f"{what} is not available: this is a handle of {name}, which was pickled. It knows the "
        "options and the trajectory, but executes nothing. Use the environment itself, in the "
        "process that made it, or give the trajectory to a new environment: "
        "Environment(handle.trajectory, ...)."
    )


def _is_portable(value: Any) -> bool:
    try:
        pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except Exception:  # classes raise whatever they like
        return False
    return True
