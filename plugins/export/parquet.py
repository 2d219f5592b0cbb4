"""Tables of runs as Parquet files. Needs ``pip install "pypet[parquet]"``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.interfaces import Exporter
from pypet.markers import hookimpl
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.tables import RunTable


class ParquetExporter(Exporter):
    """Writes one column of the file for each column, with null for missing values.

    Comments are in the metadata of the columns, key ``comment``; name and comment of the trajectory
    in that of the file, key ``pypet``.
    """

    name: ClassVar[str] = "parquet"
    requires: ClassVar[tuple[str, ...]] = ("pyarrow",)
    extra: ClassVar[str | None] = "parquet"
    file_extensions: ClassVar[tuple[str, ...]] = (".parquet", ".pq")

    def write(self, table: RunTable, path: str) -> None:
        """Write a table; see `Exporter.write`."""
        from pypet.tables.exporting import check_scalars

        arrow: Any = require("pyarrow", plugin=self.name, extra=self.extra)
        parquet: Any = require("pyarrow.parquet", plugin=self.name, extra=self.extra)
        check_scalars(table, "use .nc or .zarr for arrays")
        arrays, fields = [], []
        for name, column in table.columns.items():
            values = column.values
            try:
                array = arrow.array(
                    values.tolist() if values.dtype.kind in "UO" else values, mask=column.missing
                )
            except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
                raise TypeError(f"column {name!r}: {error}") from error
            comment = {"comment": column.comment} if column.comment else None
            arrays.append(array)
            fields.append(arrow.field(name, array.type, metadata=comment))
        about = json.dumps({"trajectory": table.trajectory, "comment": table.comment})
        schema = arrow.schema(fields, metadata={"pypet": about})
        parquet.write_table(arrow.Table.from_arrays(arrays, schema=schema), path)


@hookimpl
def pypet_register_exporters() -> list[type[Exporter]]:
    """Register Parquet."""
    return [ParquetExporter]
