"""The versioning feature: commit, refuse, or note the difference, before anything is stored."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pypet.errors import GitDiffError, GitError
from pypet.interfaces import Option, Versioning
from pypet.options.established import established
from pypet.plugins.git.difference import last_commit, make_patch
from pypet.plugins.git.record import (
    add_commit_variables,
    add_difference,
    add_state,
    commit_group,
)
from pypet.plugins.git.repository import WorkTree, open_repository, read_work_tree
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.environment import Environment
    from pypet.trajectory import Trajectory

_logger = logging.getLogger("pypet")

UNFINISHED = {
    "MERGE_HEAD": "merge",
    "CHERRY_PICK_HEAD": "cherry-pick",
    "REVERT_HEAD": "revert",
    "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}
"""Files in the folder of git that tell of something unfinished -> what it is."""
MAX_NAMES = 5


class GitVersioning(Versioning):
    """Pins the code down in a git repository, if ``git_repository`` names one."""

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

    def snapshot(self, environment: Environment) -> str | None:
        """Return the SHA-1 of the new commit, None if there was nothing to commit.

        Raises
        ------
        GitDiffError
            With ``git_fail``: tracked files differ from the last commit, staged or not.
        GitError
            Git could not commit: a hook refused, nobody's name is known, a merge is unfinished,
            the repository cannot be written to or has nothing to commit.
        git.NoSuchPathError, git.InvalidGitRepositoryError
            ``git_repository`` is no repository with a work tree.
        """
        if self._path is None:
            return None
        if self._commits:
            is_new, hexsha = make_git_commit(environment, self._path, self._message, self._fails)
            return hexsha if is_new else None
        _note_difference(environment.trajectory, self._path, fails=self._fails)
        return None


def make_git_commit(
    environment: Environment,
    git_repository: str | os.PathLike[str],
    user_message: str,
    git_fail: bool,
) -> tuple[bool, str]:
    """Commit changes of tracked files and note the commit in the environment's trajectory.

    Returns whether there is a new commit, and the SHA-1 of the last commit. Raises what
    `GitVersioning.snapshot` raises.
    """
    traj = environment.trajectory
    with open_repository(git_repository) as repository:
        state = read_work_tree(repository)
        if git_fail:
            _refuse_changes(repository, state)
        is_new = bool(state.changed or state.conflicts)
        if is_new:
            _commit(repository, _message(traj, user_message))
        elif not last_commit(repository):
            raise GitError(
                f"{repository.working_tree_dir} has no commit yet and no tracked file to commit: "
                "`git add` your code first."
            )
        commit = repository.head.commit
        add_commit_variables(traj, commit)
        add_state(traj, commit_group(commit), repository, state)
        _logger.info("The code is %s commit %s.", "new" if is_new else "previous", commit.hexsha)
        _warn_of_submodules(state)
        return is_new, str(commit.hexsha)


def _note_difference(traj: Trajectory, path: str, fails: bool) -> None:
    with open_repository(path) as repository:
        state = read_work_tree(repository)
        if fails:
            _refuse_changes(repository, state)
        git = require("git", plugin="git", extra="git")
        try:
            patch = make_patch(repository)
        except git.GitCommandError as err:
            raise GitError(
                f"git cannot compare the files of {repository.working_tree_dir}: {_reason(err)}"
            ) from err
        if last_commit(repository):
            add_commit_variables(traj, repository.head.commit)
        group = add_difference(traj, repository, patch)
        add_state(traj, group, repository, state)
        _logger.info(
            "The code is commit %s and a difference of %d bytes in `config.%s`.",
            last_commit(repository) or "(none yet)",
            len(patch),
            group,
        )
        _warn_of_submodules(state)


def _refuse_changes(repository: Any, state: WorkTree) -> None:
    if state.uncommitted:
        raise GitDiffError(
            f"{repository.working_tree_dir} has uncommitted changes in "
            f"{_some(state.uncommitted)}: commit them, or leave out git_fail=True."
        )


def _commit(repository: Any, message: str) -> None:
    """Commit all tracked files; if that fails, files, index and HEAD are as they were."""
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


def _message(traj: Trajectory, user_message: str) -> str:
    parts = [f"Trajectory: `{traj.v_name}`", f"Time: `{traj.v_time}`"]
    if traj.v_comment:
        parts.append(f"Comment: `{traj.v_comment}`")
    text = ", ".join(parts)
    return f"{user_message} -- {text}" if user_message else text


def _reason(err: Any) -> str:
    """Return what git wrote to stderr, else the whole error."""
    text = str(err.stderr or "").strip()
    return text.removeprefix("stderr: ").strip("'\n ") or str(err)


def _warn_of_submodules(state: WorkTree) -> None:
    if state.dirty_submodules:
        _logger.warning(
            "Uncommitted changes within submodules are not recorded: %s.",
            _some(state.dirty_submodules),
        )


def _some(paths: tuple[str, ...]) -> str:
    more = len(paths) - MAX_NAMES
    return ", ".join(paths[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")
