"""The versioning feature: commit changes, reject them, or record the difference."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from pypet.errors import GitDiffError, GitError
from pypet.interfaces import EnvironmentLike, Option, TrajectoryLike, Versioning
from pypet.options.established import established
from pypet.plugins.git.difference import last_commit, make_difference
from pypet.plugins.git.record import (
    Snapshot,
    add_commit_variables,
    add_difference,
    add_snapshot,
    commit_group,
)
from pypet.plugins.git.repository import (
    LARGE_BYTES,
    Untracked,
    WorkTree,
    measure_untracked,
    open_repository,
    read_bytes,
    read_submodules,
    read_work_tree,
)
from pypet.support.optional import require
from pypet.support.readable import joined_and_counted

_logger = logging.getLogger("pypet")

UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}
"""Files in the folder of git -> the unfinished operation they indicate."""
MAX_NAMES = 5


class SnapshotResult(NamedTuple):
    """Result of a snapshot, kept until the environment has a name and log files."""

    snapshot: Snapshot
    untracked: Untracked
    head: str
    """SHA-1 of the last commit, ``''`` without any."""
    new_commit: str | None
    """SHA-1 of the commit made for the experiment, if there is one."""
    news: str
    """Message for the log."""
    size: int = 0
    """Length of the difference, in bytes."""


class GitVersioning(Versioning):
    """Records the code in a git repository, if ``git_repository`` names one."""

    name: ClassVar[str] = "git"
    requires: ClassVar[tuple[str, ...]] = ("git",)
    extra: ClassVar[str | None] = "git"
    options: ClassVar[tuple[Option, ...]] = established(
        "git_repository", "git_message", "git_fail", "git_commit"
    )

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._path = options["git_repository"]
        self._message = options["git_message"]
        self._fails = bool(options["git_fail"])
        self._commits = bool(options["git_commit"])
        self._found: SnapshotResult | None = None

    def snapshot(self, environment: EnvironmentLike) -> str | None:
        """Return the SHA-1 of the new commit, None if there was nothing to commit.

        Raises
        ------
        GitDiffError
            With ``git_fail``: tracked files differ from the last commit, staged or not.
        GitError
            Git could not commit: a hook refused, the user is not configured, a merge is unfinished,
            the repository cannot be written to or has nothing to commit.
        git.NoSuchPathError, git.InvalidGitRepositoryError
            ``git_repository`` is not a repository with a work tree.
        """
        if self._path is None:
            return None
        traj = environment.trajectory
        with open_repository(self._path) as repository:
            if self._commits:
                self._found = _commit_code(traj, repository, self._message, fails=self._fails)
            else:
                self._found = _note_difference(traj, repository, fails=self._fails)
        return self._found.new_commit

    def environment_named(self, environment: EnvironmentLike) -> None:
        """Record and log the snapshot."""
        if self._found is not None:
            _tell(environment, self._found)
            self._found = None


def make_git_commit(
    environment: EnvironmentLike,
    git_repository: str | os.PathLike[str],
    user_message: str,
    git_fail: bool,
) -> tuple[bool, str]:
    """Commit changes of tracked files and record the commit in the environment's trajectory.

    Returns whether there is a new commit, and the SHA-1 of the last commit. Raises what
    `GitVersioning.snapshot` raises.
    """
    with open_repository(git_repository) as repository:
        found = _commit_code(environment.trajectory, repository, user_message, fails=git_fail)
    _tell(environment, found)
    return found.new_commit is not None, found.head


def _commit_code(
    traj: TrajectoryLike, repository: Any, user_message: str, *, fails: bool
) -> SnapshotResult:
    state = read_work_tree(repository)
    if fails:
        _refuse_changes(repository, state)
    is_new = bool(state.changed or state.conflicts) and _differs(repository)
    if is_new:
        _commit(repository, _message(traj, user_message))
    elif not last_commit(repository):
        raise GitError(
            f"{repository.working_tree_dir} has no commit yet and no tracked file to commit: "
            "`git add` your code first."
        )
    commit = repository.head.commit
    add_commit_variables(traj, commit)
    head = str(commit.hexsha)
    untracked = measure_untracked(Path(repository.working_tree_dir), state.untracked)
    return SnapshotResult(
        _snapshot(repository, state, commit_group(commit)),
        untracked,
        head=head,
        new_commit=head if is_new else None,
        news=f"The code is {'new' if is_new else 'previous'} commit {head}.",
    )


def _note_difference(traj: TrajectoryLike, repository: Any, *, fails: bool) -> SnapshotResult:
    state = read_work_tree(repository)
    if fails:
        _refuse_changes(repository, state)
    git = require("git", plugin="git", extra="git")
    untracked = measure_untracked(Path(repository.working_tree_dir), state.untracked)
    try:
        difference = make_difference(repository, state, untracked)
    except git.GitCommandError as err:
        raise GitError(
            f"git cannot compare the files of {repository.working_tree_dir}: {_reason(err)}"
        ) from err
    if difference.base:
        add_commit_variables(traj, repository.head.commit)
    group = add_difference(traj, difference)
    return SnapshotResult(
        _snapshot(repository, state, group, left_out=untracked.left_out),
        untracked,
        head=difference.base,
        new_commit=None,
        news=f"The code is commit {difference.base or '(none yet)'} and a difference of "
        f"{len(difference.patch)} bytes in `config.git.{group}`.",
        size=len(difference.patch),
    )


def _snapshot(
    repository: Any, state: WorkTree, group: str, left_out: tuple[str, ...] = ()
) -> Snapshot:
    return Snapshot(
        group=group,
        repository=str(repository.working_tree_dir),
        untracked=state.untracked,
        left_out=left_out,
        submodules=read_submodules(repository),
        dirty_submodules=state.dirty_submodules,
    )


def _tell(environment: EnvironmentLike, found: SnapshotResult) -> None:
    """Record the snapshot below the group of the environment, and log its messages."""
    add_snapshot(environment.trajectory, environment.name, found.snapshot)
    _logger.info("%s", found.news)
    dirty, untracked = found.snapshot.dirty_submodules, found.untracked
    if dirty:
        _logger.warning("Uncommitted changes within submodules are not recorded: %s.", _some(dirty))
    if untracked.large:
        sizes = (f"{path} ({size / 1e6:.1f} MB)" for path, size in untracked.large.items())
        _logger.warning(
            "Large untracked files are listed, but not stored with the code: %s. Name data and "
            "results in .gitignore.",
            _some(tuple(sizes)),
        )
    if found.size > LARGE_BYTES:
        _logger.warning(
            "The difference to the last commit has %.1f MB, because of %d untracked files or of "
            "large changes: name data and results in .gitignore.",
            *(found.size / 1e6, len(untracked.paths)),
        )
    if untracked.repositories:
        _logger.warning(
            "Untracked repositories within %s are not recorded: %s.",
            *(found.snapshot.repository, _some(untracked.repositories)),
        )


def _refuse_changes(repository: Any, state: WorkTree) -> None:
    if state.uncommitted:
        raise GitDiffError(
            f"{repository.working_tree_dir} has uncommitted changes in "
            f"{_some(state.uncommitted)}: commit them, or leave out git_fail=True."
        )


def _differs(repository: Any) -> bool:
    """Return whether there is anything to commit: staged changes may be reverted in the files."""
    if not last_commit(repository):
        return True
    comparison = ("diff", "--quiet", "--no-ext-diff", "--ignore-submodules=dirty", "HEAD", "--")
    git = require("git", plugin="git", extra="git")
    try:
        read_bytes(repository, *comparison)
    except git.GitCommandError as err:
        if err.status == 1:
            return True
        raise
    return False


def _commit(repository: Any, message: str) -> None:
    """Commit all tracked files; on failure files, index and HEAD are unchanged."""
    root = repository.working_tree_dir
    for name, what in UNFINISHED.items():
        if (Path(repository.git_dir) / name).exists():
            raise GitError(
                f"A {what} is in progress in {root}: finish or abort it before the experiment."
            )
    git = require("git", plugin="git", extra="git")
    try:
        repository.git.commit("--all", "--quiet", "--message", message)
    except git.GitCommandError as err:
        raise GitError(
            f"git refused to commit the changes in {root}, nothing was run: {_reason(err)}"
        ) from err


def _message(traj: TrajectoryLike, user_message: str) -> str:
    parts = [f"Trajectory: `{traj.v_name}`", f"Time: `{traj.v_time}`"]
    if traj.v_comment:
        parts.append(f"Comment: `{traj.v_comment}`")
    text = ", ".join(parts)
    return f"{user_message} -- {text}" if user_message else text


def _reason(err: Any) -> str:
    """Return git's error output, else the whole error."""
    text = str(err.stderr or "").strip()
    return text.removeprefix("stderr: ").strip("'\n ") or str(err)


def _some(paths: tuple[str, ...]) -> str:
    return joined_and_counted(paths, MAX_NAMES)
