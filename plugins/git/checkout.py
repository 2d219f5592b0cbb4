"""Restore the code of an experiment into a folder."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pypet.errors import GitError
from pypet.interfaces import TrajectoryLike
from pypet.plugins.git.difference import Difference
from pypet.plugins.git.record import storable
from pypet.plugins.git.recorded_code import (
    FILES,
    Origin,
    check_paths,
    choose_snapshot,
    find_origins,
    read_difference,
)
from pypet.plugins.git.repository import open_repository
from pypet.plugins.git.temporary_repository import TemporaryRepository, temporary_repository
from pypet.support.optional import require
from pypet.support.readable import joined_and_counted

_logger = logging.getLogger("pypet")

EXECUTABLE = "100755"
"""Mode of executable files in git's index."""
SIZE_LIMIT = 1 << 30
_LEAST_ALLOCATION = 1 << 30
"""What git may need for the files of the commit itself, in bytes."""
_NO_FILTER = frozenset(("unspecified", "unset", "set"))
_SHOWN_NAMES = 5

Entry = tuple[str, str, str]
"""Mode, hash and path of a file."""


def checkout_code(
    traj: TrajectoryLike,
    folder: str | os.PathLike[str],
    repository: str | os.PathLike[str] | None = None,
    snapshot: str | None = None,
    *,
    filters: bool = False,
    size_limit: int = SIZE_LIMIT,
) -> Path:
    """Write the code recorded by a trajectory into a folder and return the folder.

    The trajectory's config must be loaded. ``repository`` is where the commit can be found, by
    default the repository of the current folder. What the trajectory says about its repository is
    only shown, because its origin is unknown. ``snapshot`` names a group below
    ``config.git``; it is needed if there are several.

    Files that were changed come back byte by byte, the others as git checks them out. Line ends
    are converted as they are in the repository; its filters run only with ``filters``, without
    them, files are restored as git stores them, and a warning is logged. Hooks never run.
    Submodules become empty folders. The repository is not changed. ``size_limit`` is in bytes, for
    what the changes may unpack to.

    Raises
    ------
    FileExistsError
        The folder is not empty.
    GitError
        The trajectory remembers no code, several versions, or something that pypet does not
        store; a path would not stay in the folder; the changes are too large; there is no
        repository, or the commit is not in it.
    git.NoSuchPathError, git.InvalidGitRepositoryError
        ``repository`` is not a repository with a work tree.
    """
    target = Path(folder).expanduser().absolute()
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty: name a new folder for the code.")
    origins = find_origins(traj)
    name = choose_snapshot(traj, origins, snapshot)
    difference = read_difference(traj, name, size_limit)
    with _opened(repository, origins[name]) as repo:
        git = require("git", plugin="git", extra="git")
        limit = max(size_limit, _LEAST_ALLOCATION)
        try:
            with temporary_repository(repo, filters=filters, allocation_limit=limit) as temporary:
                _restore(traj, temporary, difference, origins[name], target)
        except git.GitCommandError as err:
            raise GitError(
                f"git cannot restore {difference.base or 'the files'} from "
                f"{repo.working_tree_dir}: {err.stderr}"
            ) from err
    return target


@contextmanager
def _opened(repository: str | os.PathLike[str] | None, origin: Origin) -> Iterator[Any]:
    """Open the given repository, or the one of the current folder."""
    if repository is None:
        repository = os.curdir
        git = require("git", plugin="git", extra="git")
        try:
            with open_repository(repository):
                pass
        except (git.NoSuchPathError, git.InvalidGitRepositoryError) as err:
            raise GitError(
                f"The current folder, {os.getcwd()}, is in no git repository. {_advice(origin)}"
            ) from err
    with open_repository(repository) as repo:
        yield repo


def _advice(origin: Origin) -> str:
    recorded = (
        "The trajectory does not say where it was"
        if origin.repository is None
        else f"The trajectory says that it was at {origin.repository!r}"
    )
    return f"{recorded}; name a repository that you trust with `repository` (`--repository`)."


def _restore(
    traj: TrajectoryLike,
    temporary: TemporaryRepository,
    difference: Difference,
    origin: Origin,
    target: Path,
) -> None:
    """Write the files after checking that all of them stay in the folder."""
    base, patch, unconverted = difference
    _check_commit(temporary, base, origin)
    temporary.git("read-tree", *([base] if base else ["--empty"]))
    if patch:
        (temporary.folder / "patch").write_bytes(patch)
        applied = ("apply", "--cached", "--binary", "--whitespace=nowarn")
        temporary.git(*applied, str(temporary.folder / "patch"))
    entries = list(_entries(temporary))
    check_paths(traj, entries)
    target.mkdir(parents=True, exist_ok=True)
    names = set(unconverted)
    as_they_are = {e for e in entries if e[0] in FILES and storable(e[2]) in names}
    converted = [entry[2] for entry in entries if entry not in as_they_are]
    if not temporary.runs_filters:
        _tell_filters(temporary, converted)
    _write_as_they_are(temporary, as_they_are, target)
    with _listed(temporary, converted) as stream:
        temporary.git(
            "checkout-index", "-z", "--stdin", f"--prefix={target}{os.sep}", istream=stream
        )


def _check_commit(temporary: TemporaryRepository, base: str, origin: Origin) -> None:
    git = require("git", plugin="git", extra="git")
    if not base:
        return
    try:
        temporary.git("cat-file", "-e", f"{base}^{{commit}}")
    except git.GitCommandError as err:
        root = temporary.repository.working_tree_dir
        raise GitError(f"Commit {base} is not in {root}. {_advice(origin)}") from err


def _entries(temporary: TemporaryRepository) -> Iterator[Entry]:
    """Yield mode, hash and path of the files to write."""
    for line in temporary.git("ls-files", "--stage", "-z").split(b"\0"):
        entry, _, path = os.fsdecode(line).partition("\t")
        if path:
            mode, sha, _ = entry.split(" ")
            yield mode, sha, path


def _tell_filters(temporary: TemporaryRepository, paths: Sequence[str]) -> None:
    """Warn about files that a filter would have changed."""
    with _listed(temporary, paths) as stream:
        found = temporary.git("check-attr", "--cached", "-z", "--stdin", "filter", istream=stream)
    words = os.fsdecode(found).split("\0")
    pairs = zip(words[::3], words[2::3], strict=False)
    filtered = [path for path, value in pairs if value not in _NO_FILTER]
    if filtered:
        _logger.warning(
            "These files are restored as git stores them, because no filters were run: %s. If you "
            "trust the filters of the repository, run them with `filters=True` (`--filters`).",
            joined_and_counted(filtered, _SHOWN_NAMES),
        )


@contextmanager
def _listed(temporary: TemporaryRepository, paths: Sequence[str]) -> Iterator[Any]:
    """Write paths to a file for git to read."""
    listing = temporary.folder / "paths"
    listing.write_bytes(b"".join(os.fsencode(path) + b"\0" for path in paths))
    with listing.open("rb") as stream:
        yield stream


def _write_as_they_are(
    temporary: TemporaryRepository, entries: Iterable[Entry], target: Path
) -> None:
    """Write files without any conversion."""
    for mode, sha, path in entries:
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("xb") as stream:
            stream.write(temporary.git("cat-file", "blob", sha))
        if mode == EXECUTABLE:
            file.chmod(file.stat().st_mode | 0o111)
