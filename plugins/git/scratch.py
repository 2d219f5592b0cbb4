"""A repository for one moment that reads the objects of another one and none of its settings.

What git runs while it writes files (filters, hooks, file system monitors, programs that fetch what
a partial clone lacks) is named by the settings of a repository and of the user. Here nothing is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from pypet.plugins.git.repository import read_bytes, separate_index
from pypet.support.optional import require

_CONVERSIONS = r"^core\.(autocrlf|eol|attributesfile|symlinks)$"
"""Settings that convert line ends or say where attributes are; none of them names a program."""
_NO_SETTINGS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
}
_GUARDED = (
    *("-c", f"core.hooksPath={os.devnull}", "-c", "core.fsmonitor=false"),
    *("-c", "core.protectHFS=true", "-c", "core.protectNTFS=true"),
)


class Scratch(NamedTuple):
    """Runs git with an index, an empty work tree and new objects in a folder of its own."""

    repository: Any
    """The one whose objects are read."""
    folder: Path
    env: dict[str, str]
    settings: tuple[str, ...]
    runs_filters: bool

    def git(self, *arguments: str, **options: Any) -> bytes:
        """Return what a git command writes to stdout.

        Raises
        ------
        git.GitCommandError
            The command failed.
        """
        at = ("-C", str(self.folder / "empty"))
        return read_bytes(self.repository, *at, *self.settings, *arguments, env=self.env, **options)


@contextmanager
def scratch_repository(
    repository: Any, *, filters: bool, allocation_limit: int
) -> Iterator[Scratch]:
    """Give what writes files from the objects of a repository, without a write to it.

    With ``filters`` the settings of the repository count, so that its filters run; hooks and
    monitors never do. ``allocation_limit`` is in bytes, for single allocations of git.
    """
    with separate_index(repository) as (folder, env):
        (folder / "empty").mkdir()
        env |= {"GIT_WORK_TREE": str(folder / "empty"), "GIT_ALLOC_LIMIT": str(allocation_limit)}
        if filters:
            env["GIT_DIR"] = str(repository.git_dir)
            yield Scratch(repository, folder, env, _GUARDED, runs_filters=True)
            return
        root = repository.working_tree_dir
        form = read_bytes(repository, "-C", root, "rev-parse", "--show-object-format").decode()
        making = ("init", "--quiet", "--template=", f"--object-format={form.strip()}")
        read_bytes(repository, *making, str(folder / "own"), env=_NO_SETTINGS)
        own = folder / "own" / ".git"
        attributes = Path(repository.common_dir) / "info" / "attributes"
        if attributes.is_file():
            (own / "info").mkdir(exist_ok=True)
            (own / "info" / "attributes").write_bytes(attributes.read_bytes())
        env |= {**_NO_SETTINGS, "GIT_DIR": str(own)}
        settings = (*_conversions(repository), *_GUARDED)
        yield Scratch(repository, folder, env, settings, runs_filters=False)


def _conversions(repository: Any) -> tuple[str, ...]:
    """Return how the user wants line ends, as arguments of git."""
    git = require("git", plugin="git", extra="git")
    listing = ("config", "--null", "--get-regexp", _CONVERSIONS)
    try:
        found = read_bytes(repository, "-C", repository.working_tree_dir, *listing)
    except git.GitCommandError as err:
        if err.status == 1:  # there are none
            return ()
        raise
    arguments: list[str] = []
    for entry in os.fsdecode(found).split("\0"):
        if entry:
            name, is_given, value = entry.partition("\n")
            arguments += ["-c", f"{name}={value}" if is_given else name]
    return tuple(arguments)
