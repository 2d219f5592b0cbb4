"""`SharedRows`: what handles on arrays and on tables have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pypet.shareddata.handle import SharedData, attribute, forwarded_if_open


class SharedRows(SharedData):
    """Data in rows, which are read and written by their index, or one after the other."""

    nrows = attribute("nrows", "Number of rows: of an array, the length of the first axis.")
    rowsize = attribute("rowsize", "Size of a row in bytes.")

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """Return rows, all by default."""
        return self._call("read", *args, **kwargs)

    @forwarded_if_open
    def iterrows(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> Any:
        """Iterate over rows; only with an open store, otherwise TypeError."""

    def __getitem__(self, key: Any) -> Any:
        return self._call("__getitem__", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._call("__setitem__", key, value)

    def __len__(self) -> int:
        return int(self.nrows)

    def __iter__(self) -> Iterator[Any]:
        self._check_place()
        rows: Iterator[Any] = self._call("__iter__") if self._is_open() else iter(self.read())
        return rows
