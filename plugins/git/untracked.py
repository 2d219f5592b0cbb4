"""Files that git does not know: which of them can be kept with an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

LARGE_BYTES = 10_000_000
"""Above this size a file is taken for data, not code."""


class Untracked(NamedTuple):
    """Paths relative to the root of the work tree, without those that git ignores."""

    paths: tuple[str, ...]
    """All of them; one that ends in a slash is a repository of its own."""
    large: dict[str, int]
    """Those larger than `LARGE_BYTES` -> size in bytes, the largest first."""

    @property
    def repositories(self) -> tuple[str, ...]:
        """Folders that are repositories of their own, whose files git does not list."""
        return tuple(path for path in self.paths if path.endswith("/"))

    @property
    def left_out(self) -> tuple[str, ...]:
        """What no difference holds."""
        return (*self.large, *self.repositories)


def measure(root: Path, paths: tuple[str, ...]) -> Untracked:
    """Look up the sizes of untracked files."""
    sizes = {path: _size(root / path) for path in paths}
    large = sorted((path for path in paths if sizes[path] > LARGE_BYTES), key=lambda p: -sizes[p])
    return Untracked(paths, {path: sizes[path] for path in large})


def _size(path: Path) -> int:
    """Return the size in bytes; folders, links and what has vanished have none."""
    try:
        return path.lstat().st_size if path.is_file() and not path.is_symlink() else 0
    except OSError:
        return 0
