"""The difference between the last commit and the files, as a patch that git can apply."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from pypet.plugins.git.repository import Untracked, WorkTree, read_bytes, separate_index

PATCH = (
    *("diff-index", "--cached", "--patch", "--binary", "--full-index", "--no-renames"),
    *("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"),
)
ARGUMENTS = 200
"""Paths in one command line; there are systems that take 32,000 characters."""
LITERAL = {"GIT_LITERAL_PATHSPECS": "1"}
"""Environment in which ``*`` in a path is just a character."""


class Difference(NamedTuple):
    """A patch that turns the files of a commit into those of the work tree."""

    base: str
    """SHA-1 of the commit; empty if there is none yet."""
    patch: bytes
    """A binary-safe patch, untracked files included."""
    unconverted: tuple[str, ...]
    """Files that the patch holds byte by byte, because what git converts (line ends, filters)
    would not come back as it was."""


def make_difference(repository: Any, state: WorkTree, untracked: Untracked) -> Difference:
    """Return the difference between the last commit and the files, untracked ones included.

    It excludes ignored files, large untracked files and untracked repositories; a submodule is
    represented by its commit. Without any commit, the patch starts from an empty tree. The
    repository is not changed.
    """
    with separate_index(repository) as (folder, env):
        index = Path(repository.git_dir) / "index"
        if index.exists():
            # The cached times and sizes save git from reading files that did not change.
            shutil.copy2(index, folder / "index")
        root = repository.working_tree_dir
        _add_all(repository, untracked.left_out, folder, env)
        left_out = frozenset(untracked.left_out)
        added = (p for p in (*state.uncommitted, *untracked.paths) if p not in left_out)
        files = [path for path in added if _is_file(Path(root) / path)]
        unconverted = tuple(_changed_by_git(repository, files, folder, env))
        _take_as_they_are(repository, unconverted, env)
        empty = ("hash-object", "-t", "tree", os.devnull)
        base = last_commit(repository)
        start = base or read_bytes(repository, *empty).decode().strip()
        patch = read_bytes(repository, "-C", root, *PATCH, start, "--", env=env)
        return Difference(base, patch, unconverted)


def last_commit(repository: Any) -> str:
    """Return the SHA-1 of HEAD, ``''`` without any commit."""
    return str(repository.head.commit.hexsha) if repository.head.is_valid() else ""


def read_entries(
    repository: Any, paths: Iterable[str], env: dict[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield mode, SHA-1 and path of the files in the index given by ``env``."""
    listing = ("-C", repository.working_tree_dir, "ls-files", "--stage", "-z", "--")
    for part in _parts(paths):
        for line in read_bytes(repository, *listing, *part, env=env | LITERAL).split(b"\0"):
            entry, _, path = os.fsdecode(line).partition("\t")
            if path:
                mode, sha, _ = entry.split(" ")
                yield mode, sha, path


def _add_all(repository: Any, left_out: tuple[str, ...], folder: Path, env: dict[str, str]) -> None:
    """Update the index to the work tree."""
    wanted = folder / "wanted"
    excluded = (b":(exclude,literal)" + os.fsencode(path) for path in left_out)
    wanted.write_bytes(b"\0".join((b".", *excluded)))
    adding = ("add", "--all", f"--pathspec-from-file={wanted}", "--pathspec-file-nul")
    read_bytes(repository, "-C", repository.working_tree_dir, *adding, env=env)


def _changed_by_git(
    repository: Any, files: list[str], folder: Path, env: dict[str, str]
) -> Iterator[str]:
    """Yield the files whose content would differ after a checkout."""
    if not files:
        return
    root = Path(repository.working_tree_dir)
    names, tree = folder / "names", folder / "tree"
    names.write_bytes(b"\0".join(os.fsencode(path) for path in files))
    written = ("checkout-index", "-z", "--stdin", f"--prefix={tree}{os.sep}")
    with names.open("rb") as stream:
        # A failing filter omits its file, which git could not restore either.
        read_bytes(
            *(repository, "-C", str(root), *written),
            env=env,
            istream=stream,
            with_exceptions=False,
        )
    for path in files:
        there = tree / path
        if not there.exists() or not filecmp.cmp(root / path, there, shallow=False):
            yield path


def _take_as_they_are(repository: Any, paths: tuple[str, ...], env: dict[str, str]) -> None:
    """Add the exact bytes of files to the index, without git's conversions."""
    root = repository.working_tree_dir
    for part in _parts(paths):
        writing = ("hash-object", "-w", "--no-filters", "--", *part)
        shas = read_bytes(repository, "-C", root, *writing, env=env).decode().split()
        taken = dict(zip(part, shas, strict=True))
        entries = [
            f"{mode},{taken[path]},{path}"
            for mode, _, path in read_entries(repository, part, env)
            if path in taken
        ]
        update = [word for entry in entries for word in ("--cacheinfo", entry)]
        read_bytes(repository, "-C", root, "update-index", *update, env=env)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _parts(paths: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield the paths in batches that fit in a command line."""
    iterator = iter(paths)
    while part := tuple(islice(iterator, ARGUMENTS)):
        yield part
