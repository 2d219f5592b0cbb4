"""The command line: its sub-commands are features of plugins."""

from pypet.cli.app import main

__all__ = ["main"]
