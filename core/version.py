"""The version of pypet, in the one place that packaging reads too."""

__version__ = "1.0.0"
