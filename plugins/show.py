"""Look into a file of trajectories: ``pypet show FILE [TRAJECTORY]``.

The file may come from anywhere, so nothing that is pickled in it and might run code is loaded,
sizes are limited as with ``unpickle='safe'``, and nothing that a terminal would obey is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from typing import Any

from pypet.errors import (
    DataNotInStorageError,
    PypetError,
    StorageFormatError,
    VersionMismatchError,
)
from pypet.interfaces import Command
from pypet.manager import get_manager
from pypet.markers import hookimpl
from pypet.support.terminal_text import printable, write_lines

UNPICKLE = "safe"
_UNREADABLE = (OSError, PypetError, VersionMismatchError)
"""What says itself what is wrong with a trajectory."""
SHOWN_VALUES = 5
"""Values of a range that are shown."""
SHOWN_WIDTH = 60
"""Characters of a value or a comment."""


def show(arguments: argparse.Namespace) -> int:
    """Write what a file holds, or what is known about one of its trajectories, to stdout.

    The status is 1 if one of several trajectories cannot be read; the others are listed.
    """
    if not os.path.exists(arguments.file):
        raise FileNotFoundError(f"There is no file {arguments.file}.")
    service = _service(arguments.file)
    names = service.trajectory_names()
    if arguments.trajectory is None:
        lines, status = _listing(arguments.file, names)
    elif arguments.trajectory not in names:
        known = ", ".join(names) or "none"
        raise DataNotInStorageError(
            f"There is no trajectory {arguments.trajectory!r} in {arguments.file}; there are: "
            f"{known}."
        )
    else:
        lines = list(_details(_loaded(arguments.file, arguments.trajectory, data=True)))
        status = 0
    write_lines(sys.stdout, lines)
    return status


def _listing(filename: str, names: list[str]) -> tuple[list[str], int]:
    """Return a line about each trajectory, and the status."""
    lines, status = [], 0
    for name in names:
        try:
            lines.append(_summary(filename, name))
        except _UNREADABLE as error:
            lines.append(f"{name}  cannot be shown: {' '.join(str(error).split())}")
            status = 1
    return lines or ["no trajectories"], status


def _service(filename: str) -> Any:
    kind: Any = get_manager().storage_service("hdf5")
    return kind(filename=filename, unpickle=UNPICKLE)


def _loaded(filename: str, name: str, *, data: bool) -> Any:
    # Only here: the command is registered with every start of `pypet`.
    from pypet.pypetconstants import LOAD_DATA, LOAD_NOTHING, LOAD_SKELETON
    from pypet.trajectory import load_trajectory

    skeleton = LOAD_SKELETON if data else LOAD_NOTHING
    try:
        return load_trajectory(
            name,
            filename=filename,
            unpickle=UNPICKLE,
            load_parameters=LOAD_DATA if data else LOAD_NOTHING,
            load_derived_parameters=skeleton,
            load_results=skeleton,
            load_other_data=skeleton,
            force=True,
        )
    except _UNREADABLE:
        raise
    except Exception as error:  # leaves find in it what they cannot make anything of
        what = f"{type(error).__name__}: {error}"
        raise StorageFormatError(f"{name!r} in {filename} cannot be shown: {what}") from error


def _summary(filename: str, name: str) -> str:
    """Return one line about a trajectory."""
    traj = _loaded(filename, name, data=False)
    line = f"{name}  {traj.v_time}  {_runs(traj)}"
    return f"{line}  {_cut(traj.v_comment)}" if traj.v_comment else line


def _details(traj: Any) -> Iterator[str]:
    """Yield lines about a trajectory."""
    yield f"trajectory  {traj.v_name}"
    if traj.v_comment:
        yield f"comment     {_cut(traj.v_comment)}"
    yield f"made        {traj.v_time} by pypet {traj.v_version}"
    yield f"runs        {_runs(traj)}"
    explored = traj.f_get_explored_parameters(copy=False)
    for name, parameter in sorted(explored.items()):
        # Killed between storing the trajectory and its parameters, an experiment lacks them.
        shown = "not stored" if parameter is None else _range(parameter)
        yield f"explored    {name} = {shown}"
    for name, parameter in sorted(traj.f_get_parameters(copy=False).items()):
        if name not in explored:
            yield f"parameter   {name} = {_value(parameter)}"
    for name, count in sorted(_result_names(traj).items()):
        yield f"result      {name}" + (f"  ({count} runs)" if count > 1 else "")


def _runs(traj: Any) -> str:
    completed = sum(traj.f_is_completed(index) for index in range(len(traj)))
    return f"{completed} of {len(traj)} runs completed"


def _range(parameter: Any) -> str:
    values = parameter.f_get_range(copy=False)
    shown = ", ".join(_cut(repr(value)) for value in values[:SHOWN_VALUES])
    return f"[{shown}, ...] ({len(values)} values)" if len(values) > SHOWN_VALUES else f"[{shown}]"


def _value(parameter: Any) -> str:
    return "(empty)" if parameter.f_is_empty() else _cut(parameter.f_val_to_str())


def _result_names(traj: Any) -> dict[str, int]:
    """Return how many runs have a result, by its name, in which ``$`` stands for the run."""
    counts: dict[str, int] = {}
    for name, result in traj.f_get_results(copy=False).items():
        shown = (
            name.replace(result.v_run_branch, "$") if result.v_run_branch != "trajectory" else name
        )
        counts[shown] = counts.get(shown, 0) + 1
    return counts


def _cut(text: str) -> str:
    """Return text in one line, cut if it is long."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= SHOWN_WIDTH else line[: SHOWN_WIDTH - 3] + "..."


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="HDF5 file")
    parser.add_argument("trajectory", nargs="?", help="name of a trajectory; default: list all")


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet show``."""
    return [Command("show", "Show what a file of trajectories holds.", show, _add_arguments)]
