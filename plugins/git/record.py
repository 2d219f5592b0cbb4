"""The record of the code in a trajectory.

Below ``config.git`` there is a group for each commit and each difference, which experiments may
share. Below ``config.environment.<name>.code`` each experiment names its group, the path of the
repository, and untracked files.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import Any, NamedTuple

import numpy as np

from pypet.interfaces import TrajectoryLike
from pypet.leaves import ArrayParameter
from pypet.plugins.git.difference import Difference
from pypet.support.time_format import format_time

SHORT_HEXSHA_LENGTH = 7
CODE = "code"
"""Group of what belongs to one experiment, below the group of its environment."""


class Snapshot(NamedTuple):
    """State of the repository at the start of an experiment."""

    group: str
    """Name of the group below ``config.git`` that holds the code."""
    repository: str
    """Root of the work tree."""
    untracked: tuple[str, ...]
    left_out: tuple[str, ...]
    submodules: tuple[str, ...]
    dirty_submodules: tuple[str, ...]


def add_commit_variables(traj: TrajectoryLike, commit: Any) -> None:
    """Add the config of a commit once: hexsha, name_rev, committed_date and message.

    ``commit`` is GitPython's; ``committed_date`` is in seconds since the epoch. The group is
    ``config.git.commit_<7 characters of the SHA-1>_<local time of the commit>``.
    """
    group = f"git.{commit_group(commit)}"
    if traj.f_contains(f"config.{group}", shortcuts=False):
        return
    for name, value, comment in (
        ("hexsha", commit.hexsha, "SHA-1 of the commit."),
        ("name_rev", commit.name_rev, "SHA-1 and a name that leads to the commit."),
        ("committed_date", int(commit.committed_date), "Seconds since the epoch."),
        ("message", str(commit.message), "Message of the commit."),
    ):
        traj.f_add_config(f"{group}.{name}", value, comment=comment)


def commit_group(commit: Any) -> str:
    """Return the name of the group of a commit, below ``config.git``."""
    time = format_time(commit.committed_date)
    return f"commit_{commit.hexsha[:SHORT_HEXSHA_LENGTH]}_{time}"


def add_difference(traj: TrajectoryLike, difference: Difference) -> str:
    """Add a difference, once; return the name of its group below ``config.git``.

    The patch is stored zlib-compressed, as uint8.
    """
    base, patch, unconverted = difference
    content = os.fsencode("\0".join((base, *unconverted, ""))) + patch
    digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
    name = f"diff_{digest[:SHORT_HEXSHA_LENGTH]}"
    group = f"git.{name}"
    if traj.f_contains(f"config.{group}", shortcuts=False):
        return name
    packed = np.frombuffer(zlib.compress(patch, 9), dtype=np.uint8)
    traj.f_add_config(
        ArrayParameter, f"{group}.patch", packed, comment="zlib-compressed binary git patch."
    )
    traj.f_add_config(f"{group}.base", base, comment="SHA-1 of the commit to patch.")
    if unconverted:
        comment = "Files in the patch to be written without git's conversions."
        traj.f_add_config(f"{group}.unconverted", storable(unconverted), comment=comment)
    return name


def add_snapshot(traj: TrajectoryLike, environment_name: str, snapshot: Snapshot) -> None:
    """Add a snapshot below the group of an environment, without empty lists."""
    group = f"environment.{environment_name}.{CODE}"
    for name, value, comment in (
        ("snapshot", snapshot.group, "Group below config.git with the code of the experiment."),
        ("repository", snapshot.repository, "Root of the work tree."),
        ("untracked", snapshot.untracked, "Files that git does not know and does not ignore."),
        ("left_out", snapshot.left_out, "Untracked files and repositories not in the difference."),
        ("submodules", snapshot.submodules, "Flag, commit and path of each submodule."),
        ("dirty_submodules", snapshot.dirty_submodules, "Submodules with uncommitted changes."),
    ):
        if value and not traj.f_contains(f"config.{group}.{name}", shortcuts=False):
            traj.f_add_config(f"{group}.{name}", storable(value), comment=comment)


def storable(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Escape bytes of file names that are not UTF-8."""
    if isinstance(value, tuple):
        return tuple(str(storable(item)) for item in value)
    return value.encode("utf-8", "backslashreplace").decode()
