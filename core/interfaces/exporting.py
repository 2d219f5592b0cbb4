"""A format of files that tables of runs are exported to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from pypet.interfaces.feature import Feature

if TYPE_CHECKING:
    from pypet.tables import RunTable


class Exporter(Feature, ABC):
    """Writes tables of runs to files of one format.

    Made without arguments for each export, in the process of whoever exports. Users choose one by
    the ending of the file, or by its name.
    """

    capabilities: ClassVar[tuple[str, ...]] = ("keeps_arrays",)
    file_extensions: ClassVar[tuple[str, ...]] = ()
    """Endings of its files or folders in lower case, ``('.nc',)``; at least one."""
    keeps_arrays: ClassVar[bool] = False
    """Results that are arrays of one shape are kept as such; otherwise columns hold scalars."""

    @abstractmethod
    def write(self, table: RunTable, path: str) -> None:
        """Write a table to a file or folder that does not exist.

        What is missing (`pypet.tables.Column.missing`) must not look like a value; where the format
        has nothing else for it, NaN or an empty cell. If this raises, the caller removes what
        was written.

        Raises
        ------
        TypeError
            The format cannot keep a column; the message names it.
        ValueError
            Arrays of a column differ in shape.
        OSError
            The file cannot be written.
        """
