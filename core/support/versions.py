"""Versions of Python, and of packages that affect stored data."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

from pypet.version import __version__

NOT_AVAILABLE = "N/A"

_DISTRIBUTIONS = {
    "scipy": "scipy",
    "numpy": "numpy",
    "PyTables": "tables",
    "pandas": "pandas",
    "Sumatra": "Sumatra",
    "dill": "dill",
    "GitPython": "GitPython",
    "psutil": "psutil",
}


def collect_versions() -> dict[str, str]:
    """Return the versions of pypet, Python, the platform and packages, ``'N/A'`` if missing.

    Versions come from the metadata of distributions; no package is imported. The version of HDF5 is
    known only if h5py or PyTables is imported already.
    """
    versions = {"pypet": __version__, "python": platform.python_version()}
    versions.update((key, _distribution_version(name)) for key, name in _DISTRIBUTIONS.items())
    versions["platform"] = _platform_text()
    versions["HDF5"] = _hdf5_version()
    return versions


def _distribution_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return NOT_AVAILABLE


def _platform_text() -> str:
    """Return the fields of ``uname`` except the last, for which some systems start a process."""
    uname = platform.uname()
    return ", ".join((uname.system, uname.node, uname.release, uname.version, uname.machine))


def _hdf5_version() -> str:
    """Return the version of the HDF5 library in this process; each wheel includes its own."""
    h5py = sys.modules.get("h5py")
    if h5py is not None:
        return str(h5py.version.hdf5_version)
    tables = sys.modules.get("tables")
    if tables is not None:
        return str(tables.hdf5_version)
    return NOT_AVAILABLE
