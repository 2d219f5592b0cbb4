"""A temporary repository that reads the objects of another one but none of its settings.

The settings of a repository and of the user name programs that git runs while it writes files:
filters, hooks, file system monitors, programs that fetch missing objects of a partial clone. The
temporary repository has no such settings.
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


class TemporaryRepository(NamedTuple):
    """Runs git with an index, an empty work tree and new objects in a separate folder."""

    repository: Any
    """The repository whose objects are read."""
    folder: Path
    env: dict[str, str]
    settings: tuple[str, ...]
    runs_filters: bool

    def git(self, *arguments: str, **options: Any) -> bytes:
        """Return the output of a git command.

        Raises
        ------
        git.GitCommandError
            The command failed.
        """
        at = ("-C", str(self.folder / "empty"))
        return read_bytes(self.repository, *at, *self.settings, *arguments, env=self.env, **options)


@contextmanager
def temporary_repository(
    repository: Any, *, filters: bool, allocation_limit: int
) -> Iterator[TemporaryRepository]:
    """Create a temporary repository with the objects of another one, which is not changed.

    With ``filters`` the settings of the other repository apply, so that its filters run; hooks and
    monitors never do. ``allocation_limit`` limits single allocations of git, in bytes.
    """
    with separate_index(repository) as (folder, env):
        (folder / "empty").mkdir()
        env |= {"GIT_WORK_TREE": str(folder / "empty"), "GIT_ALLOC_LIMIT": str(allocation_limit)}
        if filters:
            env["GIT_DIR"] = str(repository.git_dir)
            yield TemporaryRepository(repository, folder, env, _GUARDED, runs_filters=True)
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
        yield TemporaryRepository(repository, folder, env, settings, runs_filters=False)


def _conversions(repository: Any) -> tuple[str, ...]:
    """Return the user's settings for line ends as arguments of git."""
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
