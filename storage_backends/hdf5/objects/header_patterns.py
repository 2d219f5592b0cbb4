"""Headers that differ from one another in addresses and values only.

Nodes are made from templates, so that the headers of thousands of runs are the same but for the
addresses in their links, or the bytes of their values. What was parsed once is kept as a pattern:
to recognize the next one takes a single call instead of twenty messages.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

Value = str | bool | None

START_BYTES = 14
"""Its size is among the first bytes of a header without times, after signature, version, flags
and limits of attributes."""
_MOST_PATTERNS = 8
"""Patterns that are kept of headers that begin alike."""


class Link(NamedTuple):
    """A child of a group: where its header is, or None for a soft link."""

    name: bytes
    address: int | None


class Header(NamedTuple):
    """The content of the header of an object. Several may share one dictionary of attributes."""

    is_group: bool
    attributes: dict[bytes, Value]
    """Text and truth values; None stands for values of other types."""
    links: list[Link]
    space: bytes
    """Messages of a dataset: its dataspace, its type, its layout; empty for groups."""
    kind: bytes
    layout: bytes


class Place(NamedTuple):
    """A part of a header that varies: the address in a link, or the layout message."""

    start: int
    end: int
    link: bytes | None
    """Name of the link, None for the layout message."""


class _Pattern(NamedTuple):
    matching: re.Pattern[bytes]
    header: Header
    """The header that was parsed."""
    varying_links: tuple[bytes, ...]
    """Names of the links with an address, in their order."""
    has_layout: bool


class HeaderPatterns:
    """Remembers headers that consist of one block."""

    def __init__(self) -> None:
        self._by_start: dict[bytes, tuple[int, list[_Pattern]]] = {}

    def size_of(self, start: bytes) -> int | None:
        """Return how long a header is that begins so, without its checksum; None if unknown.

        ``start`` are its first `START_BYTES` bytes, its size among them.
        """
        known = self._by_start.get(start)
        return None if known is None else known[0]

    def recognize(self, block: bytes, end: int) -> Header | None:
        """Return the header in ``block[:end]`` if one of the same pattern was remembered."""
        known = self._by_start.get(block[:START_BYTES])
        if known is not None:
            for pattern in known[1]:
                match = pattern.matching.fullmatch(block, 0, end)
                if match is not None:
                    return _header(pattern, match.groups())
        return None

    def remember(self, block: bytes, end: int, header: Header, places: list[Place]) -> None:
        """Keep the pattern of the header that was parsed from ``block[:end]``.

        ``places`` are in their order. Soft links belong to what does not vary.
        """
        if len(places) != len(header.links) + bool(header.layout):
            return  # with soft links
        if places and places[0].start < START_BYTES:
            return
        parts = []
        position = 0
        for place in places:
            parts.append(re.escape(block[position : place.start]))
            parts.append(b"(.{%d})" % (place.end - place.start))
            position = place.end
        parts.append(re.escape(block[position:end]))
        links = tuple(place.link for place in places if place.link is not None)
        pattern = _Pattern(
            re.compile(b"".join(parts), re.DOTALL), header, links, bool(header.layout)
        )
        _, known = self._by_start.setdefault(block[:START_BYTES], (end, []))
        known.insert(0, pattern)
        del known[_MOST_PATTERNS:]


def _header(pattern: _Pattern, parts: tuple[bytes, ...]) -> Header:
    known = pattern.header
    make: Any = tuple.__new__  # a third of the time of the constructors of named tuples
    if pattern.has_layout:
        fields = (False, known.attributes, known.links, known.space, known.kind, parts[-1])
        header: Header = make(Header, fields)
        return header
    from_bytes = int.from_bytes
    links = [
        make(Link, (name, from_bytes(part, "little")))
        for name, part in zip(pattern.varying_links, parts, strict=True)
    ]
    header = make(Header, (True, known.attributes, links, known.space, known.kind, known.layout))
    return header
