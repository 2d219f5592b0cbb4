"""``pypet checkout``: the code of an experiment on the command line."""

from __future__ import annotations

import argparse
import os
import sys

from pypet.cli.arguments import add_json, whole_number
from pypet.errors import GitError, PypetError, VersionMismatchError
from pypet.interfaces import Command
from pypet.plugins.git.checkout import SIZE_LIMIT, checkout_code
from pypet.support.optional import require


def _run(arguments: argparse.Namespace) -> int:
    """Load the config of the trajectory and write its code into the folder."""
    # Only here: the command is registered with every start of `pypet`.
    from pypet.services.storage_choice import service_of_file, service_to_read
    from pypet.trajectory import load_trajectory

    service = service_to_read(arguments.file)  # the file may be of unknown origin
    if os.path.isdir(arguments.file) and service_of_file(arguments.file) is None:
        raise IsADirectoryError(f"{arguments.file} is a folder: name a file in it.")
    try:
        traj = load_trajectory(
            arguments.trajectory,
            storage_service=service,
            load_parameters=2,
            load_derived_parameters=0,
            load_results=0,
            load_other_data=0,
        )
    except (OSError, PypetError, VersionMismatchError):
        raise
    except Exception as err:  # damaged data makes leaves raise various types
        raise GitError(f"{arguments.file}: {err}") from err
    git = require("git", plugin="git", extra="git")
    try:
        folder = checkout_code(
            traj,
            arguments.folder,
            arguments.repository,
            arguments.snapshot,
            filters=arguments.filters,
            size_limit=arguments.size_limit,
        )
    except (git.NoSuchPathError, git.InvalidGitRepositoryError) as err:
        raise GitError(
            f"There is no repository {err}: name another one with --repository."
        ) from err
    if arguments.json:
        from pypet.cli.output import write_json

        write_json(path=arguments.file, trajectory=arguments.trajectory, folder=str(folder))
    else:
        sys.stdout.write(f"{folder}\n")
    return 0


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="file with the trajectory")
    parser.add_argument("trajectory", help="name of the trajectory")
    parser.add_argument("folder", help="new folder for the code")
    parser.add_argument(
        "--repository", help="where its commit is; default: the repository of the current folder"
    )
    parser.add_argument("--snapshot", help="group below config.git, if there are several")
    parser.add_argument(
        "--filters", action="store_true", help="run the filters of the repository, if you trust it"
    )
    parser.add_argument(
        "--size-limit",
        type=whole_number("number of bytes, such as 1000000"),
        default=SIZE_LIMIT,
        metavar="BYTES",
        help="what the changes may unpack to; default: %(default)s",
    )
    add_json(parser)


CHECKOUT = Command("checkout", "Restore the code of an experiment.", _run, _add_arguments)
