"""Handles on arrays."""

from __future__ import annotations

from typing import Any, ClassVar

from pypet import pypetconstants as constants
from pypet.shareddata.handle import attribute, forwarded
from pypet.shareddata.rows import SharedRows


class SharedArray(SharedRows):
    """An array of fixed shape, stored contiguously.

    `create_shared_data` takes ``obj``, or ``shape`` and ``atom``.
    """

    FLAG: ClassVar[str] = constants.ARRAY

    atom = attribute("atom", "The type of the elements.")

    @forwarded
    def read(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        out: Any = None,
    ) -> Any:
        """Return rows, all by default; ``out`` is an array to read them into."""

    @forwarded
    def get_enum(self) -> Any:
        """Return the enumeration of an enumerated array; others raise TypeError."""

    def next(self) -> Any:
        """Return the next row of the running iteration; only with an open store."""
        return self._call_open("__next__")


class SharedCArray(SharedArray):
    """An array of fixed shape, stored in compressed chunks."""

    FLAG: ClassVar[str] = constants.CARRAY


class SharedEArray(SharedArray):
    """An array that grows along its first axis.

    `create_shared_data` takes ``obj``, or ``atom`` and a ``shape`` that begins with 0.
    """

    FLAG: ClassVar[str] = constants.EARRAY

    @forwarded
    def append(self, sequence: Any) -> None:
        """Add rows; all other axes must agree."""


class SharedVLArray(SharedEArray):
    """Rows of different lengths.

    `create_shared_data` takes ``obj``, which becomes the first row, or ``atom``.
    """

    FLAG: ClassVar[str] = constants.VLARRAY

    def read(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        out: Any = None,
    ) -> Any:
        """Return a list of rows, all by default.

        Raises
        ------
        TypeError
            ``out`` was given: rows of different lengths cannot be read into an array.
        """
        if out is not None:
            raise TypeError(
                f"{self!r} has rows of different lengths and cannot be read into `out`."
            )
        return self._call("read", start=start, stop=stop, step=step)

    @forwarded
    def append(self, sequence: Any) -> None:
        """Add one row."""
