"""The file ``environment.ecnt``: a header that anybody may read, then the pickled experiment.

The header is JSON. To read it, nothing is unpickled and nothing of the user is imported. To read
the payload executes what is pickled: only of files that you trust.

Notes
-----
All numbers are little-endian. `_PREFIX`: a signature of 16 bytes, the version of the format
(uint32) and the CRC-32 of both (uint32); these are the same in all versions. `_LENGTHS`: the
lengths of header and payload in bytes (uint64 each), the SHA-256 of the header, that of the
payload, and the CRC-32 of these four (uint32). Then the header, UTF-8 without any other character
than ASCII ones, then the payload, a pickle (PEP 574), up to the last byte of the file.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import struct
import zlib
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from pypet.errors import MissingDependencyError, PypetError, ResumeError, StorageFormatError
from pypet.plugins.resume.folders import SNAPSHOT_NAME
from pypet.plugins.resume.snapshots.culprits import find_culprit
from pypet.plugins.resume.snapshots.pickling import Pickled, dumps, loads
from pypet.plugins.resume.snapshots.replacing import replace_file
from pypet.plugins.resume.snapshots.scripts import MainScript, current_script

FILE_NAME = SNAPSHOT_NAME
FORMAT_VERSION = 1
PAYLOAD_KEY = "payload"
"""Entry of the header that the container writes itself: how to load the payload."""
ESTABLISHED_START = b"\x80"
"""First byte of a pickle of protocol 2 or later, which the file was before it had a header."""

_SIGNATURE = b"\x89pypet ecnt\r\n\x1a\n\0"
_PREFIX = struct.Struct("<16sI")
_LENGTHS = struct.Struct("<QQ32s32s")
_CHECKSUM = struct.Struct("<I")
_HEADER_START = _PREFIX.size + _LENGTHS.size + 2 * _CHECKSUM.size


class _Layout(NamedTuple):
    header_length: int
    payload_length: int
    header_sha256: bytes
    payload_sha256: bytes


# ----- writing ---------------------------------------------------------------------------------


def write_snapshot(path: str | os.PathLike[str], header: Mapping[str, Any], payload: Any) -> None:
    """Write a snapshot, in place of the one that may be there.

    ``header`` has what JSON can hold. ``payload`` may be anything; give it as a mapping, so that
    errors name the part that cannot be pickled. After a crash there is the old file or the new one,
    each complete.

    Raises
    ------
    ResumeError
        A part of the payload cannot be pickled.
    MissingDependencyError
        A part can only be pickled with dill, which is not installed.
    TypeError, ValueError
        The header is not fit for JSON, or has an entry `PAYLOAD_KEY`.
    OSError
        The file cannot be written; the old one is as it was.
    """
    if PAYLOAD_KEY in header:
        raise ValueError(f"The entry {PAYLOAD_KEY!r} of the header is written by the container.")
    pickled = _pickle(payload)
    script = current_script()
    facts = {
        "pickler": pickled.pickler,
        "python": platform.python_version(),
        "script": None if script is None else script._asdict(),
    }
    text = json.dumps({**header, PAYLOAD_KEY: facts}, indent=1, allow_nan=False).encode("ascii")
    replace_file(path, [_start(text, pickled.data), text, pickled.data])


def _start(header: bytes, payload: bytes) -> bytes:
    prefix = _PREFIX.pack(_SIGNATURE, FORMAT_VERSION)
    lengths = _LENGTHS.pack(len(header), len(payload), _sha256(header), _sha256(payload))
    return prefix + _crc(prefix) + lengths + _crc(lengths)


def _pickle(payload: Any) -> Pickled:
    try:
        return dumps(payload)
    except Exception as refusal:
        culprit = find_culprit(payload, dumps)
        if culprit is None:  # parts can be pickled, but not together
            raise ResumeError(
                "The experiment cannot be made resumable: it cannot be pickled as a whole "
                f"({type(refusal).__name__}: {refusal})."
            ) from refusal
        kind = type(culprit.item).__name__
        if isinstance(culprit.error, MissingDependencyError):
            raise MissingDependencyError(
                f"To make the experiment resumable, `{culprit.path}` ({kind}) has to be pickled "
                f"by dill: {culprit.error}"
            ) from culprit.error
        raise ResumeError(
            f"The experiment cannot be made resumable: `{culprit.path}` ({kind}) cannot be "
            f"pickled ({type(culprit.error).__name__}: {culprit.error}). Make it within the run "
            "function, or let its class leave out with `__getstate__` what cannot be pickled; or "
            "run without `resumable`."
        ) from culprit.error


# ----- reading ---------------------------------------------------------------------------------


def read_header(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the header of a snapshot; nothing is unpickled and no module imported for it.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    StorageFormatError
        It is damaged, of a newer version, of the established pypet, or no snapshot at all. Damage
        of the payload is only seen if the file is too short or too long.
    """
    with _opened(path) as file:
        return _read_header(file, path, _read_layout(file, path))


