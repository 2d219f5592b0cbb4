"""Paths, links and datasets that stay within their file.

HDF5 follows links into other files, and reads values from them, without a warning: external links,
virtual datasets, raw data in external files. Opening whatever they name can also wait for ever, if
it is a FIFO. Neither pypet nor the established one makes any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from h5py import h5d, h5f, h5g, h5l

from pypet.errors import StorageFormatError
from pypet.storage_backends.hdf5.objects.groups import child_addresses, hdf5_path

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.files.open_file import OpenFile

_MOST_HOPS = 8
"""Soft links that may lead to one another; the HDF5 library follows 16."""


class OwnPaths:
    """Checks that absolute paths lead to something within an open file, without leaving it."""

    def __init__(self, file: h5f.FileID) -> None:
        self._file = file
        self._known: set[bytes] = set()

    def follow(self, file: h5f.FileID) -> None:
        """Go on with the same file after it was closed and opened again."""
        if file is not self._file:
            self._file = file
            self._known.clear()

    def lead_to(self, path: bytes, hops: int = _MOST_HOPS) -> bool:
        """Return whether hard links, and soft ones to the file, lead from its root to something."""
        known = self._known
        if path in known or path == b"/":
            return True
        parent, _, name = path.rpartition(b"/")
        if not name or not path.startswith(b"/") or not (not parent or self.lead_to(parent, hops)):
            return False
        try:
            info = self._file.links.get_info(path)
        except (KeyError, RuntimeError):
            return False
        if info.type == h5l.TYPE_SOFT:
            target = absolute(self._file.links.get_val(path), parent)
            if not hops or not self.lead_to(target, hops - 1):
                return False
        elif info.type != h5l.TYPE_HARD:
            return False
        known.add(path)
        return True


def absolute(target: bytes, parent: bytes) -> bytes:
    """Return the absolute path that a soft link in the group at ``parent`` leads to."""
    return target if target.startswith(b"/") else parent + b"/" + target


def link_text(group: Any, name: bytes) -> str:
    """Return where a link, which is not a hard one, leads to, for a message."""
    kind = group.links.get_info(name).type
    if kind == h5l.TYPE_SOFT:
        return repr(group.links.get_val(name).decode("utf8", "replace"))
    if kind == h5l.TYPE_EXTERNAL:
        file, path = group.links.get_val(name)
        shown = path.decode("utf8", "replace"), file.decode("utf8", "replace")
        return "{!r} in another file, {!r}".format(*shown)
    return f"something that a link of type {kind} means"


def members(group: h5g.GroupID, where: str) -> list[tuple[bytes, int | None]]:
    """Return the names in a group in alphabetical order, with addresses; None for links.

    ``where`` is the file, for the message.

    Raises
    ------
    StorageFormatError
        A name is there twice, so that it is ambiguous.
    """
    children, links = child_addresses(group)
    if not links:
        return children
    check_unambiguous(children, links, where)
    return sorted((*children, *((name, None) for name in links)), key=lambda found: found[0])


def check_unambiguous(
    children: list[tuple[bytes, int | None]], links: list[bytes], where: str
) -> None:
    """Raise StorageFormatError if a child and a link of a group have the same name."""
    twice = {name for name, _ in children}.intersection(links)
    if twice:
        name = min(twice).decode("utf8", "replace")
        raise StorageFormatError(
            f"{name!r} is the name of an object and of a link in one group of {where}: the file is "
            "damaged, or forged."
        )


def external_source(dataset: h5d.DatasetID) -> str:
    """Return where the values of a dataset are if they are not in its file, '' if they are.

    Ask before anything else: even the shape of a virtual dataset may open other files.
    """
    properties = dataset.get_create_plist()
    if properties.get_layout() == h5d.VIRTUAL:
        count = properties.get_virtual_count()
        names = sorted({str(properties.get_virtual_filename(index)) for index in range(count)})
        return f"a virtual dataset of values in {', '.join(map(repr, names[:3])) or 'no file'}"
    if properties.get_external_count():
        name = properties.get_external(0)[0]
        shown = name.decode("utf8", "replace") if isinstance(name, bytes) else str(name)
        return f"a dataset whose values are in {shown!r}"
    return ""


class ParentGroups:
    """Opens groups of one trajectory, none of them in another file.

    The groups on the way to the latest one stay open, as long as the file does and this process
    does not write to it: nodes that are read after one another are mostly near each other.
    """

    __slots__ = ("_file", "_generation", "_groups", "_names", "_paths", "_trajectory")

    def __init__(self, file: OpenFile, trajectory: str, paths: OwnPaths) -> None:
        self._file = file
        self._trajectory = trajectory
        self._paths = paths
        self._generation = -1
        self._names: list[str] = []
        self._groups: list[h5g.GroupID] = []
        """The root of the trajectory, then one group for each of the names."""

    def group(self, location: str) -> h5g.GroupID | None:
        """Return the group with this full name, None if there is none in this file."""
        if self._file.writable:
            return self._by_whole_path(location)
        if self._generation != self._file.generation or not self._groups:
            root = self._by_whole_path("")
            if root is None:
                return None
            self._names, self._groups = [], [root]
            self._generation = self._file.generation
        names = location.split(".") if location else []
        known, groups = self._names, self._groups
        same = 0
        for ours, wanted in zip(known, names, strict=False):
            if ours != wanted:
                break
            same += 1
        del known[same:], groups[same + 1 :]
        group = groups[-1]
        for name in names[same:]:
            raw = name.encode("utf8")
            place = link_info(group, raw)
            if place is None:
                return None
            if place.type != h5l.TYPE_HARD:
                return self._by_whole_path(location)
            try:
                group = h5g.open(group, raw)
            except ValueError:
                return None
            known.append(name)
            groups.append(group)
        return group

    def _by_whole_path(self, location: str) -> h5g.GroupID | None:
        path = hdf5_path(self._trajectory, location)
        self._paths.follow(self._file.id)
        if not self._paths.lead_to(path):
            return None
        try:
            return h5g.open(self._file.id, path)
        except ValueError:
            return None


def link_info(group: Any, name: bytes) -> Any:
    """Return what HDF5 knows about a link, None if there is no link of this name."""
    try:
        return group.links.get_info(name)
    except (KeyError, RuntimeError):
        if group.links.exists(name):
            raise
        return None
