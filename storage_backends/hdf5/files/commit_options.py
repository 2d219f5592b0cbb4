"""Options of commits, combined from all services that share a file."""

from __future__ import annotations

import os
from collections.abc import Callable


class CommitOptions:
    """The options of one service; changes apply from the next commit on."""

    __slots__ = ("_before_commit", "_process", "durable")

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        """Whether a commit has to survive a loss of power."""
        self._before_commit: Callable[[], None] | None = None
        self._process = 0

    @property
    def before_commit(self) -> Callable[[], None] | None:
        """Called before a commit; None in a process that was forked since it was set.

        The files and locks that the callback uses belong to the process that set it.
        """
        return self._before_commit if self._process == os.getpid() else None

    @before_commit.setter
    def before_commit(self, call: Callable[[], None] | None) -> None:
        self._before_commit = call
        self._process = os.getpid()


class CombinedCommitOptions:
    """The options of all holders of one file, of which the strictest apply."""

    __slots__ = ("_options",)

    def __init__(self) -> None:
        self._options: list[CommitOptions] = []

    def add(self, options: CommitOptions) -> None:
        """Add options; the same ones may be added several times."""
        self._options.append(options)

    def remove(self, options: CommitOptions) -> None:
        """Remove options that were added once."""
        self._options.remove(options)

    @property
    def durable(self) -> bool:
        """Whether every commit has to survive a loss of power."""
        return any(options.durable for options in self._options)

    def before_commit(self) -> None:
        """Call all callbacks right before a commit; if one raises, nothing is committed."""
        # A service may hold the file several times; its callback is called once.
        for call in dict.fromkeys(options.before_commit for options in self._options):
            if call is not None:
                call()
