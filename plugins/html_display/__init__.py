"""Show nodes in notebooks: a collapsible tree, values, and small arrays as sparklines.

It needs no package. Everything is bounded in size, all text is escaped, and nothing is loaded,
locked or changed by being shown.
"""

from __future__ import annotations

from typing import Any

from pypet.interfaces import Display
from pypet.markers import hookimpl


class HtmlTree(Display):
    """Trajectories and groups as collapsible trees, parameters and results as tables."""

    name = "html_tree"

    @classmethod
    def html(cls, node: Any) -> str | None:
        """Return the HTML of any node."""
        from pypet.plugins.html_display.document import node_html

        return node_html(node)


@hookimpl
def pypet_register_displays() -> list[type[Display]]:
    """Register the display."""
    return [HtmlTree]
