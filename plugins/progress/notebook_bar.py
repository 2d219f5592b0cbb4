"""A bar in the output of a notebook cell that needs no widgets: HTML that is replaced."""

from __future__ import annotations

import html
import importlib
from collections.abc import Callable
from time import monotonic
from typing import Any

SECONDS_BETWEEN_UPDATES = 0.1
"""Each update is a message to the browser, which is slower than short runs."""


class NotebookBar:
    """Has what the reporter uses of a bar of tqdm: ``total``, ``n``, `update`, `refresh`, `close`.

    ``parts`` returns the facts to be shown beside the bar, the most important one first.
    """

    def __init__(self, total: int, done: int, parts: Callable[[], list[str]]) -> None:
        self.total = total
        self.n = done
        self._parts = parts
        self._drawn = monotonic()
        # What runs in a kernel has IPython.
        display = importlib.import_module("IPython.display").display
        self._handle: Any = display(self._bundle(), raw=True, display_id=True)

    def update(self, count: int = 1) -> None:
        """Add ended runs; the bar is redrawn unless that was just done."""
        self.n += count
        if monotonic() - self._drawn >= SECONDS_BETWEEN_UPDATES:
            self.refresh()

    def refresh(self) -> None:
        """Redraw the bar."""
        self._drawn = monotonic()
        self._handle.update(self._bundle(), raw=True)

    def clear(self) -> None:
        """Do nothing: printed text has its place below the bar."""

    def close(self) -> None:
        """Redraw the bar for the last time; it stays in the notebook."""
        self.refresh()

    def _bundle(self) -> dict[str, str]:
        """Return the bar as HTML, and as text for what cannot show that."""
        share = min(1.0, self.n / self.total) if self.total else 1.0
        text = ", ".join(self._parts())
        bar = f'<progress max="1" value="{share:.4f}" style="width: 20em; vertical-align: middle">'
        return {
            "text/html": f"<div>{bar}</progress> {share:.0%} {html.escape(text)}</div>",
            "text/plain": f"{share:4.0%} {text}",
        }
