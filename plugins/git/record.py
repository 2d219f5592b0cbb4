"""What a trajectory remembers about its code, below ``config.git``."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from pypet.leaves import ArrayParameter
from pypet.plugins.git.difference import last_commit
from pypet.plugins.git.repository import WorkTree, read_submodules
from pypet.support.run_text import format_time

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

SHORT_HEXSHA_LENGTH = 7


def add_commit_variables(traj: Trajectory, commit: Any) -> None:
    """Add what identifies a commit, once: hexsha, name_rev, committed_date and message.

    ``commit`` is GitPython's; ``committed_date`` is in seconds since the epoch. The group is
    ``config.git.commit_<7 characters of the SHA-1>_<local time of the commit>``.
    """
    group = commit_group(commit)
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
    """Return the name of the group of a commit, below ``config``."""
    time = format_time(commit.committed_date)
    return f"git.commit_{commit.hexsha[:SHORT_HEXSHA_LENGTH]}_{time}"


def add_difference(traj: Trajectory, repository: Any, patch: bytes) -> str:
    """Add the patch, the commit it starts from and the repository; return the group's name.

    ``patch`` is stored zlib-compressed, as uint8. ``base`` is empty if there is no commit yet.
    """
    base = last_commit(repository)
    digest = hashlib.sha1(base.encode() + patch, usedforsecurity=False).hexdigest()
    group = f"git.diff_{digest[:SHORT_HEXSHA_LENGTH]}"
    if not traj.f_contains(f"config.{group}", shortcuts=False):
        packed = np.frombuffer(zlib.compress(patch, 9), dtype=np.uint8)
        traj.f_add_config(
            ArrayParameter, f"{group}.patch", packed, comment="zlib-compressed binary git patch."
        )
        traj.f_add_config(f"{group}.base", base, comment="SHA-1 of the commit to patch.")
    return group


def add_state(traj: Trajectory, group: str, repository: Any, state: WorkTree) -> None:
    """Add the root of the repository and, where there are any, untracked files and submodules."""
    for name, value, comment in (
        ("repository", str(repository.working_tree_dir), "Root of the work tree."),
        ("untracked", state.untracked, "Files that git does not know and does not ignore."),
        ("submodules", read_submodules(repository), "Flag, commit and path of each submodule."),
        ("dirty_submodules", state.dirty_submodules, "Submodules with uncommitted changes."),
    ):
        full_name = f"config.{group}.{name}"
        if value and not traj.f_contains(full_name, shortcuts=False):
            traj.f_add_config(f"{group}.{name}", _storable(value), comment=comment)


def _storable(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    """Write bytes of file names that are no UTF-8 as escapes."""
    if isinstance(value, tuple):
        return tuple(str(_storable(item)) for item in value)
    return value.encode("utf-8", "backslashreplace").decode()
