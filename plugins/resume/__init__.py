"""Resumable experiments: a run is whole or absent, whatever is killed.

With ``resumable=True`` runs store into a journal in the resume folder, and the storage gets what
they have committed. `Environment.resume` executes the runs that were not committed. Needs
``pip install "pypet[resume]"``.
"""

from __future__ import annotations

from pypet.interfaces import Command, Journal
from pypet.markers import hookimpl
from pypet.plugins.resume.commands import COMMANDS
from pypet.plugins.resume.experiment_journal import ExperimentJournal

__all__ = ["ExperimentJournal"]


@hookimpl
def pypet_register_journals() -> list[type[Journal]]:
    """Register the journal in files."""
    return [ExperimentJournal]


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet status``, ``pypet resume``, ``pypet verify`` and ``pypet repair``."""
    return COMMANDS
