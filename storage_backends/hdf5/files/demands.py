"""What those who hold a file demand of its commits."""

from __future__ import annotations

import os
from collections.abc import Callable


class Demand:
    """What one service demands; what it is changed to holds from the next commit on."""

    __slots__ = ("_before_commit", "_process", "durable")

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        """Whether a commit has to survive a loss of power."""
        self._before_commit: Callable[[], None] | None = None
        self._process = 0

    @property
    def before_commit(self) -> Callable[[], None] | None:
        """What is called before a commit; None in a process that was forked since it was set.

        What it uses, files and locks, is that of the process that set it.
        """
        return self._before_commit if self._process == os.getpid() else None

    @before_commit.setter
    def before_commit(self, call: Callable[[], None] | None) -> None:
        self._before_commit = call
        self._process = os.getpid()


class Demands:
    """What all holders of one file demand: what a single one does is done."""

    __slots__ = ("_demands",)

    def __init__(self) -> None:
        self._demands: list[Demand] = []

    def add(self, demand: Demand) -> None:
        """Meet a demand from now on; may be added several times."""
        self._demands.append(demand)

    def remove(self, demand: Demand) -> None:
        """Take back what was added once."""
        self._demands.remove(demand)

    @property
    def durable(self) -> bool:
        """Whether every commit has to survive a loss of power."""
        return any(demand.durable for demand in self._demands)

    def before_commit(self) -> None:
        """Call whatever is to be called right before a commit; what it raises prevents that."""
        for call in dict.fromkeys(demand.before_commit for demand in self._demands):
            if call is not None:
                call()
