"""State of a work tree relative to its last commit, read without changing the repository."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from pypet.errors import MissingDependencyError
from pypet.support.git_environment import without_git_environment
from pypet.support.optional import require

UNCHANGED = "."


class WorkTree(NamedTuple):
    """Paths are relative to the root of the work tree; see ``git help status``, porcelain v2."""

    changed: tuple[str, ...]
    """Tracked files that differ from the last commit and that a commit would take."""
    conflicts: tuple[str, ...]
    """Files with unresolved conflicts of an unfinished merge."""
    dirty_submodules: tuple[str, ...]
    """Submodules with changes of their own that no commit of this repository can hold."""
    untracked: tuple[str, ...]
    """Files that git does not know and does not ignore."""

    @property
    def uncommitted(self) -> tuple[str, ...]:
        """All uncommitted changes of tracked files."""
        return tuple(sorted({*self.changed, *self.conflicts, *self.dirty_submodules}))


@contextmanager
def open_repository(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open the repository whose work tree contains the path, as GitPython's ``Repo``.

    ``~`` is expanded. Environment variables of a git that started this process are hidden until
    the repository is closed.

    Raises
    ------
    git.NoSuchPathError, git.InvalidGitRepositoryError
        The path does not exist, is in no repository, or the repository has no work tree.
    MissingDependencyError
        GitPython or git itself is not installed.
    """
    git = _gitpython()
    with without_git_environment(), _found(git, path) as repository:
        if repository.bare:
            raise git.InvalidGitRepositoryError(f"{path} is bare: it has no files to commit.")
        # `git status` would otherwise refresh the index, which is a write.
        repository.git.update_environment(GIT_OPTIONAL_LOCKS="0")
        yield repository


def _found(git: Any, path: str | os.PathLike[str]) -> Any:
    try:
        return git.Repo(Path(path).expanduser(), search_parent_directories=True)
    except (git.NoSuchPathError, git.InvalidGitRepositoryError) as err:
        err.add_note(
            f"pypet: `{os.fspath(path)}` is not in the work tree of a git repository. Name the "
            "folder that holds your code, or make a repository there with `git init`."
        )
        raise


def _gitpython() -> Any:
    try:
        return require("git", plugin="git", extra="git")
    except MissingDependencyError as err:
        if shutil.which("git") is not None or type(err.__cause__) is not ImportError:
            raise
        # GitPython is there, but looks for the program while it is imported.
        raise MissingDependencyError(
            "git_repository needs the program git: install it or add its folder to PATH."
        ) from err


def read_work_tree(repository: Any) -> WorkTree:
    """Return the differences between work tree and last commit, staged or not."""
    changed, conflicts, submodules, untracked = [], [], [], []
    for line in read_bytes(
        repository,
        *("status", "--porcelain=v2", "-z", "--no-renames"),
        *("--untracked-files=all", "--ignore-submodules=none"),
    ).split(b"\0"):
        kind, _, rest = os.fsdecode(line).partition(" ")
        if kind == "?":
            untracked.append(rest)
        elif kind == "u":
            conflicts.append(rest.split(" ", 9)[-1])
        elif kind == "1":
            states, submodule, *_, path = rest.split(" ", 7)
            is_submodule = submodule.startswith("S")
            if is_submodule and submodule[2] == "M":
                submodules.append(path)
            if states[0] != UNCHANGED or not is_submodule or submodule[1] == "C":
                changed.append(path)
    return WorkTree(tuple(changed), tuple(conflicts), tuple(submodules), tuple(untracked))


def read_submodules(repository: Any) -> tuple[str, ...]:
    """Return lines of ``git submodule status``: a flag, the checked-out commit, and the path.

    The flag is empty, ``-`` (not checked out), ``+`` (another commit than recorded), or ``U``
    (conflicts).
    """
    if not (Path(repository.working_tree_dir) / ".gitmodules").is_file():
        return ()
    lines = os.fsdecode(read_bytes(repository, "submodule", "status")).splitlines()
    return tuple(line.strip() for line in lines)


def read_bytes(repository: Any, *arguments: str, **options: Any) -> bytes:
    """Return the exact output of a git command."""
    output: bytes = repository.git.execute(
        ["git", *arguments],
        stdout_as_string=False,
        strip_newline_in_stdout=False,
        **options,
    )
    return output


@contextmanager
def separate_index(repository: Any) -> Iterator[tuple[Path, dict[str, str]]]:
    """Create a folder with a separate index and object store, and the environment for git.

    With this environment, commands read the repository and write to the folder, which is removed
    afterwards. Source: ``git help git``, GIT_INDEX_FILE and GIT_OBJECT_DIRECTORY.
    """
    with TemporaryDirectory(prefix="pypet-git-") as name:
        folder = Path(name)
        (folder / "objects").mkdir()
        yield (
            folder,
            {
                "GIT_INDEX_FILE": str(folder / "index"),
                "GIT_OBJECT_DIRECTORY": str(folder / "objects"),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(Path(repository.common_dir) / "objects"),
            },
        )


LARGE_BYTES = 10_000_000
"""Larger files are considered data, not code."""


class Untracked(NamedTuple):
    """Untracked files, as paths relative to the root of the work tree, without ignored ones."""

    paths: tuple[str, ...]
    """All untracked files; paths with a trailing slash are separate repositories."""
    large: dict[str, int]
    """Files larger than `LARGE_BYTES` -> size in bytes, the largest first."""

    @property
    def repositories(self) -> tuple[str, ...]:
        """Folders that are separate repositories, whose files git does not list."""
        return tuple(path for path in self.paths if path.endswith("/"))

    @property
    def left_out(self) -> tuple[str, ...]:
        """Paths that no difference includes."""
        return (*self.large, *self.repositories)


def measure_untracked(root: Path, paths: tuple[str, ...]) -> Untracked:
    """Return untracked files with the sizes of large ones."""
    sizes = {path: _size(root / path) for path in paths}
    large = sorted((path for path in paths if sizes[path] > LARGE_BYTES), key=lambda p: -sizes[p])
    return Untracked(paths, {path: sizes[path] for path in large})


def _size(path: Path) -> int:
    """Return the size in bytes; 0 for folders, links and vanished files."""
    try:
        return path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
    except OSError:
        return 0
