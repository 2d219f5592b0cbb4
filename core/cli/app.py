"""The ``pypet`` command: finds the plugin that gives the sub-command and runs it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Sequence

from pypet import errors
from pypet.cli.messages import messages_on_stderr, open_missing_streams, write_stderr
from pypet.interfaces import Command
from pypet.manager import PluginManager, get_manager
from pypet.version import __version__

PROGRAM = "pypet"
STATUS_ERROR = 1
STATUS_INTERRUPTED = 130  # as shells report a process that SIGINT ended

EXPECTED_ERRORS: tuple[type[Exception], ...] = (
    OSError,
    *(
        item
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, Exception) and not issubclass(item, Warning)
    ),
)
"""Errors shown as one line on stderr; any other is a bug and shows its traceback."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; ``argv`` is without the program's name.

    Raises
    ------
    SystemExit
        The arguments are wrong, or help or the version was asked for.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_missing_streams()
    try:
        with messages_on_stderr():
            status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has exited, as in `pypet plugins | head`. Without the null device the
        # interpreter would report an error when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return STATUS_ERROR
    except EXPECTED_ERRORS as err:
        write_stderr(f"{PROGRAM}: error: {' '.join(str(err).split())}")
        return STATUS_ERROR
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return STATUS_INTERRUPTED
    return status


def _run(arguments: list[str]) -> int:
    manager = get_manager()
    parser = build_parser(_needed_commands(manager, arguments))
    chosen, unknown = parser.parse_known_args(arguments)
    if unknown:  # the parser of the sub-command prints the right usage
        chosen._parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    command: Command | None = chosen.command
    if command is None:
        parser.print_help()
        return 0
    return command.run(chosen)


def _needed_commands(manager: PluginManager, arguments: list[str]) -> Iterable[Command]:
    """Return only the called command, to load no other plugin, or all for help."""
    if arguments and not arguments[0].startswith("-"):
        return (manager.command(arguments[0]),)
    if "--version" in arguments:
        return ()
    return manager.commands()


def build_parser(commands: Iterable[Command]) -> argparse.ArgumentParser:
    """Return the parser of ``pypet`` with sub-commands."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM, description="Inspect, compare, export and resume experiments."
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.set_defaults(command=None, _parser=parser)
    subparsers = parser.add_subparsers(title="commands", metavar="<command>")
    for command in commands:
        sub = subparsers.add_parser(
            command.name, help=command.help, description=command.help, allow_abbrev=False
        )
        if command.add_arguments is not None:
            command.add_arguments(sub)
        sub.set_defaults(command=command, _parser=sub)
    return parser
