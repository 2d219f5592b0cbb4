"""Copying all of a file by HDF5 itself, which leaves unused space behind."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5f, h5g, h5l, h5o, h5s, h5t

from pypet.storage_backends.hdf5.compression.filter_plugins import make_all_available
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names
from pypet.storage_backends.hdf5.files.opening import create_file, open_file
from pypet.storage_backends.hdf5.settings.settings import Filters


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
