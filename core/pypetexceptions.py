"""Established place of the exceptions; they are defined in `pypet.errors`."""

from pypet.errors import (
    DataNotInStorageError,
    GitDiffError,
    MissingDependencyError,
    NoSuchServiceError,
    NotStoredError,
    NotUniqueNodeError,
    ParameterLockedException,
    PluginError,
    PluginWarning,
    PresettingError,
    PypetError,
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
    "NotStoredError",
    "NotUniqueNodeError",
    "ParameterLockedException",
    "PluginError",
    "PluginWarning",
    "PresettingError",
    "PypetError",
    "StorageFormatError",
    "TooManyGroupsError",
    "UnknownOptionError",
    "UnknownPluginError",
    "VersionMismatchError",
]
