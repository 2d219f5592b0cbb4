"""Nodes as HTML for notebooks, by the displays that plugins register."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pypet.manager import get_manager

if TYPE_CHECKING:
    from pypet.tree.node import NNTreeNode

logger = logging.getLogger(__name__)


def html_of(node: NNTreeNode) -> str | None:
    """Return a node as HTML by the first display that can; None if there is none.

    An error of a display must not hide the node, which is then shown by the next one, at last as
    text.
    """
    for display in get_manager().displays():
        try:
            text = display.html(node)
        except Exception:
            logger.warning(
                "Display %r cannot show `%s`.", display.name, node._full_name, exc_info=True
            )
            continue
        if text is not None:
            return text
    return None
