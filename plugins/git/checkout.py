"""Bring back the code of an experiment into a folder."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pypet.errors import GitError
from pypet.plugins.git.difference import Difference, read_entries
from pypet.plugins.git.record import CODE, storable
from pypet.plugins.git.repository import open_repository, read_bytes, separate_index
from pypet.support.optional import require

if TYPE_CHECKING:
    from pypet.trajectory import Trajectory

EXECUTABLE = "100755"
"""Mode of executable files in git's index."""


def checkout_code(
    traj: Trajectory,
    folder: str | os.PathLike[str],
    repository: str | os.PathLike[str] | None = None,
    snapshot: str | None = None,
) -> Path:
    """Write the code that a trajectory remembers into a folder and return it.

    The trajectory's config must be loaded. ``repository`` is where the commit can be found, by
    default where it was. ``snapshot`` names a group below ``config.git``; it is needed if there
    are several. Files that were changed come back byte by byte, the others as git checks them out
    (line ends, filters). Submodules become empty folders. The repository is not changed.

    Raises
    ------
    FileExistsError
        The folder is not empty.
    GitError
        The trajectory remembers no code, several versions, or no repository; the commit is not in
        the repository.
    git.NoSuchPathError, git.InvalidGitRepositoryError
        There is no repository.
    """
    target = Path(folder).expanduser().absolute()
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty: name a new folder for the code.")
    origins = _origins(traj)
    name = _choose(traj, origins, snapshot)
    if repository is None:
        repository = origins[name].repository
    if repository is None:
        raise GitError(
            f"Trajectory `{traj.v_name}` does not know where the repository of `{name}` was: "
            "name it with `repository`."
        )
    difference = _read(traj, name)
    with open_repository(repository) as repo:
        git = require("git", plugin="git", extra="git")
        try:
            _restore(repo, difference, target)
        except git.GitCommandError as err:
            raise GitError(
                f"git cannot restore {difference.base or 'the files'} from {repository}: "
                f"{err.stderr}"
            ) from err
    return target


def _restore(repository: Any, difference: Difference, target: Path) -> None:
    """Write the files with an index of its own."""
    root = repository.working_tree_dir
    base, patch, unconverted = difference
    with separate_index(repository) as (scratch, env):
        read_bytes(repository, "read-tree", *([base] if base else ["--empty"]), env=env)
        if patch:
            (scratch / "patch").write_bytes(patch)
            applied = ("apply", "--cached", "--binary", "--whitespace=nowarn")
            read_bytes(repository, "-C", root, *applied, str(scratch / "patch"), env=env)
        target.mkdir(parents=True, exist_ok=True)
        if unconverted:
            _write_unconverted(repository, set(unconverted), target, env)
        written = ("checkout-index", "--all", f"--prefix={target}{os.sep}")
        read_bytes(repository, "-C", root, *written, env=env)


def _write_unconverted(repository: Any, names: set[str], target: Path, env: dict[str, str]) -> None:
    """Write files as the patch holds them, and take them out of the index."""
    root = repository.working_tree_dir
    for mode, sha, path in list(read_entries(repository, ["."], env)):
        if storable(path) not in names:
            continue
        removed = ("update-index", "--force-remove", "--", path)
        read_bytes(repository, "-C", root, *removed, env=env)
        file = target / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(read_bytes(repository, "cat-file", "blob", sha, env=env))
        if mode == EXECUTABLE:
            file.chmod(file.stat().st_mode | 0o111)


class _Origin(NamedTuple):
    """Where a group below ``config.git`` comes from, as far as is known."""

    repository: str | None = None
    environment: str | None = None


def _origins(traj: Trajectory) -> dict[str, _Origin]:
    """Return the groups below ``config.git`` with code to restore.

    Without environments that refer to them (an established pypet wrote the trajectory) these are
    all commits.
    """
    if not traj.f_contains("config.git", shortcuts=False):
        raise GitError(f"Trajectory `{traj.v_name}` remembers no code: it ran without git.")
    groups = traj.f_get("config.git").f_get_groups()
    found: dict[str, _Origin] = {}
    environments = traj.f_get_default("config.environment", shortcuts=False)
    for name in environments.f_get_groups() if environments is not None else ():
        code = f"config.environment.{name}.{CODE}"
        if traj.f_contains(f"{code}.snapshot", shortcuts=False):
            group = str(traj.f_get(f"{code}.snapshot", fast_access=True))
            if group in groups:
                repository = str(traj.f_get(f"{code}.repository", fast_access=True))
                found[group] = _Origin(repository, str(name))
    return found or {str(name): _Origin() for name in groups}


def _choose(traj: Trajectory, origins: Mapping[str, _Origin], snapshot: str | None) -> str:
    """Return the group to restore; a commit that is the base of a difference does not count."""
    if snapshot is None and len(origins) == 1:
        return next(iter(origins))
    if snapshot in origins:
        return str(snapshot)
    asked = "several versions" if snapshot is None else f"no `{snapshot}`"
    names = (
        f"{name} (of {origin.environment})" if origin.environment else name
        for name, origin in sorted(origins.items())
    )
    raise GitError(
        f"Trajectory `{traj.v_name}` remembers {asked}; name one of: {', '.join(names)}."
    )


def _read(traj: Trajectory, name: str) -> Difference:
    """Return the commit to start from, and what to do with it."""
    group = f"config.git.{name}"
    if not traj.f_contains(f"{group}.patch", shortcuts=False):
        return Difference(str(traj.f_get(f"{group}.hexsha", fast_access=True)), b"", ())
    patch = zlib.decompress(traj.f_get(f"{group}.patch", fast_access=True).tobytes())
    base = str(traj.f_get(f"{group}.base", fast_access=True))
    unconverted: tuple[str, ...] = ()
    if traj.f_contains(f"{group}.unconverted", shortcuts=False):
        unconverted = tuple(traj.f_get(f"{group}.unconverted", fast_access=True))
    return Difference(base, patch, unconverted)
