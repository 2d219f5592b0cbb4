"""A sub-command of ``pypet`` on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


@dataclass(frozen=True, slots=True)
class Command:
    """One sub-command: ``pypet <name> ...``.

    ``add_arguments`` gets the parser of the sub-command. ``run`` gets the parsed arguments and
    returns the exit status; expected errors are raised as exceptions of `pypet.errors` or as
    OSError and end as one line on stderr with status 1.
    """

    name: str
    help: str
    run: Callable[[argparse.Namespace], int]
    add_arguments: Callable[[argparse.ArgumentParser], None] | None = None
