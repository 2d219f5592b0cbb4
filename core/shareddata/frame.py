"""`SharedPandasFrame`: a handle on a frame of pandas."""

from __future__ import annotations

from typing import Any, ClassVar

from pypet import pypetconstants as constants
from pypet.shareddata.handle import SharedData


class SharedPandasFrame(SharedData):
    """A frame stored by pandas; by default as a table, which can grow and be searched."""

    FLAG: ClassVar[str] = constants.FRAME

    def create_shared_data(self, **kwargs: Any) -> None:
        """Create the frame from ``obj``; see `SharedData.create_shared_data`."""
        kwargs.setdefault("format", "table")
        super().create_shared_data(**kwargs)

    def put(
        self, data: Any = None, format: str = "table", append: bool = False, **kwargs: Any
    ) -> None:
        """Create the frame, add rows with ``append=True``, or replace it with ``overwrite=True``.

        Raises
        ------
        ValueError
            The frame exists and is neither to be added to nor to be replaced.
        """
        if data is not None:
            kwargs["obj"] = data
        self._call("pandas_put", format=format, append=append, **kwargs)

    def append(self, data: Any = None, **kwargs: Any) -> None:
        """Add rows; creates the frame if it is missing."""
        self.put(data, append=True, **kwargs)

    def select(
        self,
        where: Any = None,
        start: int | None = None,
        stop: int | None = None,
        columns: Any = None,
        chunksize: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the part of a frame for which ``where`` holds, e.g. ``'index == 2'``.

        ``chunksize`` and ``iterator`` give the part piece by piece and need an open store.

        Raises
        ------
        TypeError
            ``chunksize`` was given while the store is closed.
        """
        self._check_place()
        if not self._is_open():
            kwargs["iterator"] = False
            if chunksize is not None:
                self._check_open("select(chunksize=...)")
        return self._call(
            "pandas_select",
            where=where,
            start=start,
            stop=stop,
            columns=columns,
            chunksize=chunksize,
            **kwargs,
        )

    def read(self) -> Any:
        """Return the whole frame."""
        return self._call("pandas_get")
