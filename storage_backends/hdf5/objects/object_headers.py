"""Object headers, read straight from the file.

Every object of an HDF5 file begins with a header that holds its attributes, the links of a small
group and the values of a small array. To get at them through the library takes some twenty calls
a leaf, each of which opens something; reading the header takes one. This module knows headers of
version 2 with everything inside, which is what the templates make. For anything else it returns
None, and the library is asked.

A file may only be read this way while no process writes to it. Damage is not reported here either:
the library then says what is wrong.

Notes
-----
HDF5 File Format Specification 3.0, sections IV.A.1.b (version 2 header) and IV.A.2 (messages). The
checksum is "lookup3" of Bob Jenkins (http://burtleburtle.net/bob/c/lookup3.c).
"""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any

import h5py
from h5py import h5f, h5fd

from pypet.storage_backends.hdf5.objects.header_patterns import (
    START_BYTES,
    Header,
    HeaderPatterns,
    Link,
    Place,
    Value,
)
from pypet.support.tricks import is_on

_QUESTION = b"Four score and seven years ago"
_ANSWER = 0x17770551

Checksum = Callable[[bytes, int, int], int]
"""Takes bytes, how many of them count, and a start value that is 0."""


@functools.cache
def checksum_function() -> Checksum | None:
    """Return what computes the checksum of bytes, None if the library does not offer it."""
    if not is_on("object_headers"):
        return None
    try:
        function = ctypes.CDLL(h5py.h5.__file__).H5_checksum_lookup3
    except (AttributeError, OSError):  # as on Windows, where a library does not show others'
        return None
    function.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint32)
    function.restype = ctypes.c_uint32
    return function if function(_QUESTION, len(_QUESTION), 0) == _ANSWER else None


_BLOCK_BYTES = 1 << 16
_MOST_BYTES = 1 << 24
"""No part of a header is larger."""
_MOST_REMEMBERED = 4096

# Types of messages.
_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _LAYOUT = 0x01, 0x02, 0x03, 0x06, 0x08
_ATTRIBUTE, _CONTINUATION, _ATTRIBUTE_INFO = 0x0C, 0x10, 0x15
_NOTHING, _FILL, _GROUP_INFO, _FILTERS, _CHANGED = 0x00, 0x05, 0x0A, 0x0B, 0x12
_WITHOUT_INTEREST = frozenset((_NOTHING, _FILL, _GROUP_INFO, _FILTERS, _CHANGED))
_CHECKSUM_BYTES = 4
_WITH_TIMES = 0x20
"""Flag of headers with times before their size."""
_SHARED = 0x02
_NOWHERE = b"\xff" * 8

_OWN_LAYOUTS = (0, 1, 2)
"""Compact, contiguous, chunked."""
_TEXT_CLASS, _BITFIELD_CLASS = 3, 4
_SCALAR_SPACE, _NULL_SPACE = 0, 2


class _UnknownFormat(Exception):  # noqa: N818 - never seen outside
    """The header is none of those that are known here."""


