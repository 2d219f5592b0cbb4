"""Established place of the exceptions; they are defined in `pypet.errors`."""

from pypet.errors import (
    DataNotInStorageError,
    GitDiffError,
    MissingDependencyError,
    NoSuchServiceError,
    NotUniqueNodeError,
    ParameterLockedException,
    PluginError,
    PluginWarning,
    PresettingError,
    PypetError,
    RefusedPickleError,
    StorageFormatError,
    TooManyGroupsError,
    UnknownOptionError,
    UnknownPluginError,
    VersionMismatchError,
)

__all__ = [
    "DataNotInStorageError",
    "GitDiffError",
    "MissingDependencyError",
    "NoSuchServiceError",
    "NotUniqueNodeError",
    "ParameterLockedException",
    "PluginError",
    "PluginWarning",
    "PresettingError",
    "PypetError",
    "RefusedPickleError",
    "StorageFormatError",
    "TooManyGroupsError",
    "UnknownOptionError",
    "UnknownPluginError",
    "VersionMismatchError",
]
