"""Tables as files of other programs, by the exporters of plugins."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from pypet.errors import CommandError
from pypet.manager import get_manager
from pypet.tables.column import is_scalar

if TYPE_CHECKING:
    from pypet.interfaces import Exporter
    from pypet.tables.run_table import RunTable


def exporter_for(path: str | os.PathLike[str], file_format: str | None = None) -> type[Exporter]:
    """Return what writes a file: the exporter of this name, or the one for the file's ending.

    Raises
    ------
    CommandError
        No exporter has such files; the message lists those that are there.
    MissingDependencyError
        A package is not installed; the message says how to install it.
    UnknownPluginError
        There is no exporter of this name.
    """
    manager = get_manager()
    if file_format is not None:
        return manager.exporter(file_format)
    extension = os.path.splitext(os.fspath(path).rstrip("/"))[1].lower()
    name = manager.exporter_of_file(extension) if extension else None
    if name is None:
        known = ", ".join(
            f"{ending} ({name})"
            for name, endings in manager.exporter_extensions().items()
            for ending in endings
        )
        raise CommandError(
            f"The ending {extension!r} of {os.fspath(path)} says no format. Known are: {known}."
        )
    return manager.exporter(name)


def export_table(
    table: RunTable,
    path: str | os.PathLike[str],
    *,
    file_format: str | None = None,
    overwrite: bool = False,
) -> str:
    """Write a table to a file, or a folder where the format is one; return the format's name.

    The file is complete or not there: it is written under another name beside it first.

    Parameters
    ----------
    table
        From `pypet.tables.read_table`.
    path
        Where to; the ending chooses the format unless ``file_format`` names it.
    file_format
        ``'csv'``, ``'json'``, ``'parquet'``, ``'netcdf'``, ``'zarr'``, or that of a plugin.
    overwrite
        Replace what is there.

    Raises
    ------
    FileExistsError
        There is something already, and ``overwrite`` is not given.
    FileNotFoundError
        There is no folder for it.
    CommandError
        The ending says no format, or the format cannot keep a column.
    MissingDependencyError
        A package is not installed; the message says how to install it.
    OSError
        The file cannot be written.
    """
    kind = exporter_for(path, file_format)
    target = os.path.abspath(path)
    if os.path.lexists(target) and not overwrite:
        raise FileExistsError(f"{os.fspath(path)} exists already.")
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(
            f"{os.fspath(path)} cannot be written: there is no folder {folder}."
        )
    unfinished = f"{target}.{os.getpid()}.part"
    try:
        kind().write(table, unfinished)
        if os.path.isdir(target) and not os.path.islink(target):
            shutil.rmtree(target)
        os.replace(unfinished, target)
    except (TypeError, ValueError) as error:
        raise CommandError(f"No {kind.name} file can be written: {error}") from error
    finally:
        if os.path.isdir(unfinished):
            shutil.rmtree(unfinished)
        with suppress(FileNotFoundError):
            os.remove(unfinished)
    return kind.name


def check_scalars(table: RunTable, advice: str) -> None:
    """Check that columns hold scalars, for formats that know nothing else.

    Raises
    ------
    TypeError
        A column has an array or another object; the message ends with ``advice``.
    """
    for name, column in table.columns.items():
        if column.values.dtype.kind != "O":
            continue
        for run, value, missing in zip(
            table.indices.tolist(), column.values, column.missing, strict=True
        ):
            if not missing and not is_scalar(value):
                raise TypeError(
                    f"column {name!r} has a {type(value).__name__} in run {run}; {advice}."
                )
