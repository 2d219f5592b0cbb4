"""Looking at pickles before PyTables and pandas meet them, which load whatever they find.

PyTables unpickles every attribute that it touches, and the rows of object arrays, which is how
pandas keeps columns of text. If not every pickle is trusted, what they will touch is read through
h5py first and refused if a pickle in it may not be loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import h5py
from h5py import h5a, h5g, h5t

from pypet.encoding.unpickling import NEVER, TRUST, Unpickling
from pypet.errors import RefusedPickleError
from pypet.storage_backends.hdf5.encoding.attribute_reading import attribute_names, read_bytes
from pypet.storage_backends.hdf5.files.open_file import OpenFile

_OBJECTS = b"object"
_PSEUDO_ATOM = b"PSEUDOATOM"


def inspect_items(file: OpenFile, paths: Iterable[str], rule: Unpickling) -> None:
    """Check everything that PyTables touches to read or replace the items at absolute paths.

    Items that are not there yet count as empty.

    Raises
    ------
    RefusedPickleError
        A pickle in it may not be loaded, or it cannot be read without PyTables.
    """
    if rule.mode == TRUST:
        return
    for path in paths:
        for parent in _parents(path):
            if parent == "/" or parent in h5py.File(file.id):
                _check_attributes(h5g.open(file.id, parent.encode("utf8")), parent, rule)
        if path not in h5py.File(file.id):
            continue
        node = h5py.File(file.id)[path]
        _check_node(node, path, rule)
        if isinstance(node, h5py.Group):
            for name, below in _below(node):
                _check_node(below, f"{path}/{name}", rule)


def _parents(path: str) -> Iterator[str]:
    yield "/"
    names = path.strip("/").split("/")
    for end in range(1, len(names)):
        yield "/" + "/".join(names[:end])


def _below(group: h5py.Group) -> list[tuple[str, Any]]:
    nodes: list[tuple[str, Any]] = []
    group.visititems(lambda name, node: nodes.append((name, node)))
    return nodes


def _check_node(node: Any, path: str, rule: Unpickling) -> None:
    _check_attributes(node.id, path, rule)
    if not isinstance(node, h5py.Dataset):
        return
    if _PSEUDO_ATOM in attribute_names(node.id):
        if read_bytes(node.id, _PSEUDO_ATOM) == _OBJECTS:
            _check_objects(node, path, rule)
    elif node.id.get_type().get_class() == h5t.VLEN:
        raise _unreadable(path, rule, "it is a ragged array of unknown kind")


def _check_attributes(location: Any, path: str, rule: Unpickling) -> None:
    for name in attribute_names(location):
        kind = h5a.open(location, name).get_type()
        if kind.get_class() != h5t.STRING or kind.is_variable_str():
            continue
        raw = read_bytes(location, name)
        if raw.endswith(b"."):
            where = f"Attribute {name.decode('utf8', 'replace')!r} of {path}"
            try:
                rule.check_constants(raw, where)
            except RefusedPickleError:
                raise
            except Exception:  # no pickle; PyTables takes it for text, too
                continue


def _check_objects(dataset: h5py.Dataset, path: str, rule: Unpickling) -> None:
    where = f"The pandas data at {path}"
    if rule.mode == NEVER and len(dataset):
        rule.loads(b"", where)
    try:
        rows = dataset[:]
    except OSError as err:
        raise _unreadable(path, rule, str(err)) from err
    for row in rows:
        rule.loads(row.tobytes(), where)


def _unreadable(path: str, rule: Unpickling, reason: str) -> RefusedPickleError:
    return RefusedPickleError(
        f"What {path} has cannot be checked ({reason}), and is not loaded because of "
        f"`unpickle={rule.mode!r}`."
    )
