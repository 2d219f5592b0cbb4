"""Completion of command lines in shells, from the parsers of the commands.

For each completion the script of a shell calls ``pypet completion --candidates INDEX WORD...``,
which also knows commands of other plugins, and names of trajectories and nodes.
Arguments of commands are completed by their names: `FILES` by the shell, ``trajectory``,
``node`` and `COLUMNS` from the file that comes before them, and others from their choices.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pypet.cli.app import build_parser
from pypet.manager import get_manager

FILES = frozenset(
    ("a", "b", "file", "folder", "filename", "output", "path", "resume_folder", "source", "to")
)
"""Names of arguments that are files or folders."""
TRAJECTORY, NODE = "trajectory", "node"
COLUMNS = frozenset(("columns", "sort"))
"""Names of options that take columns of the table of runs."""
_SAFE = re.compile(r"[\w.-]+")
"""Names that are offered: others could be anything to a shell, and files may be anybody's."""


class Candidates(NamedTuple):
    """What a word may become."""

    words: tuple[str, ...]
    with_files: bool = False
    """Files and folders are possible, too; the shell knows them."""


def complete(words: Sequence[str], index: int) -> Candidates:
    """Return the candidates for a word of a command line.

    ``words`` begin with the name of the program; the one at ``index`` is to be completed, and may
    be missing. Raises what reading a file raises.
    """
    current = words[index] if index < len(words) else ""
    before = list(words[1:index])
    if not before:
        names = [command.name for command in get_manager().commands()]
        return _fitting([*sorted(names), "--help", "--version"], current)
    state = _State(_parser_of(before[0]), before[1:])
    if state.pending is None and current.startswith("-"):
        options = state.parser._option_string_actions
        shown = [name for name in options if options[name].help is not argparse.SUPPRESS]
        return _fitting(sorted(shown), current)
    action = state.pending or state.next_positional()
    if action is None:
        return Candidates(())
    if action.choices is not None:
        return _fitting([str(choice) for choice in action.choices], current)
    if action.dest in FILES:
        return Candidates((), with_files=True)
    file = next(iter(state.positionals), None)
    if action.dest == TRAJECTORY and file is not None:
        return _fitting(_trajectories(file), current)
    if action.dest == NODE and len(state.positionals) > 1:
        return _fitting(_nodes(file or "", state.positionals[1], current), current)
    if action.dest in COLUMNS and file is not None:
        before_name, comma, name = current.rpartition(",")
        found = _fitting(_columns(file, state.positionals[1:2]), name).words
        return Candidates(tuple(f"{before_name}{comma}{each}" for each in found))
    return Candidates(())


def _parser_of(name: str) -> argparse.ArgumentParser:
    parser = build_parser((get_manager().command(name),))
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found: argparse.ArgumentParser = action.choices[name]
            return found
    raise AssertionError("the parser has no commands")


class _State:
    """What the words of a command line are, as far as they are typed."""

    def __init__(self, parser: argparse.ArgumentParser, words: Sequence[str]) -> None:
        self.parser = parser
        self.positionals: list[str] = []
        self.pending: argparse.Action | None = None
        """The option whose value is next."""
        for word in words:
            if self.pending is not None:
                self.pending = None
            elif word.startswith("-") and len(word) > 1:
                action = parser._option_string_actions.get(word)
                takes_value = action is not None and action.nargs in (None, "?")
                self.pending = action if takes_value else None
            else:
                self.positionals.append(word)

    def next_positional(self) -> argparse.Action | None:
        """Return the positional argument that comes next."""
        actions = self.parser._get_positional_actions()
        return actions[len(self.positionals)] if len(self.positionals) < len(actions) else None


def _fitting(candidates: Sequence[str], current: str) -> Candidates:
    return Candidates(
        tuple(each for each in candidates if each.startswith(current) and _SAFE.fullmatch(each))
    )


def _trajectories(file: str) -> list[str]:
    from pypet.catalog import service_for

    names: list[str] = service_for(file).trajectory_names()
    return names


def _columns(file: str, trajectory: Sequence[str]) -> list[str]:
    """Return the columns that the first run has."""
    from pypet.tables import read_table

    source = (file, trajectory[0] if trajectory else None)
    return list(read_table(source, runs=(0,), objects=True).columns)


def _nodes(file: str, trajectory: str, current: str) -> list[str]:
    """Return the full names of the nodes in the group that a name has so far."""
    return list(_children(file, trajectory, current.rpartition(".")[0]))


def _children(file: str, trajectory: str, group: str) -> Iterator[str]:
    from pypet.catalog import described_node

    for child in described_node(file, trajectory, group).children:
        yield child.name
