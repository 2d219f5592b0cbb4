"""Text as arrays: encoded, of fixed width, with trailing NULs preserved.

Numpy and HDF5 pad text with NULs and strip them when reading, which would also strip NULs of the
text. Text that ends with NULs is therefore stored in *closed* form: an array of uint8 with an
additional axis, in which each text is followed by a byte 1 and then padded with NULs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pypet.encoding.encoding_errors import PICKLE_ADVICE

Array = np.ndarray[Any, Any]

_LONE_NUL = b"\0"


def encode_text(name: str, text: str, encoding: str) -> bytes:
    """Return ``text`` in bytes.

    Raises
    ------
    UnicodeEncodeError
        The encoding of the service does not support it; a note names the item.
    """
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as err:
        err.add_note(f"This is text of item {name!r}. {PICKLE_ADVICE}")
        raise


def pack_one(raw: bytes) -> Array:
    """Return a 0-d array with the width of ``raw``; at least 1, for empty text."""
    return np.array(raw) if raw != _LONE_NUL else _closed([raw])[0]


def unpack_one(value: Array) -> bytes:
    """Return the argument of `pack_one`."""
    if value.dtype.kind == "u":
        return _opened(value)
    raw = value.tobytes()
    return b"" if raw == _LONE_NUL else raw


def pack(texts: Sequence[bytes], slack: float = 1.0) -> Array:
    """Return texts as an array; shape (n,), or (n, width) in closed form.

    ``slack`` is the factor by which the array is wider than the longest text.
    """
    if any(text.endswith(_LONE_NUL) for text in texts):
        return _closed(texts)
    longest = max(map(len, texts), default=0)
    return np.array(texts, dtype=f"S{max(1, int(slack * longest))}")


def unpack(values: Array) -> list[bytes]:
    """Return the texts of an array of shape (n,), or (n, width) in closed form."""
    if values.dtype.kind == "u":
        return [_opened(row) for row in values]
    texts: list[bytes] = values.tolist()
    return texts


def _closed(texts: Sequence[bytes]) -> Array:
    width = max(map(len, texts)) + 1
    padded = b"".join((text + b"\1").ljust(width, _LONE_NUL) for text in texts)
    return np.frombuffer(bytearray(padded), dtype=np.uint8).reshape(len(texts), width)


def _opened(row: Array) -> bytes:
    return row.tobytes().rstrip(_LONE_NUL)[:-1]


def encode_text_array(name: str, array: Array, encoding: str, slack: float = 1.0) -> Array:
    """Return an array of unicode text (dtype ``U``) with its elements encoded.

    The shape is the same, in closed form with an additional axis. The width is at least that of
    ``array``.
    """
    width = max(1, array.dtype.itemsize // 4)
    if _keeps_ascii(encoding) and _is_ascii(array, np.uint32):
        if slack > 1.0:
            longest = int(np.char.str_len(array).max(initial=1))
            width = max(width, int(slack * longest))
        return array.astype(f"S{width}")
    texts = [encode_text(name, text, encoding) for text in array.ravel().tolist()]
    packed = pack(texts, slack)
    if packed.dtype.kind == "S" and packed.dtype.itemsize < width:
        packed = packed.astype(f"S{width}")
    return packed.reshape(array.shape + packed.shape[1:])


def decode_text_array(array: Array, encoding: str, *, tight: bool = False) -> Array:
    """Return an array of encoded text as one of unicode text.

    With ``tight`` it is as wide as its longest text; otherwise pure ASCII keeps its width.
    """
    if array.dtype.kind == "u":
        flat = array.reshape(-1, array.shape[-1])
        texts = np.array([text.decode(encoding) for text in unpack(flat)], dtype=np.str_)
        return texts.reshape(array.shape[:-1])
    if array.dtype.kind != "S":
        return array
    if not tight and _keeps_ascii(encoding) and _is_ascii(array, np.uint8):
        return array.astype(np.str_)
    decoded = np.array([text.decode(encoding) for text in array.ravel().tolist()], dtype=np.str_)
    return decoded.reshape(array.shape)


def _is_ascii(array: Array, unit: type) -> bool:
    if not array.size:
        return True
    flat = np.ascontiguousarray(array).reshape(-1)
    return bool(flat.view(np.dtype(unit).newbyteorder(array.dtype.byteorder)).max() < 128)


@lru_cache(maxsize=16)
def _keeps_ascii(encoding: str) -> bool:
    ascii_text = bytes(range(128))
    return ascii_text.decode("ascii").encode(encoding) == ascii_text