def check_snapshot(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Check header and payload of a snapshot by their checksums, and return the header.

    Raises
    ------
    FileNotFoundError, StorageFormatError
        As for `read_header`; or the payload is damaged.
    """
    return _read_checked(path)[0]


def read_payload(path: str | os.PathLike[str]) -> Any:
    """Return the payload of a snapshot, which executes code of the snapshot and of the user.

    What the main script of the experiment defines is taken from the main script of this process
    if it is the same, otherwise that script is loaded; see `script_in_place` about what comes next.

    Raises
    ------
    FileNotFoundError, StorageFormatError
        As for `check_snapshot`.
    ResumeError
        Something that the payload needs is not there any more, or loading it fails.
    MissingDependencyError
        It was pickled by dill, which is not installed.
    """
    header, payload = _read_checked(path)
    facts = header[PAYLOAD_KEY]
    try:
        return loads(payload, script_of(header))
    except PypetError as error:
        error.add_note(f"pypet: the snapshot is {os.fspath(path)}")
        raise
    except Exception as error:
        raise ResumeError(
            f"The snapshot {os.fspath(path)} is complete, but something in it cannot be loaded "
            f"({type(error).__name__}: {error}). It was written by Python {facts['python']}, this "
            f"is {platform.python_version()}; resume with the versions that the experiment was "
            "started with, and with classes as they were."
        ) from error


def script_of(header: Mapping[str, Any]) -> MainScript | None:
    """Return the main script of the process that wrote a snapshot; None in a session."""
    script = header[PAYLOAD_KEY]["script"]
    return None if script is None else MainScript.from_mapping(script)


def _read_checked(path: str | os.PathLike[str]) -> tuple[dict[str, Any], bytes]:
    with _opened(path) as file:
        layout = _read_layout(file, path)
        header = _read_header(file, path, layout)
        payload = file.read(layout.payload_length)
    if _sha256(payload) != layout.payload_sha256:
        raise _damaged(path, "the checksum of its payload is wrong")
    return header, payload


def _opened(path: str | os.PathLike[str]) -> BufferedReader:
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            error.errno,
            "There is no snapshot to resume from: the experiment was not started with "
            "resumable=True, or is finished, or its folder is another one",
            os.fspath(path),
        ) from error


def _read_layout(file: BufferedReader, path: str | os.PathLike[str]) -> _Layout:
    start = file.read(_HEADER_START)
    _check_signature(start, path)
    if len(start) < _PREFIX.size + _CHECKSUM.size:
        raise _damaged(path, "it ends early")
    prefix, rest = start[: _PREFIX.size], start[_PREFIX.size + _CHECKSUM.size :]
    if not start.startswith(prefix + _crc(prefix)):
        raise _damaged(path, "the checksum of its version is wrong")
    version = _PREFIX.unpack(prefix)[1]
    if version > FORMAT_VERSION:
        raise StorageFormatError(
            f"The snapshot {os.fspath(path)} has version {version} of its format, this pypet "
            f"knows {FORMAT_VERSION}; resume with the newer pypet that the experiment was started "
            "with."
        )
    if len(start) < _HEADER_START:
        raise _damaged(path, "it ends early")
    lengths = rest[: _LENGTHS.size]
    if rest != lengths + _crc(lengths):
        raise _damaged(path, "the checksum of its lengths is wrong")
    layout = _Layout(*_LENGTHS.unpack(lengths))
    expected = _HEADER_START + layout.header_length + layout.payload_length
    size = os.fstat(file.fileno()).st_size
    if size != expected:
        raise _damaged(path, f"it has {size} bytes instead of {expected}")
    return layout


def _check_signature(start: bytes, path: str | os.PathLike[str]) -> None:
    if start.startswith(ESTABLISHED_START):
        raise StorageFormatError(
            f"{os.fspath(path)} is a snapshot of the established pypet (0.x), which this version "
            "does not read; resume the experiment with the version that it was started with."
        )
    if not start:
        raise _damaged(path, "it is empty")
    known = _SIGNATURE[: len(start)]
    if start.startswith(known):
        return
    differing = sum(ours != theirs for ours, theirs in zip(_SIGNATURE, start, strict=False))
    if differing == 1:
        raise _damaged(path, "its first bytes are wrong")
    raise StorageFormatError(
        f"{os.fspath(path)} is not a snapshot of an experiment: its first bytes are "
        f"{start[: len(_SIGNATURE)]!r}. Give the folder that was the `resume_folder`."
    )


def _read_header(
    file: BufferedReader, path: str | os.PathLike[str], layout: _Layout
) -> dict[str, Any]:
    text = file.read(layout.header_length)
    if _sha256(text) != layout.header_sha256:
        raise _damaged(path, "the checksum of its header is wrong")
    header: dict[str, Any] = json.loads(text)
    return header


def _damaged(path: str | os.PathLike[str], how: str) -> StorageFormatError:
    trajectory = Path(path).resolve().parent.name
    return StorageFormatError(
        f"The snapshot {os.fspath(path)} is damaged: {how}. Bring it back from a backup. Without "
        f"it `resume` cannot know what to execute, but what is stored of {trajectory!r} can be "
        "loaded, and a new environment for the loaded trajectory executes the runs that are not "
        "completed."
    )


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _crc(data: bytes) -> bytes:
    return _CHECKSUM.pack(zlib.crc32(data))
