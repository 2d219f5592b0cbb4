"""Store trajectories in HDF5 files that PyTables and pypet 0.x can read.

Needs ``pip install "pypet[hdf5]"``. Nodes, arrays and tables are written with h5py, pandas
objects by pandas through PyTables.
"""

from __future__ import annotations

from pypet.interfaces.storage import StorageService
from pypet.markers import hookimpl
from pypet.storage_backends.hdf5.service.compacting import compact_hdf5_file
from pypet.storage_backends.hdf5.service.service import HDF5StorageService

__all__ = ["HDF5StorageService", "compact_hdf5_file"]


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Give the HDF5 service."""
    return [HDF5StorageService]
