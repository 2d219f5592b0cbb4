"""The difference between the last commit and the files, as a patch that git can apply."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from pypet.plugins.git.repository import read_bytes, separate_index

PATCH = (
    *("diff-index", "--cached", "--patch", "--binary", "--full-index", "--no-renames"),
    *("--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/"),
)


def make_patch(repository: Any) -> bytes:
    """Return a binary-safe patch from the last commit to the files, untracked ones included.

    Ignored files are left out; a submodule is its commit. Without a commit yet, the patch starts
    from nothing. Nothing is written to the repository.
    """
    with separate_index(repository) as (folder, env):
        index = Path(repository.git_dir) / "index"
        if index.exists():
            # Its notes of times and sizes spare git the reading of files that did not change.
            shutil.copy2(index, folder / "index")
        root = repository.working_tree_dir
        read_bytes(repository, "-C", root, "add", "--all", "--", ".", env=env)
        empty = ("hash-object", "-t", "tree", os.devnull)
        base = last_commit(repository) or read_bytes(repository, *empty).decode().strip()
        return read_bytes(repository, "-C", root, *PATCH, base, "--", env=env)


def last_commit(repository: Any) -> str:
    """Return the SHA-1 of HEAD; empty if there is no commit yet."""
    return str(repository.head.commit.hexsha) if repository.head.is_valid() else ""
