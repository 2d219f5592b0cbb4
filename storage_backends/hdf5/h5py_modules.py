"""The modules of this package that need h5py, imported when they are first needed."""

from __future__ import annotations

from typing import Any


def files() -> Any:
    """Return the module of open files."""
    from pypet.storage_backends.hdf5 import files

    return files


def store() -> Any:
    """Return the module that applies requests."""
    from pypet.storage_backends.hdf5 import store

    return store


def transfers() -> Any:
    """Return the module that copies and deletes trajectories."""
    from pypet.storage_backends.hdf5 import transfers

    return transfers
