"""The conformance suite of exporters: give ``exporter`` and implement `read`."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from pypet.errors import CommandError
from pypet.interfaces import Exporter
from pypet.tables import Column, RunTable, export_table

_TEXT = 'a "b",\nü \u2028'
_VALUES: dict[str, Any] = {
    "whole": np.array([1, -(2**53), 3]),
    "real": np.array([0.1, 1e300, -5e-324]),
    "text": np.array([_TEXT, "", "plain"]),
    "flag": np.array([True, False, True]),
}


class ExporterConformance:
    """What every format keeps of a table, and what it does with the rest."""

    exporter: ClassVar[type[Exporter]]

    @abstractmethod
    def read(self, path: Path) -> dict[str, list[Any]]:
        """Return what is in a file by name of the column, one value a run in their order.

        None stands for a missing value where the format has such. Numbers and truth values may
        be text that Python reads as such.
        """

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Where to write to."""
        return tmp_path / f"table{self.exporter.file_extensions[0]}"

    def table(self, **columns: Any) -> RunTable:
        """Return a table with results; a pair is values and which of them are missing."""
        made = {"run": Column("run", np.arange(3), np.zeros(3, np.bool_), "run", full_name="run")}
        for name, given in columns.items():
            values, missing = given if isinstance(given, tuple) else (given, [False] * 3)
            made[name] = Column(name, values, np.array(missing), "result", full_name=name)
        return RunTable("conformance", np.arange(3), made, "a comment")

    def test_endings_of_files_are_lower_case_with_a_dot(self) -> None:
        assert self.exporter.file_extensions
        for ending in self.exporter.file_extensions:
            assert ending.startswith(".")
            assert ending == ending.lower()

    @pytest.mark.parametrize("name", _VALUES)
    def test_values_come_back(self, path: Path, name: str) -> None:
        values = _VALUES[name]
        assert self._write(self.table(column=values), path) == self.exporter.name
        read = self.read(path)["column"]
        kind = type(values.tolist()[0])
        if kind is bool:
            assert [str(value).lower() for value in read] == ["true", "false", "true"]
        else:
            assert [kind(value) for value in read] == values.tolist()

    @pytest.mark.parametrize("name", ["whole", "real"])
    def test_a_missing_number_is_no_number(self, path: Path, name: str) -> None:
        values = _VALUES[name].copy()
        values[1] = np.nan if values.dtype.kind == "f" else 0  # as `Column` has it
        self._write(self.table(column=(values, [False, True, False])), path)
        first, missing, last = self.read(path)["column"]
        assert missing is None or missing == "" or missing != missing
        assert [float(first), float(last)] == _VALUES[name][[0, 2]].astype(float).tolist()

    def test_arrays_are_kept_or_refused_by_name(self, path: Path) -> None:
        values = np.empty(3, object)
        for row in range(3):
            values[row] = np.arange(4.0) + row
        table = self.table(traces=values)
        if self.exporter.keeps_arrays:
            self._write(table, path)
            read = [np.asarray(each).tolist() for each in self.read(path)["traces"]]
            assert read == [each.tolist() for each in values]
        else:
            with pytest.raises(CommandError, match="traces"):
                self._write(table, path)
            assert not path.exists()

    def test_what_is_there_is_only_replaced_on_request(self, path: Path) -> None:
        self._write(self.table(column=_VALUES["whole"]), path)
        with pytest.raises(FileExistsError):
            self._write(self.table(column=_VALUES["real"]), path)
        export_table(self.table(other=_VALUES["real"]), path, overwrite=True)
        assert "column" not in self.read(path)
        assert [each.name for each in path.parent.iterdir()] == [path.name]

    def _write(self, table: RunTable, path: Path) -> str:
        return export_table(table, path, file_format=self.exporter.name)
