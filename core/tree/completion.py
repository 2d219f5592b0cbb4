"""Names for tab completion: of nodes in memory, and of stored ones that are not loaded.

Completion happens while the user types. It reads a limited number of names, waits for no other
process, makes no nodes and raises nothing.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypet.tree.navigation import Navigation

MOST_NAMES = 1000
"""Names of one group that are suggested, and paths in one answer."""
_MOST_OF_A_GROUP = 100
"""Paths that are suggested through one group, so that other groups have some, too."""
WAITING_SECONDS = 0.1
"""How long to wait for processes that are changing the storage."""

logger = logging.getLogger(__name__)


def in_debugger() -> bool:
    """Return whether this process is being debugged by pydevd, as of PyCharm and VS Code.

    Kernels of Jupyter load it at their start, long before anybody debugs anything.
    """
    return "pydevd" in sys.modules and "ipykernel.kernelapp" not in sys.modules


def child_names(group: Navigation) -> list[str]:
    """Return the names of children and links of a group, in memory first, then stored ones."""
    in_memory = list(islice(group._children, MOST_NAMES))
    if len(in_memory) == MOST_NAMES:
        return in_memory
    return list(dict.fromkeys([*in_memory, *_stored_names(group)]))


def key_completions(group: Navigation) -> list[str]:
    """Return keys of ``group[...]``: names of children, and paths of nodes below them in memory."""
    names = dict.fromkeys(child_names(group))
    waiting = deque((name, child) for name, child in islice(group._groups.items(), MOST_NAMES))
    while waiting and len(names) < MOST_NAMES:
        path, node = waiting.popleft()
        for name, child in islice(node._children.items(), _MOST_OF_A_GROUP):
            names[f"{path}.{name}"] = None
            if name in node._groups:
                waiting.append((f"{path}.{name}", child))
    return list(islice(names, MOST_NAMES))


def _stored_names(group: Navigation) -> list[str]:
    """Return names from the storage; none during a run, and none if anything is wrong with it."""
    root = group._root
    if root is None or root._is_run or not root._stored:
        return []
    service = root._storage_service
    if service is None:
        return []
    try:
        return service.stored_child_names(
            root._name or "", group._full_name, limit=MOST_NAMES, timeout=WAITING_SECONDS
        )
    except Exception as error:
        logger.debug("No stored names below `%s`: %r", group._full_name, error)
        return []
