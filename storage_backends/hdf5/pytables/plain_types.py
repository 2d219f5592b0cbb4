"""Which HDF5 types PyTables reads as what they are, and names that it can decode.

PyTables takes memory for what it believes a type to be, and ends the process over a name that is
no UTF-8.
"""

from __future__ import annotations

from typing import Any

from h5py import h5a, h5d, h5g, h5l, h5s, h5t

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names
from pypet.storage_backends.hdf5.encoding.types import dtype_of

_NUMBERS = tuple(
    getattr(h5t, f"{family}{size}{order}")
    for family, sizes in (
        ("STD_I", (8, 16, 32, 64)),
        ("STD_U", (8, 16, 32, 64)),
        ("STD_B", (8, 16, 32, 64)),
        ("IEEE_F", (16, 32, 64)),
    )
    for size in sizes
    for order in ("LE", "BE")
)
_DEEPEST_TYPE = 16


def is_plain(kind: h5t.TypeID, depth: int = 0) -> bool:
    """Return whether elements of a type are numbers, text of fixed length, or rows of such."""
    if depth > _DEEPEST_TYPE:
        return False
    family = kind.get_class()
    if family in (h5t.INTEGER, h5t.FLOAT, h5t.BITFIELD):
        return any(kind.equal(number) for number in _NUMBERS) or _is_long_float(kind)
    if family == h5t.STRING:
        return not kind.is_variable_str()
    if family in (h5t.ENUM, h5t.ARRAY):
        return is_plain(kind.get_super(), depth + 1)
    if family == h5t.COMPOUND:
        members = [kind.get_member_type(index) for index in range(kind.get_nmembers())]
        return all(is_plain(member, depth + 1) for member in members) and _fits(kind)
    return False


def _is_long_float(kind: h5t.TypeID) -> bool:
    return bool(kind.equal(h5t.NATIVE_LDOUBLE))


def _fits(kind: h5t.TypeID) -> bool:
    try:
        for index in range(kind.get_nmembers()):
            kind.get_member_name(index).decode("utf8")
        return bool(dtype_of(kind).itemsize == kind.get_size())
    except (StorageFormatError, TypeError, ValueError):  # no such row in numpy
        return False


def is_ragged(kind: h5t.TypeID) -> bool:
    """Return whether elements of a type are rows of plain elements, of any length."""
    return kind.get_class() == h5t.VLEN and is_plain(kind.get_super())


def is_scalar(attribute: h5a.AttrID) -> bool:
    """Return whether an attribute is no array."""
    return bool(attribute.get_space().get_simple_extent_type() != h5s.SIMPLE)


def reads_elsewhere(dataset: h5d.DatasetID) -> bool:
    """Return whether the values of a dataset are in another file."""
    properties = dataset.get_create_plist()
    if properties.get_layout() == h5d.VIRTUAL:
        return True
    return bool(properties.get_external_count())


def check_names(location: Any, path: str, file: str) -> None:
    """Make sure that the names of all attributes can be decoded; PyTables crashes otherwise.

    Raises
    ------
    StorageFormatError
        One is no UTF-8.
    """
    for name in attribute_names(location):
        decoded(name, f"attribute of {path}", file)


def decoded(name: bytes, kind: str, file: str) -> str:
    """Return a name as text.

    Raises
    ------
    StorageFormatError
        It is no UTF-8.
    """
    try:
        return name.decode("utf8")
    except UnicodeDecodeError as err:
        raise StorageFormatError(
            f"The name {name!r} of an {kind} in {file} is no UTF-8. The file is damaged there."
        ) from err


def children(group: h5g.GroupID) -> list[tuple[bytes, int | None]]:
    """Return names of what is in a group, with the address of its header, None for links."""
    found: list[tuple[bytes, int | None]] = []

    def note(name: bytes, info: Any) -> None:
        found.append((name, info.u if info.type == h5l.TYPE_HARD else None))

    group.links.iterate(note, info=True)
    return sorted(found)
