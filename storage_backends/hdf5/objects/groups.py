"""Groups as PyTables writes them: making, opening, asking, removing."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from h5py import h5, h5g, h5l, h5p

from pypet.storage_backends.hdf5.compression.filters import filters_attribute
from pypet.storage_backends.hdf5.encoding.attributes import (
    MANY,
    encode_text,
    write_attribute,
)
from pypet.storage_backends.hdf5.settings.settings import Filters

_MOST_ATTRIBUTES = 1024
"""Maximum number of annotations in a group header. Beyond it HDF5 checks only those that have
less than 4 KiB."""

_CLASS = encode_text(b"GROUP")
_VERSION = encode_text(b"1.0")


RUNS = b"runs"
"""Name of the groups with a child for each run. The newer format finds children by hashes of their
names, so that each new one changes a block anywhere in the file: with a million runs storing takes
half as long again. The oldest one keeps names in order, so that new ones come to the end."""


@lru_cache(maxsize=4)
def _creation_properties(compact: bool, in_order: bool) -> h5p.PropGCID:
    properties = h5p.create(h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)
    if in_order:
        return properties
    if compact:
        properties.set_attr_phase_change(MANY, MANY // 2)
        return properties
    # Only groups that know the order of their children and attributes are in a format that has
    # checksums of both, without which they are in HDF5's oldest one.
    properties.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    properties.set_attr_creation_order(h5p.CRT_ORDER_TRACKED)
    properties.set_attr_phase_change(_MOST_ATTRIBUTES, _MOST_ATTRIBUTES // 2)
    return properties


def create_group(
    parent: Any, name: bytes, filters: Filters, *, title: str = "", compact: bool = False
) -> h5g.GroupID:
    """Make a group; PyTables applies ``filters`` to what it makes in it.

    ``compact`` is for groups in a file of a newer format than the oldest.
    """
    group = h5g.create(parent, name, gcpl=_creation_properties(compact, name == RUNS))
    write_attribute(group, b"CLASS", _CLASS)
    write_attribute(group, b"FILTERS", filters_attribute(filters))
    write_attribute(group, b"TITLE", encode_text(title.encode("utf8")))
    write_attribute(group, b"VERSION", _VERSION)
    return group


def child_names(group: h5g.GroupID) -> tuple[list[bytes], list[bytes]]:
    """Return the names of children and of soft links, each in alphabetical order."""
    children, links = child_addresses(group)
    return [name for name, _ in children], links


def child_addresses(group: h5g.GroupID) -> tuple[list[tuple[bytes, int | None]], list[bytes]]:
    """Return names and header addresses of children, and names of links, alphabetically."""
    children: list[tuple[bytes, int | None]] = []
    links: list[bytes] = []

    def note(name: bytes, info: Any) -> None:
        if info.type == h5l.TYPE_HARD:
            children.append((name, info.u))
        else:
            links.append(name)

    # In the order in which they are kept: HDF5 takes longer to sort a few names than Python.
    group.links.iterate(note, info=True, order=h5.ITER_NATIVE)
    children.sort()
    links.sort()
    return children, links


def has_child(group: h5g.GroupID, name: bytes) -> bool:
    """Return whether there is a child or link of this name."""
    exists: bool = group.links.exists(name)
    return exists


def is_link(group: h5g.GroupID, name: bytes) -> bool:
    """Return whether the child of this name is a link."""
    return bool(group.links.get_info(name).type != h5l.TYPE_HARD)


def child_address(group: h5g.GroupID, name: bytes) -> int:
    """Return where in the file the child of this name is; it is not a link."""
    address: int = group.links.get_info(name).u
    return address


def hdf5_path(trajectory: str, path: str) -> bytes:
    """Return the absolute path in the file of the node with full name ``path``."""
    full = f"/{trajectory}/{path.replace('.', '/')}" if path else f"/{trajectory}"
    return full.encode("utf8")


def remove(location: Any, path: bytes) -> None:
    """Remove a link or child if it is there; everything below it goes with it."""
    parent, _, name = path.rpartition(b"/")
    group = h5g.open(location, parent or b"/")
    if has_child(group, name):
        group.unlink(name)
