"""Copying what is sound of a damaged trajectory into another file, by HDF5 itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from h5py import h5a, h5g, h5o

from pypet.records import GROUP, LEAF, LINK, PutLink, PutNode, StoreRequest
from pypet.records.stored import StoredNode
from pypet.services.backend import RecordBackend
from pypet.storage_backends.hdf5.compression.filter_plugins import make_all_available
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names
from pypet.storage_backends.hdf5.encoding.layout import ANNOTATION
from pypet.storage_backends.hdf5.encoding.types import dtype_of
from pypet.storage_backends.hdf5.files.damage import SYMPTOMS
from pypet.storage_backends.hdf5.files.open_file import OpenFile
from pypet.storage_backends.hdf5.objects.groups import child_addresses, has_child, hdf5_path, remove

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
