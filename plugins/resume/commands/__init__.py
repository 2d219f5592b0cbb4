"""The commands for resumable experiments and for files: status, resume, verify and repair.

Nothing of the commands is imported before one of them is called, as all of them are registered
with every start of ``pypet``.
"""

from __future__ import annotations

import argparse

from pypet.cli.arguments import add_json, whole_number
from pypet.interfaces import Command

WATCH_SECONDS = 2.0

_FOLDER_HELP = "folder with the folders of resumable experiments; default: ./resume"


def _status(arguments: argparse.Namespace) -> int:
    from pypet.plugins.resume.commands.status import status

    return status(arguments)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="HDF5 file, resume folder, or folder of one experiment in it")
    parser.add_argument("trajectory", nargs="?", help="name of a trajectory; default: all")
    add_json(parser)


def _add_status_arguments(parser: argparse.ArgumentParser) -> None:
    _add_place(parser)
    parser.add_argument(
        "--watch",
        nargs="?",
        type=_seconds,
        const=WATCH_SECONDS,
        metavar="SECONDS",
        help=f"again and again until no experiment runs; default: every {WATCH_SECONDS:g} s",
    )
    parser.add_argument(
        "--resume-folder",
        metavar="FOLDER",
        help="folder with the folders of resumable experiments; default: that in which the "
        "experiment was executed, if the file names it, or else ./resume",
    )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a number of seconds; a path stands before --watch"
        ) from None
    if not 0.05 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.05 and 86400 seconds")
    return seconds


STATUS = Command(
    "status",
    "Show the state of experiments and their runs.",
    _status,
    _add_status_arguments,
)


def _resume(arguments: argparse.Namespace) -> int:
    from pypet.plugins.resume.commands.resume import resume

    return resume(arguments)


def _add_resume_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "path", help="folder of an experiment, a resume folder with one, or its main script"
    )
    parser.add_argument("--resume-folder", metavar="FOLDER", help=f"of a script: {_FOLDER_HELP}")
    parser.add_argument(
        "--ncores",
        type=whole_number("number of at least 1", least=1),
        metavar="N",
        help="execute N runs at a time",
    )
    parser.add_argument("--scheduler", metavar="NAME", help="what executes the runs")
    parser.add_argument("--wrap-mode", metavar="MODE", help="how parallel runs share the storage")
    parser.add_argument(
        "--force", action="store_true", help="although the run function or a setting has changed"
    )
    add_json(parser)


RESUME = Command(
    "resume", "Continue an experiment that was interrupted.", _resume, _add_resume_arguments
)


def _verify(arguments: argparse.Namespace) -> int:
    from pypet.plugins.resume.commands.verify import verify

    return verify(arguments)


VERIFY = Command(
    "verify",
    "Check that all data of a file or journal is intact.",
    _verify,
    _add_place,
)


def _repair(arguments: argparse.Namespace) -> int:
    from pypet.plugins.resume.commands.repair import repair

    return repair(arguments)


def _add_repair_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", help="HDF5 file, or folder of the experiment that stores into it")
    parser.add_argument(
        "--resume-folder",
        metavar="FOLDER",
        help=f"of a file: {_FOLDER_HELP}; they are unpickled, so only use your own",
    )
    parser.add_argument(
        "--output", metavar="FILE", help="the new file; default: FILE.repaired.hdf5 beside the file"
    )
    add_json(parser)


REPAIR = Command(
    "repair",
    "Save intact data of a damaged file, and data of a journal, in a new file.",
    _repair,
    _add_repair_arguments,
)

COMMANDS = [STATUS, RESUME, VERIFY, REPAIR]
