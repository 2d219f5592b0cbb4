"""Nodes that are left out of a loading because they cannot be loaded."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)

_MOST_LINES = 20
"""Nodes that one warning lists."""


class SkippedNodes:
    """Collects the nodes that one message to ``load`` leaves out."""

    __slots__ = ("_reasons", "_service", "_trajectory")

    def __init__(self, trajectory: str, service: Any) -> None:
        self._trajectory = trajectory
        self._service = service
        self._reasons: dict[str, str] = {}

    def add(self, path: str, error: Exception) -> None:
        """Note why the node of this full name is left out; the first reason counts."""
        self._reasons.setdefault(path, f"{type(error).__name__}: {error}")

    def report(self, root: Any) -> None:
        """Keep the reasons with the trajectory, and list them in a warning if there are any."""
        reasons = self._reasons
        if not reasons:
            return
        root._load_errors.update(reasons)
        lines = [f"  {path}: {reason}" for path, reason in list(reasons.items())[:_MOST_LINES]]
        if len(reasons) > _MOST_LINES:
            lines.append(f"  and {len(reasons) - _MOST_LINES} more")
        logger.warning(
            "%d nodes of trajectory `%s` could not be loaded from %r and are left out; "
            "`v_load_errors` keeps the list:\n%s",
            *(len(reasons), self._trajectory, self._service, "\n".join(lines)),
        )
