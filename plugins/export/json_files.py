"""Tables of runs as JSON files: a list with an object for each run."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.interfaces import Exporter
from pypet.markers import hookimpl

if TYPE_CHECKING:
    from pypet.tables import RunTable


class JsonExporter(Exporter):
    """Writes ``[{"run": 0, "x": 1.5, ...}, ...]``; values that are missing or not finite are null.

    Arrays become nested lists.
    """

    name: ClassVar[str] = "json"
    file_extensions: ClassVar[tuple[str, ...]] = (".json",)
    keeps_arrays: ClassVar[bool] = True

    def write(self, table: RunTable, path: str) -> None:
        """Write a table; see `Exporter.write`."""
        columns = {
            name: [
                None if missing else _plain(value, name)
                for value, missing in zip(
                    column.values.tolist(), column.missing.tolist(), strict=True
                )
            ]
            for name, column in table.columns.items()
        }
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(rows, file, allow_nan=False, indent=1)
            file.write("\n")


def _plain(value: Any, name: str) -> Any:
    """Return a value as `json` writes it."""
    if hasattr(value, "tolist"):  # of numpy
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each, name) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"column {name!r} has values of type {type(value).__name__}")


@hookimpl
def pypet_register_exporters() -> list[type[Exporter]]:
    """Register JSON."""
    return [JsonExporter]
