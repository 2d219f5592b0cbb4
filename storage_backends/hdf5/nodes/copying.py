"""Copying files, trajectories and leaves as they are, by HDF5 itself, without loading them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol, cast

import h5py
import numpy as np
from h5py import h5a, h5f, h5g, h5l, h5o, h5s, h5t

from pypet.records import GROUP, LEAF, LINK, PutLink, PutNode, StoreRequest
from pypet.records.nodes import StoredNode
from pypet.services.backend import RecordBackend
from pypet.services.transfer import NodeCopy
from pypet.storage_backends.hdf5.compression.filters import make_all_available
from pypet.storage_backends.hdf5.encoding.attributes import attribute_names, read_flag
from pypet.storage_backends.hdf5.encoding.layout import ANNOTATION, IS_LEAF
from pypet.storage_backends.hdf5.encoding.types import dtype_of
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.files.opening import create_file, open_file
from pypet.storage_backends.hdf5.objects.groups import (
    child_addresses,
    has_child,
    hdf5_path,
    is_link,
    remove,
)
from pypet.storage_backends.hdf5.settings.settings import Filters
from pypet.storage_backends.hdf5.trajectories.cache import cache_of

if TYPE_CHECKING:
    from pypet.storage_backends.hdf5.service.progress import Progress
    from pypet.storage_backends.hdf5.service.service import HDF5StorageService
    from pypet.storage_backends.hdf5.trajectories.cache import TrajectoryCache


# ----- files --------------------------------------------------------------------------------------


def copy_file(path: str, copy: str) -> None:
    """Copy objects, links and attributes of a closed file into a new one at ``copy``.

    Raises
    ------
    OSError, StorageFormatError
        The file cannot be opened, or the copy not be written.
    """
    with suppress(FileNotFoundError):
        os.remove(copy)  # left behind by a process that was killed
    make_all_available()  # HDF5 unpacks rows of any length to copy them
    source = open_file(path, writable=False)
    try:
        target = create_file(copy, "", Filters())
        try:
            _copy_attributes(source.id, target.id)
            _copy_children(source.id, target.id)
        finally:
            target.close()
    finally:
        source.close()


def _copy_children(source: h5f.FileID, target: h5f.FileID) -> None:
    root = h5g.open(source, b"/")
    names: list[bytes] = []
    root.links.iterate(names.append)
    for name in names:
        kind = root.links.get_info(name).type
        if kind == h5l.TYPE_SOFT:
            target.links.create_soft(name, root.links.get_val(name))
        elif kind == h5l.TYPE_EXTERNAL:
            target.links.create_external(name, *root.links.get_val(name))
        else:
            h5o.copy(source, name, target, name)


def _copy_attributes(source: h5f.FileID, target: h5f.FileID) -> None:
    """Copy the attributes of the root, among them the title of the file."""
    for name in attribute_names(target):
        h5a.delete(target, name)
    for name in attribute_names(source):
        attribute = h5a.open(source, name)
        kind = attribute.get_type()
        if kind.detect_class(h5t.VLEN) or kind.detect_class(h5t.REFERENCE) or _is_variable(kind):
            text = name.decode("utf8")
            h5py.Group(h5g.open(target, b"/")).attrs[text] = h5py.File(source).attrs[text]
            continue
        space = attribute.get_space()
        twin = h5a.create(target, name, kind, space)
        if space.get_simple_extent_type() != h5s.NULL and space.get_simple_extent_npoints():
            raw: Any = np.zeros(attribute.shape, dtype=f"V{kind.get_size()}")
            attribute.read(raw, kind)
            twin.write(raw, kind)


def _is_variable(kind: h5t.TypeID) -> bool:
    return bool(kind.get_class() == h5t.STRING and kind.is_variable_str())


# ----- trajectories -------------------------------------------------------------------------------


def copy_trajectory(source: OpenFile, target: OpenFile, trajectory: str) -> None:
    """Copy the group of a trajectory as it is.

    Links keep their absolute targets, which fit because the name stays.

    Raises
    ------
    ValueError
        The target has a trajectory of this name.
    """
    name = trajectory.encode()
    if has_child(h5g.open(target.id, b"/"), name):
        raise ValueError(
            f"There is a trajectory {trajectory!r} in {target.path} already; nothing was copied. "
            "Remove it or choose another file."
        )
    make_all_available()  # HDF5 unpacks rows of any length to copy them
    source.flush()
    try:
        h5o.copy(source.id, name, target.id, name)
    except BaseException:
        remove(target.id, hdf5_path(trajectory, ""))
        raise


# ----- leaves of another trajectory ---------------------------------------------------------------


class HDF5NodeCopy(NodeCopy):
    """Copies leaves with all they hold in one call each; groups go record by record.

    Both services keep their files open in the meantime.
    """

    service: HDF5StorageService

    def __init__(self, service: HDF5StorageService, trajectory: str, progress: Progress) -> None:
        super().__init__(service, trajectory)
        self._progress = progress

    def write(self, source: RecordBackend, trajectory: str, names: Mapping[str, str]) -> None:
        """Copy nodes to their new names."""
        old_cache = _open_cache(cast(_KeepsFile, source), trajectory)
        new_cache = _open_cache(self.service, self.trajectory)
        others = {}
        leaves = []
        for old, new in names.items():
            location, _, name = old.rpartition(".")
            parent = old_cache.group(location)
            raw = name.encode("utf8")
            if parent is None or not has_child(parent, raw) or is_link(parent, raw):
                others[old] = new  # reported as missing when it is read
            elif _is_leaf(h5g.open(parent, raw)):
                leaves.append((old, parent, raw, new))
            else:
                others[old] = new
        if others:
            super().write(source, trajectory, others)
            self._progress.count(len(others))
        make_all_available()  # HDF5 unpacks rows of any length to copy them
        for old, parent, raw, new in leaves:
            h5o.copy(parent, raw, *self._place(new_cache, new))
            self.copied_leaves.append(old)
            self._progress.count()

    def _place(self, cache: TrajectoryCache, path: str) -> tuple[h5g.GroupID, bytes]:
        """Return open parent and raw name of a new node, making the parents that are missing."""
        location, _, name = path.rpartition(".")
        parent = cache.group(location)
        if parent is None:
            put = PutNode(location, False, None, "", {}, ())
            self.service.apply(StoreRequest(self.trajectory, (put,)))
            parent = cache.group(location)
            assert parent is not None
        return parent, name.encode("utf8")

    def _is_there(self, path: str) -> bool:
        known = self._exists.get(path)
        if known is None:
            cache = _open_cache(self.service, self.trajectory)
            location, _, name = path.rpartition(".")
            parent = cache.group(location)
            known = parent is not None and has_child(parent, name.encode("utf8"))
            self._exists[path] = known
        return known


def _is_leaf(group: Any) -> bool:
    return bool(h5a.exists(group, IS_LEAF)) and read_flag(group, IS_LEAF)


class _KeepsFile(Protocol):
    """A service that keeps its file open."""

    @property
    def kept_file(self) -> OpenFile:
        """The file that is kept open."""


def _open_cache(service: _KeepsFile, trajectory: str) -> TrajectoryCache:
    return cache_of(service.kept_file, trajectory)


# ----- the sound part of a damaged trajectory -----------------------------------------------------


_BATCH = 500
_OVERVIEW = "overview"


def copy_sound_nodes(
    source: OpenFile,
    target: OpenFile,
    service: RecordBackend,
    trajectory: str,
    nodes: Sequence[StoredNode],
    without: Collection[str],
) -> list[str]:
    """Copy nodes of a trajectory into ``target``, where it was stored without nodes.

    ``service`` is the one that keeps ``target`` open. Leaves are copied as they are, but those of
    ``without`` not. Returns the full names of leaves that could not be copied all the same.
    """
    skipped = frozenset(without)
    groups = [node for node in nodes if node.kind == GROUP]
    for first in range(0, len(groups), _BATCH):
        puts = tuple(
            PutNode(node.path, False, node.class_name, node.comment, {}, ())
            for node in groups[first : first + _BATCH]
        )
        service.apply(StoreRequest(trajectory, puts))
    for path in ("", *(node.path for node in groups)):
        location = hdf5_path(trajectory, path)
        _copy_annotations(source, target, location)
    make_all_available()  # HDF5 unpacks rows of any length to copy them
    leaves = [node.path for node in nodes if node.kind == LEAF and node.path not in skipped]
    lost = [path for path in leaves if not _is_copied(source, target, trajectory, path)]
    there = {"", *(node.path for node in groups), *leaves} - set(lost)
    links = [
        PutLink(node.path, node.target)
        for node in nodes
        if node.kind == LINK and node.target is not None and node.target in there
    ]
    if links:
        service.apply(StoreRequest(trajectory, tuple(links)))
    _copy_tables(source, target, trajectory)
    return lost


def _is_copied(source: OpenFile, target: OpenFile, trajectory: str, path: str) -> bool:
    parent, _, name = path.rpartition(".")
    location, raw = hdf5_path(trajectory, parent), name.encode("utf8")
    try:
        old, new = h5g.open(source.id, location), h5g.open(target.id, location)
        h5o.copy(old, raw, new, raw)
    except SYMPTOMS:
        _remove(target, hdf5_path(trajectory, path))
        return False
    return True


def _remove(target: OpenFile, location: bytes) -> None:
    """Remove what an attempt to copy has left."""
    parent, _, name = location.rpartition(b"/")
    if has_child(h5g.open(target.id, parent), name):
        remove(target.id, location)


def _copy_annotations(source: OpenFile, target: OpenFile, location: bytes) -> None:
    """Copy annotations byte by byte, pickled ones among them; damaged ones are left out."""
    try:
        old, new = h5g.open(source.id, location), h5g.open(target.id, location)
        names = [name for name in attribute_names(old) if name.startswith(ANNOTATION)]
    except SYMPTOMS:
        return
    for name in names:
        try:
            attribute = h5a.open(old, name)
            kind = attribute.get_type()
            values = np.zeros(attribute.shape, dtype=dtype_of(kind))
            if values.size:
                attribute.read(values, kind)
            copied = h5a.create(new, name, kind, attribute.get_space())
            if values.size:
                copied.write(values, kind)
        except SYMPTOMS:
            continue


def _copy_tables(source: OpenFile, target: OpenFile, trajectory: str) -> None:
    """Copy the tables for people that the new trajectory does not have yet, if they are sound."""
    location = hdf5_path(trajectory, _OVERVIEW)
    try:
        old, new = h5g.open(source.id, location), h5g.open(target.id, location)
        names = _names(child_addresses(old)[0])
    except SYMPTOMS:
        return
    for name in names:
        if has_child(new, name):
            continue
        try:
            h5o.copy(old, name, new, name)
        except SYMPTOMS:
            _remove(target, location + b"/" + name)


def _names(children: Iterable[tuple[bytes, int | None]]) -> list[bytes]:
    return [name for name, _ in children]
