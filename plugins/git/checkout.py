"""Bring back the code of an experiment into a folder."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from pypet.errors import GitError
from pypet.plugins.git.repository import open_repository, read_bytes, separate_index
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory


def checkout_code(
    traj: Trajectory,
    folder: str | os.PathLike[str],
    repository: str | os.PathLike[str] | None = None,
    snapshot: str | None = None,
) -> Path:
    """Write the code that a trajectory remembers into a folder and return it.

    The trajectory's config must be loaded. ``repository`` is where the commit can be found, by
    default where it was. ``snapshot`` names a group below ``config.git``; it is needed if there
    are several. Files are what git would check out: a text file whose line ends git converts
    gets those. Submodules become empty folders. The repository is not changed.

    Raises
    ------
    FileExistsError
        The folder is not empty.
    GitError
        The trajectory remembers no code, or several versions; the commit is not in the repository.
    git.NoSuchPathError, git.InvalidGitRepositoryError
        There is no repository.
    """
    target = Path(folder).expanduser().absolute()
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty: name a new folder for the code.")
    name = _choose(traj, snapshot)
    base, patch = _contents(traj, name)
    if repository is None:
        repository = str(traj.f_get(f"config.git.{name}.repository", fast_access=True))
    with open_repository(repository) as repo, separate_index(repo) as (scratch, env):
        git = require("git", plugin="git", extra="git")
        try:
            read_bytes(repo, "read-tree", *([base] if base else ["--empty"]), env=env)
            root = repo.working_tree_dir
            if patch:
                (scratch / "patch").write_bytes(patch)
                applied = ("apply", "--cached", "--binary", "--whitespace=nowarn")
                read_bytes(repo, "-C", root, *applied, str(scratch / "patch"), env=env)
            target.mkdir(parents=True, exist_ok=True)
            written = ("checkout-index", "--all", f"--prefix={target}{os.sep}")
            read_bytes(repo, "-C", root, *written, env=env)
        except git.GitCommandError as err:
            raise GitError(
                f"git cannot restore {base or 'the files'} from {repository}: {err.stderr}"
            ) from err
    return target


def _choose(traj: Trajectory, snapshot: str | None) -> str:
    """Return the group to restore; a commit that is the base of a difference does not count."""
    if not traj.f_contains("config.git", shortcuts=False):
        raise GitError(f"Trajectory `{traj.v_name}` remembers no code: it ran without git.")
    groups = traj.f_get("config.git").f_get_groups()
    names = [name for name in groups if f"{name}.repository" in traj.f_get("config.git")]
    if snapshot is None and len(names) == 1:
        return str(names[0])
    if snapshot in names:
        return str(snapshot)
    asked = "several versions" if snapshot is None else f"no `{snapshot}`"
    raise GitError(
        f"Trajectory `{traj.v_name}` remembers {asked}; name one of: {', '.join(sorted(names))}."
    )


def _contents(traj: Trajectory, name: str) -> tuple[str, bytes]:
    """Return the commit to start from, and the patch to apply to it."""
    group = f"config.git.{name}"
    if traj.f_contains(f"{group}.patch", shortcuts=False):
        patch = zlib.decompress(traj.f_get(f"{group}.patch", fast_access=True).tobytes())
        return str(traj.f_get(f"{group}.base", fast_access=True)), patch
    return str(traj.f_get(f"{group}.hexsha", fast_access=True)), b""