class HeaderReader:
    """Reads headers of an open file about which `can_read_headers` is true."""

    def __init__(self, file: h5f.FileID) -> None:
        self._descriptor = file.get_vfd_handle()
        self._start = 0
        self._block = b""
        self._patterns = HeaderPatterns()
        checksum = checksum_function()
        assert checksum is not None
        self._checksum = checksum

    def read(self, address: int) -> Header | None:
        """Return the header at ``address``, None if it is of a kind that is not known."""
        try:
            return self._recognized(address) or self._parsed(address)
        except (_UnknownFormat, IndexError, OSError, OverflowError):
            return None

    def _recognized(self, address: int) -> Header | None:
        """Return the header at ``address`` if it has a pattern that is known."""
        offset = address - self._start
        if offset < 0:
            return None
        block = self._block
        end = self._patterns.size_of(block[offset : offset + START_BYTES])
        if end is None:
            return None
        whole = block[offset : offset + end + _CHECKSUM_BYTES]
        if len(whole) < end + _CHECKSUM_BYTES:
            return None  # its end is not in memory yet
        if self._checksum(whole, end, 0) != int.from_bytes(whole[end:], "little"):
            raise _UnknownFormat
        return self._patterns.recognize(whole, end)

    def _bytes(self, address: int, size: int) -> bytes:
        if size > _MOST_BYTES:
            raise _UnknownFormat
        offset = address - self._start
        if offset < 0 or offset + size > len(self._block):
            self._start, offset = address, 0
            self._block = os.pread(self._descriptor, max(size, _BLOCK_BYTES), address)
            if len(self._block) < size:
                raise _UnknownFormat
        return self._block[offset : offset + size]

    def _verified(self, address: int, size: int) -> bytes:
        """Return a block that ends with a checksum, if that is right."""
        block = self._bytes(address, size)
        end = size - _CHECKSUM_BYTES
        if self._checksum(block, end, 0) != int.from_bytes(block[end:], "little"):
            raise _UnknownFormat
        return block

    def _parsed(self, address: int) -> Header:
        start = self._bytes(address, 34)
        if not start.startswith(b"OHDR\x02"):
            raise _UnknownFormat
        flags = start[5]
        position = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(start[position : position + width], "little")
        position += width
        first = self._verified(address, position + size + _CHECKSUM_BYTES)
        known = self._patterns.recognize(first, position + size)
        if known is not None:
            return known
        content = _Content(4 + (2 if flags & 4 else 0))
        content.scan(first, position)
        is_whole = not content.continuations
        seen = {address}
        while content.continuations:
            address, size = content.continuations.pop()
            block = self._verified(address, size)
            if address in seen or not block.startswith(b"OCHK"):
                raise _UnknownFormat
            seen.add(address)
            content.scan(block, 4)
        messages = content.messages
        if content.is_group == bool(messages):
            raise _UnknownFormat
        header = Header(
            content.is_group,
            content.attributes,
            content.links,
            messages.get(_DATASPACE, b""),
            messages.get(_DATATYPE, b""),
            messages.get(_LAYOUT, b""),
        )
        if is_whole and not flags & _WITH_TIMES:
            self._patterns.remember(first, len(first) - _CHECKSUM_BYTES, header, content.places)
        return header


class _Content:
    """The messages of one header, from its block and those that continue it."""

    __slots__ = (
        "_prefix",
        "attributes",
        "continuations",
        "is_group",
        "links",
        "messages",
        "places",
    )

    def __init__(self, prefix: int) -> None:
        self._prefix = prefix
        self.is_group = False
        self.attributes: dict[bytes, Value] = {}
        self.links: list[Link] = []
        self.messages: dict[int, bytes] = {}
        self.continuations: list[tuple[int, int]] = []
        self.places: list[Place] = []
        """What varies among headers of one pattern."""

    def scan(self, block: bytes, position: int) -> None:
        """Take the messages from ``position`` to the checksum."""
        end = len(block) - _CHECKSUM_BYTES
        while position + self._prefix <= end:
            kind = block[position]
            size = block[position + 1] | block[position + 2] << 8
            shared = block[position + 3] & _SHARED
            position += self._prefix
            start = position
            position += size
            body = block[start:position]
            if kind == _ATTRIBUTE:
                if shared:
                    raise _UnknownFormat
                known = _ATTRIBUTES.get(body)
                name, value = _remembered(body) if known is None else known
                self.attributes[name] = value
            elif kind == _LINK:
                link, address_at = _link(body)
                self.links.append(link)
                if address_at is not None:
                    self.places.append(Place(start + address_at, start + address_at + 8, link.name))
            elif kind in (_DATASPACE, _DATATYPE, _LAYOUT):
                if shared or kind in self.messages:
                    raise _UnknownFormat
                self.messages[kind] = body
                if kind == _LAYOUT:
                    self.places.append(Place(start, position, None))
            elif kind in (_LINK_INFO, _ATTRIBUTE_INFO):
                _check_inside(kind, body)
                self.is_group |= kind == _LINK_INFO
            elif kind == _CONTINUATION:
                address = int.from_bytes(body[:8], "little")
                self.continuations.append((address, int.from_bytes(body[8:16], "little")))
            elif kind not in _WITHOUT_INTEREST:
                raise _UnknownFormat
        if position > end:
            raise _UnknownFormat


