"""Look into files of trajectories: ``pypet show FILE [TRAJECTORY]`` and ``pypet show FOLDER``.

A file may come from anywhere and be damaged, so no node of it is made, nothing that is pickled in
it and might run code is loaded, sizes are limited as with ``unpickle='safe'``, and nothing that a
terminal would obey is printed. Text and JSON come from the same description (`description`).
"""

from pypet.interfaces import Command
from pypet.markers import hookimpl
from pypet.plugins.show.command import SHOW

__all__ = ["pypet_register_commands"]


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet show``."""
    return [SHOW]
