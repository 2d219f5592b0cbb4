"""Resolving the ``filename`` argument to the path of the file."""

from __future__ import annotations

import os

from pypet.support.filesystem import absolute_path, working_folder

DEFAULT_NAME = "Experiments"
EXTENSION = ".hdf5"
DEFAULT_FOLDER = "hdf5"
_MOST_SHOWN = 5


def resolve_filename(filename: str | os.PathLike[str] | None, trajectory: str | None) -> str:
    """Return the absolute path of the file for a trajectory of that name.

    Without ``filename`` that is ``hdf5/<trajectory>.hdf5`` in the working directory, or
    ``Experiments.hdf5`` there if the trajectory is not known either. A folder, or a path that
    ends in a separator, gets ``<trajectory>.hdf5`` (``Experiments.hdf5``) inside.

    Raises
    ------
    FileNotFoundError
        The working directory was deleted.
    """
    name = (DEFAULT_NAME if trajectory is None else trajectory) + EXTENSION
    if filename is None:
        folder = "" if trajectory is None else DEFAULT_FOLDER
        return os.path.join(working_folder(), folder, name)
    path = os.path.expanduser(os.fspath(filename))
    if path.endswith(("/", os.sep)) or os.path.isdir(path):
        path = os.path.join(path, name)
    return absolute_path(path)


def default_title(trajectory: str | None) -> str:
    """Return the default title of a file."""
    return DEFAULT_NAME if trajectory is None else trajectory


def advice_on(missing: str) -> str:
    """Return a sentence, after a space, listing files next to a missing one; ``''`` if none."""
    folder, name = os.path.split(missing)
    try:
        beside = os.listdir(folder)
    except OSError:
        return ""
    extension = os.path.splitext(name)[1]
    others = sorted(other for other in beside if extension and other.endswith(extension))
    if not others:
        return ""
    shown = ", ".join(others[:_MOST_SHOWN]) + (", ..." if len(others) > _MOST_SHOWN else "")
    return f" In that folder are: {shown}."
