"""The interface of terminal writers: how commands write tables and facts to terminals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, TextIO

from pypet.interfaces.feature import Feature


class TableColumn(NamedTuple):
    """A column of a table that a command writes."""

    title: str
    is_right: bool = False
    """Numbers are aligned to the right."""
    style: str = ""
    """``'name'``, ``'number'``, ``'warning'`` or ``''``; may colour the column."""


class TerminalWriter(Feature, ABC):
    """Writes what commands show on a terminal, in colours for example; not instantiated.

    The first usable one writes, those of other distributions before pypet's own. Without any, and
    to pipes and terminals with ``TERM=dumb``, commands write plain text. All text is escaped
    already: control characters are ``\\x1b``. It may come from anybody, so a writer must not
    interpret it, as markup for example.
    """

    label_width: ClassVar[int] = 12
    """Columns that `write_facts` gives to labels; longer ones are not cut."""

    @classmethod
    @abstractmethod
    def write_table(
        cls, stream: TextIO, columns: Sequence[TableColumn], rows: Sequence[Sequence[str]]
    ) -> None:
        """Write rows of cells under the titles of their columns; no text is left out."""

    @classmethod
    @abstractmethod
    def write_facts(cls, stream: TextIO, facts: Sequence[tuple[str, str]]) -> None:
        """Write a line for each label and text; an empty label belongs to the line before.

        Lines are not wrapped, so that users can copy names of files.
        """
