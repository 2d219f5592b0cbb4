"""All of pypet's exporters pass the suite for exporters."""

from __future__ import annotations

import csv
import json

import pytest

from pypet.plugins.export.csv_files import CsvExporter
from pypet.plugins.export.json_files import JsonExporter
from pypet.plugins.export.parquet import ParquetExporter
from pypet.plugins.export.xarray_files import NetcdfExporter, ZarrExporter
from pypet.testing.exporters import ExporterConformance


class TestCsv(ExporterConformance):
    exporter = CsvExporter

    def read(self, path):
        with open(path, encoding="utf-8", newline="") as file:
            names, *rows = csv.reader(file)
        return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


class TestJson(ExporterConformance):
    exporter = JsonExporter

    def read(self, path):
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {name: [row[name] for row in rows] for name in rows[0]}


class TestParquet(ExporterConformance):
    exporter = ParquetExporter

    def read(self, path):
        return pytest.importorskip("pyarrow.parquet").read_table(path).to_pydict()

    @pytest.fixture(autouse=True)
    def _needs_it(self):
        pytest.importorskip("pyarrow")


class TestNetcdf(ExporterConformance):
    exporter = NetcdfExporter
    options = {"engine": "h5netcdf"}

    @pytest.fixture(autouse=True)
    def _needs_it(self):
        pytest.importorskip("xarray")
        for package in self.exporter.requires:
            pytest.importorskip(package)

    def read(self, path):
        xarray = pytest.importorskip("xarray")
        with xarray.open_dataset(path, **self.options) as dataset:
            return {name: list(each.values) for name, each in dataset.variables.items()}


class TestZarr(TestNetcdf):
    exporter = ZarrExporter
    options = {"engine": "zarr", "consolidated": False}
