"""Results over the explored parameters as netCDF files and Zarr stores, through xarray.

Need ``pip install "pypet[netcdf]"`` and ``pip install "pypet[zarr]"``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pypet.interfaces import Exporter
from pypet.markers import hookimpl

if TYPE_CHECKING:
    from pypet.tables import RunTable


class NetcdfExporter(Exporter):
    """Writes the dataset of `pypet.Trajectory.f_to_xarray` as netCDF 4."""

    name: ClassVar[str] = "netcdf"
    requires: ClassVar[tuple[str, ...]] = ("xarray", "h5netcdf")
    extra: ClassVar[str | None] = "netcdf"
    file_extensions: ClassVar[tuple[str, ...]] = (".nc", ".netcdf")
    keeps_arrays: ClassVar[bool] = True

    def write(self, table: RunTable, path: str) -> None:
        """Write a table; see `Exporter.write`."""
        _dataset(table).to_netcdf(path, engine="h5netcdf")


class ZarrExporter(Exporter):
    """Writes the dataset of `pypet.Trajectory.f_to_xarray` as a Zarr store, a folder."""

    name: ClassVar[str] = "zarr"
    requires: ClassVar[tuple[str, ...]] = ("xarray", "zarr")
    extra: ClassVar[str | None] = "zarr"
    file_extensions: ClassVar[tuple[str, ...]] = (".zarr",)
    keeps_arrays: ClassVar[bool] = True

    def write(self, table: RunTable, path: str) -> None:
        """Write a table; see `Exporter.write`."""
        _dataset(table).to_zarr(path, consolidated=False)


def _dataset(table: RunTable) -> Any:
    """Return the dataset with all text as objects, of which both formats make variable-length text.

    Fixed-length text has no specification in Zarr 3.
    """
    from pypet.tables.datasets import to_dataset

    dataset = to_dataset(table)
    for name, variable in dataset.variables.items():
        if variable.dtype.kind in "OU":
            dataset[name] = variable.copy(data=_texts(variable.values, str(name)))
    return dataset


def _texts(values: Any, name: str) -> Any:
    """Return text, or objects that are text or missing, as objects that are text."""
    objects = values.astype(object)
    flat = objects.reshape(-1)
    for position, value in enumerate(flat.tolist()):
        if value is None or value != value:  # missing, as NaN
            flat[position] = ""
        elif not isinstance(value, str):
            raise TypeError(f"column {name!r} has values of several types")
    return flat.reshape(objects.shape)


@hookimpl
def pypet_register_exporters() -> list[type[Exporter]]:
    """Register netCDF and Zarr."""
    return [NetcdfExporter, ZarrExporter]
