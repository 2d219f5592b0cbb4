"""`SharedTable`: a handle on a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pypet import pypetconstants as constants
from pypet.shareddata.handle import attribute, forwarded, forwarded_if_open
from pypet.shareddata.rows import SharedRows


class SharedTable(SharedRows):
    """A table of rows, which can be searched in the storage.

    `create_shared_data` takes a ``description`` (a dictionary or a class of columns), or a
    ``first_row``, a dictionary of values from which the types of the columns follow and which
    becomes the first row, or ``obj``. Text in tables is bytes.

    Methods that take ``start``, ``stop`` and ``step`` work on all rows by default. Those whose
    results live in the storage need it open and raise TypeError otherwise.
    """

    FLAG: ClassVar[str] = constants.TABLE

    coldescrs = attribute("coldescrs", "Column name -> description.")
    coldtypes = attribute("coldtypes", "Column name -> dtype.")
    colindexed = attribute("colindexed", "Column name -> whether it is indexed.")
    colnames = attribute("colnames", "Names of the columns on the top level.")
    colpathnames = attribute("colpathnames", "Paths of all columns, nested ones included.")
    coltypes = attribute("coltypes", "Column name -> name of its type.")
    description = attribute("description", "The description of the table.")
    indexed = attribute("indexed", "Whether any column is indexed.")
    indexedcolpathnames = attribute("indexedcolpathnames", "Paths of the indexed columns.")
    extdim = attribute("extdim", "The axis that grows.")
    row = attribute("row", "A row to fill and append; needs an open store.", needs_open=True)
    cols = attribute("cols", "Access to the columns; needs an open store.", needs_open=True)
    colindexes = attribute("colindexes", "Indexes by column; needs an open store.", needs_open=True)

    @property
    def autoindex(self) -> bool:
        """Whether indexes are kept up to date."""
        return bool(self._get("autoindex"))

    @autoindex.setter
    def autoindex(self, keep: bool) -> None:
        self._call("__setattr__", "autoindex", bool(keep))

    # ----- reading -------------------------------------------------------------------------

    @forwarded
    def col(self, name: str) -> Any:
        """Return a whole column."""

    @forwarded
    def read(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        field: str | None = None,
        out: Any = None,
    ) -> Any:
        """Return rows, or one ``field`` of them, as an array; ``out`` is one to read into."""

    @forwarded
    def read_coordinates(self, coords: Any, field: str | None = None) -> Any:
        """Return the rows of these indices."""

    @forwarded
    def read_sorted(
        self,
        sortby: str,
        checkCSI: bool = False,  # noqa: N803 - established
        field: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Return rows in the order of an indexed column."""

    @forwarded
    def get_enum(self, colname: str) -> Any:
        """Return the enumeration of an enumerated column; others raise TypeError."""

    # ----- searching -----------------------------------------------------------------------

    @forwarded
    def get_where_list(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        sort: bool = False,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Return the indices of the rows for which ``condition`` holds."""

    @forwarded
    def read_where(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        field: str | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Return the rows for which ``condition`` holds."""

    @forwarded
    def will_query_use_indexing(
        self, condition: str, condvars: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the names of the indexed columns that would speed up ``condition``."""

    @forwarded_if_open
    def where(
        self,
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Iterate over the rows for which ``condition`` holds; needs an open store."""

    def append_where(
        self,
        dstTable: Any,  # noqa: N803 - established
        condition: str,
        condvars: Mapping[str, Any] | None = None,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Append the rows for which ``condition`` holds to another table; needs an open store."""
        self._check_open("append_where")
        target = dstTable.get_data_node() if isinstance(dstTable, SharedTable) else dstTable
        return self._call_open(
            "append_where", target, condition, condvars, start=start, stop=stop, step=step
        )

    @forwarded_if_open
    def itersequence(self, sequence: Any) -> Any:
        """Iterate over the rows of these indices; needs an open store."""

    @forwarded_if_open
    def itersorted(
        self,
        sortby: str,
        checkCSI: bool = False,  # noqa: N803 - established
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
    ) -> Any:
        """Iterate over rows in the order of an indexed column; needs an open store."""

    # ----- changing ------------------------------------------------------------------------

    @forwarded
    def append(self, rows: Any) -> None:
        """Add rows."""

    @forwarded
    def modify_column(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        column: Any = None,
        colname: str | None = None,
    ) -> Any:
        """Replace cells of the column ``colname`` by ``column``; return how many."""

    def modify_columns(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        column: Any = None,
        colname: Any = None,
    ) -> Any:
        """Replace cells of several columns, named by a list; return the number of rows."""
        return self._call(
            "modify_columns", start=start, stop=stop, step=step, columns=column, names=colname
        )

    @forwarded
    def modify_coordinates(self, coords: Any, rows: Any) -> Any:
        """Replace the rows of these indices; return how many."""

    @forwarded
    def modify_rows(
        self,
        start: int | None = None,
        stop: int | None = None,
        step: int | None = None,
        rows: Any = None,
    ) -> Any:
        """Replace rows; return how many."""

    @forwarded
    def remove_row(self, n: int) -> None:
        """Remove one row."""

    @forwarded
    def remove_rows(
        self, start: int | None = None, stop: int | None = None, step: int | None = None
    ) -> None:
        """Remove rows."""

    @forwarded_if_open
    def flush(self) -> None:
        """Write rows that were appended through `row`; needs an open store."""

    # ----- indexes -------------------------------------------------------------------------

    def create_index(
        self,
        colname: str,
        optlevel: int = 6,
        kind: str = "medium",
        filters: Any = None,
        tmp_dir: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Index a column; return the number of indexed rows."""
        return self._call_column(
            "create_index",
            colname,
            optlevel=optlevel,
            kind=kind,
            filters=filters,
            tmp_dir=tmp_dir,
            **kwargs,
        )

    def create_csindex(
        self, colname: str, filters: Any = None, tmp_dir: str | None = None, **kwargs: Any
    ) -> Any:
        """Index a column in full order; return the number of indexed rows."""
        return self._call_column(
            "create_csindex", colname, filters=filters, tmp_dir=tmp_dir, **kwargs
        )

    def reindex(self, colname: str | None = None) -> Any:
        """Rebuild the index of a column, or all indexes of the table."""
        return self._call_column("reindex", colname)

    def reindex_dirty(self, colname: str | None = None) -> Any:
        """Rebuild outdated indexes of a column, or of the table."""
        return self._call_column("reindex_dirty", colname)

    def remove_index(self, colname: str) -> Any:
        """Remove the index of a column."""
        return self._call_column("remove_index", colname)

    @forwarded_if_open
    def flush_rows_to_index(self, _lastrow: bool = True) -> Any:
        """Update the indexes; needs an open store."""

    def _call_column(self, request: str, colname: str | None, **kwargs: Any) -> Any:
        """Call a method of a column; of the table without a name."""
        if colname is None:
            return self._call(request, **kwargs)
        return self._call(request, colname=colname, _col_func=True, **kwargs)
