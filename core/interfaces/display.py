"""The interface of displays: how notebooks show the nodes of a trajectory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from pypet.interfaces.feature import Feature


class Display(Feature, ABC):
    """Makes HTML of trajectories, groups, parameters and results; not instantiated.

    Notebooks ask a node for its ``_repr_html_``, which asks the displays: first those of other
    distributions, then pypet's own. The first one that returns text is used. A display must not
    change a node, lock a parameter or load data, it limits how much it shows, and it escapes all
    text of nodes, which may come from anybody.
    """

    @classmethod
    @abstractmethod
    def html(cls, node: Any) -> str | None:
        """Return a node as HTML, None to leave it to the next display.

        An exception is logged, and the next display is asked.
        """
