"""Tables of runs as CSV files: text in UTF-8 with a line of names, RFC 4180."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, ClassVar

from pypet.interfaces import Exporter
from pypet.markers import hookimpl

if TYPE_CHECKING:
    from pypet.tables import RunTable


class CsvExporter(Exporter):
    """Writes a line for each run; cells of missing values are empty.

    Numbers are written so that they can be read back exactly. Cells are not escaped for
    spreadsheets, which may take text that begins with ``=`` for a formula.
    """

    name: ClassVar[str] = "csv"
    file_extensions: ClassVar[tuple[str, ...]] = (".csv",)

    def write(self, table: RunTable, path: str) -> None:
        """Write a table; see `Exporter.write`."""
        from pypet.tables.exporting import check_scalars

        check_scalars(table, "use .nc or .zarr for arrays")
        columns = [
            ["" if missing else value for value, missing in zip(*cells, strict=True)]
            for cells in (
                (column.values.tolist(), column.missing.tolist())
                for column in table.columns.values()
            )
        ]
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerows(zip(*columns, strict=True))


@hookimpl
def pypet_register_exporters() -> list[type[Exporter]]:
    """Register CSV."""
    return [CsvExporter]
