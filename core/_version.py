"""Established place of the version."""

from pypet.version import __version__

__all__ = ["__version__"]