def _check_inside(kind: int, body: bytes) -> None:
    """Raise if there are too many links or attributes, so that they are kept elsewhere."""
    width = (8 if kind == _LINK_INFO else 2) if body[1] & 1 else 0
    if body[2 + width : 10 + width] != _NOWHERE:
        raise _UnknownFormat


def _link(body: bytes) -> tuple[Link, int | None]:
    """Return a link, and where in the message its address is, None for soft links."""
    flags = body[1]
    if body[0] != 1:
        raise _UnknownFormat
    position = 2
    kind = 0
    if flags & 0x08:
        kind = body[position]
        position += 1
    position += (8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0)
    width = 1 << (flags & 3)
    size = int.from_bytes(body[position : position + width], "little")
    position += width
    name = body[position : position + size]
    if kind:
        return Link(name, None), None
    position += size
    return Link(name, int.from_bytes(body[position : position + 8], "little")), position


# ----- attributes ------------------------------------------------------------------------------

_ATTRIBUTES: dict[bytes, tuple[bytes, Value]] = {}
"""Attribute message -> name and value: most headers have the same ones."""


def _remembered(body: bytes) -> tuple[bytes, Value]:
    parsed = _attribute(body)
    if len(_ATTRIBUTES) >= _MOST_REMEMBERED:
        _ATTRIBUTES.clear()
    _ATTRIBUTES[body] = parsed
    return parsed


def _attribute(body: bytes) -> tuple[bytes, Value]:
    version = body[0]
    if version not in (1, 2, 3) or (version > 1 and body[1]):
        raise _UnknownFormat
    sizes = [int.from_bytes(body[at : at + 2], "little") for at in (2, 4, 6)]
    position = 9 if version == 3 else 8
    parts = []
    for size in sizes:
        parts.append(body[position : position + size])
        position += size if version > 1 else (size + 7) // 8 * 8
    name, kind, space = parts
    return name.rstrip(b"\0"), _value(kind, space, body[position:])


def _value(kind: bytes, space: bytes, data: bytes) -> Value:
    extent = _extent(space)
    size = int.from_bytes(kind[4:8], "little")
    kind_class = kind[0] & 0x0F
    if kind_class == _TEXT_CLASS:
        if extent == _NULL_SPACE:
            return ""
        if extent == _SCALAR_SPACE:
            return data[:size].rstrip(b"\0").decode("utf8", "replace")
    elif kind_class == _BITFIELD_CLASS and size == 1 and extent == _SCALAR_SPACE:
        return bool(data[0])
    return None


def _extent(space: bytes) -> int | None:
    """Return whether a dataspace is that of a scalar or of nothing, None for any other."""
    version, rank = space[0], space[1]
    if rank:
        return None
    return space[3] if version == 2 else _SCALAR_SPACE


def shape_of(space: bytes) -> tuple[int, ...] | None:
    """Return the shape in a dataspace message, None if it has none."""
    version, rank = space[0], space[1]
    if version == 2:
        if space[3] == _NULL_SPACE:
            return None
        start = 4
    else:
        start = 8
    return tuple(
        int.from_bytes(space[at : at + 8], "little") for at in range(start, start + 8 * rank, 8)
    )


def compact_data(layout: bytes) -> bytes | None:
    """Return the values in a layout message, None if they are kept elsewhere."""
    if layout[0] not in (3, 4) or layout[1] != 0:
        return None
    size = int.from_bytes(layout[2:4], "little")
    return layout[4 : 4 + size]


def has_own_values(layout: bytes) -> bool:
    """Return whether values with this layout message are in the same file.

    They are not if the dataset is virtual. Values in external files have a message of their own,
    with which a header is of no known kind.
    """
    return len(layout) > 1 and layout[0] in (3, 4) and layout[1] in _OWN_LAYOUTS


def can_read_headers(file: Any) -> bool:
    """Return whether the headers of an open file can be read directly."""
    if not hasattr(os, "pread") or checksum_function() is None:  # the library checks headers
        return False
    if file.get_access_plist().get_driver() != h5fd.SEC2:
        return False
    properties = file.get_create_plist()
    return bool(properties.get_userblock() == 0 and properties.get_sizes() == (8, 8))
