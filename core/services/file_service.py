"""A key-value storage service whose medium is at one place: a file, a folder, or a URL."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, Self

from pypet.services.key_value import KeyValueStorageService


class FileStorageService(KeyValueStorageService):
    """Knows where it stores: `filename`, and beside it other files of the same kind.

    A backend sets ``file_extensions``, whose first one is that of files which are named here, and
    calls ``__init__``. What it holds open, it closes in `release`, and leaves out in
    ``__getstate__``.
    """

    filename: str

    def __init__(
        self,
        filename: str | os.PathLike[str] | None = None,
        trajectory: Any = None,
        *,
        unpickle: str = "trust",
    ) -> None:
        """Note where to store; nothing is created yet.

        ``filename`` may be a folder that does not have the ending itself. The file in it is then
        called like the trajectory, and so is the default in the current folder.
        """
        self.unpickle = unpickle
        self._is_open = False
        self.filename = self._absolute(Path.cwd() if filename is None else filename)
        path = Path(self.filename)
        if not self.is_remote and path.is_dir() and path.suffix not in self.file_extensions:
            name = getattr(trajectory, "v_name", "trajectories")
            self.filename = str(path / f"{name}{self.file_extensions[0]}")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.filename!r}>"

    def __getstate__(self) -> dict[str, Any]:
        """Return what a closed copy needs."""
        return {**super().__getstate__(), "_is_open": False, "is_kept_open": False}

    @property
    def is_remote(self) -> bool:
        """Whether `filename` is a URL."""
        return "://" in self.filename

    @staticmethod
    def _absolute(filename: str | os.PathLike[str]) -> str:
        name = os.fspath(filename)
        return name if "://" in name else str(Path(name).absolute())

    @property
    def is_open(self) -> bool:
        """Whether the storage stays open between messages."""
        return self._is_open

    def open(self) -> None:
        """Keep the storage open from its next use on."""
        self._is_open = True

    def close(self) -> None:
        """Close the storage, which makes everything durable."""
        self._is_open = False
        self.release()

    def release(self) -> None:
        """Close what is open, unless it is in use or to be kept open; by default nothing is."""

    def beside(self, filename: str | None) -> Self:
        """Return the service for another file."""
        if filename is None:
            return self
        other = copy.copy(self)  # closed
        other.filename = self._absolute(filename)
        return other

    def backup_service(self, trajectory: str, filename: str | None) -> Self:
        """Return the service for ``backup_<name of trajectory>`` in the same folder."""
        folder = os.path.dirname(self.filename.rstrip("/"))
        default = f"{folder}/backup_{trajectory}{self.file_extensions[0]}"
        return self.beside(default if filename is None else filename)
