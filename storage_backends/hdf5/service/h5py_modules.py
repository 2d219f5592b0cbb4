"""The modules of the layers below that need h5py, imported when they are first needed."""

from __future__ import annotations

import functools
from typing import Any

from pypet.support.optional import require


@functools.cache
def compression() -> Any:
    """Return the module of filters; MissingDependencyError without h5py."""
    require("h5py", plugin="hdf5", extra="hdf5")
    from pypet.storage_backends.hdf5.compression import filters

    return filters


@functools.cache
def file_memory() -> Any:
    """Return the module that knows what was found out about files."""
    from pypet.storage_backends.hdf5.files import file_memory

    return file_memory


@functools.cache
def handles() -> Any:
    """Return the module of open files."""
    from pypet.storage_backends.hdf5.files import handles

    return handles


@functools.cache
def identity() -> Any:
    """Return the module that tells the file of an experiment from others."""
    from pypet.storage_backends.hdf5.files import identity

    return identity


@functools.cache
def listing() -> Any:
    """Return the module that knows the trajectories of a file."""
    from pypet.storage_backends.hdf5.trajectories import listing

    return listing


@functools.cache
def store() -> Any:
    """Return the module that applies requests."""
    from pypet.storage_backends.hdf5.service import store

    return store


@functools.cache
def transfers() -> Any:
    """Return the module that copies and deletes trajectories."""
    from pypet.storage_backends.hdf5.trajectories import transfers

    return transfers
