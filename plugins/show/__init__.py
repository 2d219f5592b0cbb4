"""Look into files of trajectories: ``pypet show FILE [TRAJECTORY]`` and ``pypet show FOLDER``.

Files may be of unknown origin or damaged. No node is created, pickles are loaded only if they
cannot run code, sizes are limited as with ``unpickle='safe'``, and output is escaped for
terminals. Text and JSON are made from the same description (`description`).
"""

from pypet.interfaces import Command
from pypet.markers import hookimpl
from pypet.plugins.show.command import SHOW

__all__ = ["pypet_register_commands"]


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet show``."""
    return [SHOW]
