"""Where the files of resumable experiments are."""

from __future__ import annotations

import os
from typing import Any

from pypet.support.filesystem import absolute_path

DEFAULT = "resume"
SNAPSHOT_NAME = "environment.ecnt"


def resume_folder(given: str | os.PathLike[str] | None) -> str:
    """Return the absolute path of the folder with the folders of experiments."""
    return absolute_path(os.path.expanduser(os.fspath(DEFAULT if given is None else given)))


def experiment_folder(parent: str, trajectory_name: Any) -> str:
    """Return the path of the folder of the experiment with a trajectory."""
    return os.path.join(parent, str(trajectory_name))


def snapshot_path(folder: str) -> str:
    """Return the path of the snapshot of an experiment."""
    return os.path.join(folder, SNAPSHOT_NAME)
