"""Reading and validation of the code recorded in a trajectory.

The trajectory may come from a file of unknown origin: values that are used in commands must have
exactly the expected form, and compressed data a limited size.
"""

from __future__ import annotations

import base64
import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from pypet.errors import GitError
from pypet.interfaces import TrajectoryLike
from pypet.plugins.git.difference import Difference
from pypet.plugins.git.record import CODE

_FULL_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)
_BINARY = re.compile(rb"^(literal|delta) (.*)$", re.MULTILINE)
_NUMBER = re.compile(rb"[0-9]{1,15}")
_DELTA_HEADER_BYTES = 20
"""Sizes before and after, seven bits a byte."""
LINK, FILES = "120000", frozenset(("100644", "100755"))
_SUBMODULE = "160000"
"""Modes in git's index."""


class Origin(NamedTuple):
    """Origin of a group below ``config.git``, as far as known."""

    repository: str | None = None
    environment: str | None = None


def find_origins(traj: TrajectoryLike) -> dict[str, Origin]:
    """Return the groups below ``config.git`` with code to restore.

    Without environments that refer to them (an established pypet wrote the trajectory) these are
    all commits.
    """
    groups = _groups(traj, "config.git")
    if not groups:
        raise GitError(f"Trajectory `{traj.v_name}` has no recorded code: it ran without git.")
    found: dict[str, Origin] = {}
    for name in _groups(traj, "config.environment"):
        code = f"config.environment.{name}.{CODE}"
        if traj.f_contains(f"{code}.snapshot", shortcuts=False):
            group = _text(traj, f"{code}.snapshot")
            if group in groups:
                found[group] = Origin(_text(traj, f"{code}.repository"), name)
    return found or {name: Origin() for name in groups}


def _groups(traj: TrajectoryLike, path: str) -> list[str]:
    """Return the names of groups at a path, which need not be a group."""
    node = traj.f_get_default(path, shortcuts=False)
    return [str(name) for name in node.f_get_groups()] if getattr(node, "v_is_group", 0) else []


def choose_snapshot(
    traj: TrajectoryLike, origins: Mapping[str, Origin], snapshot: str | None
) -> str:
    """Return the group to restore; commits that are the base of a difference do not count."""
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


def read_difference(traj: TrajectoryLike, name: str, size_limit: int) -> Difference:
    """Return the base commit and the difference to apply.

    Raises
    ------
    GitError
        A value is missing or invalid: a wrong type, an abbreviated hash or none at all, a patch
        that expands to more than ``size_limit`` bytes.
    """
    group = f"config.git.{name}"
    if not traj.f_contains(f"{group}.patch", shortcuts=False):
        return Difference(_full_hash(traj, f"{group}.hexsha"), b"", ())
    base = _full_hash(traj, f"{group}.base", or_empty=True)
    unconverted: Any = ()
    if traj.f_contains(f"{group}.unconverted", shortcuts=False):
        unconverted = traj.f_get(f"{group}.unconverted", fast_access=True)
    if type(unconverted) is not tuple or not all(isinstance(path, str) for path in unconverted):
        raise _strange(traj, f"{group}.unconverted", "is not a tuple of names of files")
    return Difference(base, _patch(traj, f"{group}.patch", size_limit), unconverted)


def check_paths(traj: TrajectoryLike, entries: Iterable[tuple[str, str, str]]) -> None:
    """Check that files with these modes, hashes and paths stay in their folder.

    Raises
    ------
    GitError
        A path leads out of the folder, into a ``.git``, or through a symbolic link or a file.
    """
    modes = {path: mode for mode, _, path in entries}
    links = {_folded(path) for path, mode in modes.items() if mode == LINK}
    for path, mode in modes.items():
        parts = path.split("/")
        if mode not in (*FILES, LINK, _SUBMODULE) or not all(map(_is_plain_name, parts)):
            raise _unsafe(traj, path)
        for end in range(1, len(parts)):
            parent = "/".join(parts[:end])
            if parent in modes or _folded(parent) in links:
                raise _unsafe(traj, path)


def _is_plain_name(name: str) -> bool:
    return name not in ("", ".", "..") and name.casefold() != ".git" and "\\" not in name


def _folded(path: str) -> str:
    """Return a name as compared by file systems that ignore case or Unicode normalization."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _unsafe(traj: TrajectoryLike, path: str) -> GitError:
    return GitError(
        f"The code of trajectory `{traj.v_name}` has a file {path!r}, which would not be within "
        "the folder for the code; nothing was written."
    )


def _text(traj: TrajectoryLike, name: str) -> str:
    value = _value(traj, name)
    if not isinstance(value, str):
        raise _strange(traj, name, "is not text")
    return str(value)


def _full_hash(traj: TrajectoryLike, name: str, *, or_empty: bool = False) -> str:
    value = _text(traj, name)
    if not _FULL_HASH.fullmatch(value) and not (or_empty and not value):
        raise _strange(traj, name, f"is {value[:100]!r} and not the full hash of a commit")
    return value


def _value(traj: TrajectoryLike, name: str) -> Any:
    if not traj.f_contains(name, shortcuts=False):
        raise _strange(traj, name, "is missing")
    return traj.f_get(name, fast_access=True)


def _strange(traj: TrajectoryLike, name: str, what: str) -> GitError:
    return GitError(f"The code of trajectory `{traj.v_name}` cannot be restored: `{name}` {what}.")


# ----- the size of a patch ---------------------------------------------------------------------


def _patch(traj: TrajectoryLike, name: str, size_limit: int) -> bytes:
    packed = _value(traj, name)
    if not isinstance(packed, np.ndarray) or packed.dtype != np.uint8:
        raise _strange(traj, name, "holds no bytes")
    unpacking = zlib.decompressobj()
    try:
        patch = unpacking.decompress(packed.tobytes(), size_limit + 1)
        size = max(len(patch), _unpacked_size(patch))
    except (ValueError, zlib.error) as err:
        raise _strange(traj, name, f"is not a compressed patch: {err}") from err
    if size > size_limit:
        raise _strange(
            traj, name, f"makes more than {size_limit} bytes; allow them with `size_limit`"
        )
    if not unpacking.eof:
        raise _strange(traj, name, "is not a compressed patch: its end is missing")
    return patch


def _unpacked_size(patch: bytes) -> int:
    """Return the size of the binary parts of a patch, in bytes, once git has decompressed them."""
    size = 0
    for found in _BINARY.finditer(patch):
        kind, number = found.groups()
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"it has a part of {number[:20]!r} bytes")
        size += int(number)
        if kind == b"delta":
            size += _delta_result(patch, found.end() + 1)
    return size


def _delta_result(patch: bytes, start: int) -> int:
    """Return the size of the result of a delta, from the header of its data.

    Notes
    -----
    `git help gitformat-pack`, "Deltified representation"; lines are a letter for their length and
    base 85.
    """
    unpacking = zlib.decompressobj()
    header = b""
    while len(header) < _DELTA_HEADER_BYTES and not unpacking.eof:
        end = patch.find(b"\n", start)
        line = patch[start : len(patch) if end < 0 else end]
        if not line:
            break
        letter = line[0]
        length = letter - 64 if letter < 97 else letter - 70  # A-Z are 1 to 26, a-z 27 to 52
        raw = base64.b85decode(line[1:])[:length]
        header += unpacking.decompress(unpacking.unconsumed_tail + raw, _DELTA_HEADER_BYTES)
        start += len(line) + 1
    _, position = _varint(header, 0)
    return _varint(header, position)[0]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data):
            raise ValueError("a delta has no sizes")
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if not byte & 0x80:
            return value, position
