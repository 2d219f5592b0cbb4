"""Record the code of an experiment as a git commit, or as a difference to one.

Needs ``pip install "pypet[git]"`` and git. With ``git_commit=False`` the repository is not
changed; `checkout_code` or ``pypet checkout`` restores the code of either kind.
"""

from __future__ import annotations

from pypet.interfaces import Command, Versioning
from pypet.markers import hookimpl
from pypet.plugins.git.checkout import checkout_code
from pypet.plugins.git.command import CHECKOUT
from pypet.plugins.git.record import add_commit_variables
from pypet.plugins.git.versioning import GitVersioning, make_git_commit

__all__ = ["GitVersioning", "add_commit_variables", "checkout_code", "make_git_commit"]


@hookimpl
def pypet_register_versioning() -> list[type[Versioning]]:
    """Register versioning with git."""
    return [GitVersioning]


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet checkout``."""
    return [CHECKOUT]
