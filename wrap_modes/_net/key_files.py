"""Files for the eyes of one user, by which a secret reaches workers past a channel in the open."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_IS_POSIX = os.name == "posix"
_MAX_BYTES = 4096
_REMEDY = (
    "What workers are sent can be read by others, so the key of the network wrap mode reaches them "
    "by this file, in a folder that all hosts have to see at the same path. Let hosts share the "
    "folder of the experiment's file or the one that the script is started in; or encrypt the "
    "connection to workers (for Dask: TLS, as with security=True); or use wrap_mode='LOCAL'."
)


def write(folders: Iterable[Path], secret: bytes) -> tuple[str, ...]:
    """Write a secret into a new file in each folder that can be written; return their paths.

    Raises
    ------
    OSError
        There is no such folder, or it keeps nothing to one user.
    """
    places: list[str] = []
    refusals: list[str] = []
    for folder in folders:
        path = folder / f".pypet-{secrets.token_hex(8)}.key"
        try:
            _write(path, secret)
        except OSError as error:
            refusals.append(f"{path} ({error.strerror or error})")
        else:
            places.append(str(path))
    if not places:
        raise OSError(f"No key file can be written: {', '.join(refusals)}. {_REMEDY}")
    return tuple(places)


def read(places: Iterable[str]) -> bytes:
    """Return the secret of the first file that is there and is this user's alone.

    Raises
    ------
    PermissionError
        There is none; the message says for each of them why.
    """
    refusals: list[str] = []
    for path in places:
        try:
            return _read(path)
        except OSError as error:
            refusals.append(f"{path} ({error.strerror or error})")
    raise PermissionError(
        f"This worker, process {os.getpid()} on host {_host()}, cannot use the key file "
        f"{' or '.join(refusals)}. {_REMEDY}"
    )


def remove(places: Iterable[str]) -> None:
    """Remove files; those that are gone already do not matter."""
    for path in places:
        with suppress(OSError):
            os.unlink(path)


def _write(path: Path, secret: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, flags, 0o600)
    try:
        with open(descriptor, "wb") as file:
            if _IS_POSIX:
                os.fchmod(descriptor, 0o600)  # default access lists of a folder may add others
                _check(os.fstat(descriptor))  # some file systems know no modes
            file.write(secret)
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        remove([str(path)])
        raise


def _read(path: str) -> bytes:
    # Neither a link nor a pipe that never has an end, whoever has put it there.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with open(os.open(path, flags), "rb") as file:
        if _IS_POSIX:
            _check(os.fstat(file.fileno()))
        return file.read(_MAX_BYTES)


def _check(status: os.stat_result) -> None:
    """Raise PermissionError unless a file is regular and this user's alone."""
    if not stat.S_ISREG(status.st_mode):
        raise PermissionError("it is not a regular file")
    if status.st_uid != os.geteuid():
        raise PermissionError(f"it belongs to user {status.st_uid}, not to {os.geteuid()}")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise PermissionError(f"it has mode {mode:04o}, so that others may use it, not 0600")


def _host() -> str:
    import socket

    return socket.gethostname()
