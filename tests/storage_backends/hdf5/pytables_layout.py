"""What bare PyTables and bare HDF5 see in a file, in the form of the sidecars of the samples."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tables
from h5py import h5a, h5s, h5t

CHECKSUM = "SRVC_CHECKSUM"
"""The attribute that the established layout does not have."""


def layout(path: str | Path, root: str) -> dict[str, dict[str, Any]]:
    """Return what PyTables says about every node below a group of the file."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with tables.open_file(str(path)) as file:
            for node in file.walk_nodes(f"/{root}"):
                found[node._v_pathname] = _described(node)
    return found


def _described(node: Any) -> dict[str, Any]:
    if isinstance(node, tables.link.SoftLink):
        return {"k": "SoftLink", "target": node.target}
    attributes = node._v_attrs
    found: dict[str, Any] = {
        "k": str(attributes.CLASS),
        "attrs": {
            name: attributes[name] for name in attributes._v_attrnamesuser if name != CHECKSUM
        },
    }
    if isinstance(node, tables.Table):
        found["nrows"] = int(node.nrows)
        found["dtype"] = [
            [name, _dtype(node.coldtypes[name].base), list(node.coldtypes[name].shape)]
            for name in node.colnames
        ]
    elif isinstance(node, tables.Array):
        found["dtype"] = _dtype(node.dtype.base)
        found["shape"] = [int(length) for length in node.shape]
        if type(node) is tables.Array:
            found["flavor"] = str(node.flavor)
    if isinstance(node, tables.Table | tables.CArray):
        filters = node.filters
        found["filters"] = [
            filters.complib,
            filters.complevel,
            bool(filters.shuffle),
            bool(filters.fletcher32),
        ]
    return found


def _dtype(dtype: np.dtype[Any]) -> str:
    return dtype.str if dtype.kind == "S" else str(dtype)


def raw_attributes(path: str | Path, node: str) -> dict[str, Any]:
    """Return type, space and bytes of all attributes of a node, as HDF5 has them."""
    found = {}
    with h5py.File(path, "r") as file:
        location = file[node].id
        for index in range(h5a.get_num_attrs(location)):
            attribute = h5a.open(location, index=index)
            if attribute.name.decode() == CHECKSUM:
                continue
            kind, space = attribute.get_type(), attribute.get_space()
            content = b""
            if space.get_simple_extent_type() != h5s.NULL:
                buffer = np.zeros(attribute.get_storage_size(), np.uint8)
                attribute.read(buffer, kind)
                content = buffer.tobytes()
            text = (kind.get_cset(), kind.get_strpad()) if kind.get_class() == h5t.STRING else None
            found[attribute.name.decode()] = (
                kind.get_class(),
                kind.get_size(),
                text,
                space.get_simple_extent_type(),
                attribute.shape,
                content,
            )
    return found


def raw_type(path: str | Path, node: str) -> Any:
    """Return the type of a dataset in comparable form."""
    with h5py.File(path, "r") as file:
        return _plain_type(file[node].id.get_type())


def _plain_type(kind: Any) -> Any:
    described: list[Any] = [kind.get_class(), kind.get_size()]
    if kind.get_class() == h5t.COMPOUND:
        described += [
            (
                kind.get_member_name(index),
                kind.get_member_offset(index),
                _plain_type(kind.get_member_type(index)),
            )
            for index in range(kind.get_nmembers())
        ]
    elif kind.get_class() == h5t.ARRAY:
        described += [kind.get_array_dims(), _plain_type(kind.get_super())]
    elif kind.get_class() == h5t.STRING:
        described += [kind.get_cset(), kind.get_strpad()]
    return described
