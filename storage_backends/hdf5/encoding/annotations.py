"""Annotations: attributes of a node that hold any value, which may have to be pickled.

Each is an attribute of its own; another attribute says that there are some.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from h5py import h5a

from pypet.encoding.unpickling import TRUST, UnpicklingPolicy, is_pickle
from pypet.errors import RefusedPickleError
from pypet.storage_backends.hdf5.encoding.attributes import (
    TRUE,
    check_size,
    encode_attribute,
    is_byte_string,
    read_raw,
    write_attribute,
)
from pypet.storage_backends.hdf5.encoding.layout import ANNOTATED, ANNOTATION, CLASS_NAME

logger = logging.getLogger(__name__)


def annotate(
    location: Any, annotations: Mapping[str, Any], known: Collection[bytes], *, replace: bool
) -> None:
    """Add annotations that are missing; with ``replace`` those given are the only ones left.

    ``known`` are the names of all attributes that are there. Nothing is changed if one of the new
    ones cannot be kept.
    """
    encoded = {
        ANNOTATION + name.encode("utf8"): encode_attribute(value)
        for name, value in annotations.items()
    }
    for name, attribute in encoded.items():
        check_size(name, attribute)
    if replace:
        for old in known:
            if old.startswith(ANNOTATION):
                h5a.delete(location, old)
        known = [name for name in known if not name.startswith(ANNOTATION)]
    if annotations and ANNOTATED not in known:
        write_attribute(location, ANNOTATED, TRUE)
    for name, attribute in encoded.items():
        if name not in known:
            write_attribute(location, name, attribute)


def read_annotations(
    location: Any, known: Collection[bytes], policy: UnpicklingPolicy, path: str
) -> dict[str, Any]:
    """Return the annotations of the node ``path``, by their names.

    ``known`` are the names of all attributes that are there.

    Raises
    ------
    RefusedPickleError
        One of them is pickled, and ``policy`` forbids to load it.
    """
    annotations = {
        _label(name): _read(location, name, policy, path)
        for name in known
        if name.startswith(ANNOTATION)
    }
    if annotations and CLASS_NAME in known and is_byte_string(location, CLASS_NAME):
        return _as_text(annotations)  # Python 2 knew no other text
    return annotations


def _label(name: bytes) -> str:
    return name.removeprefix(ANNOTATION).decode("utf8")


def _read(location: Any, name: bytes, policy: UnpicklingPolicy, path: str) -> Any:
    """Return an annotation as PyTables gives it: numpy scalars, arrays, unpickled objects."""
    raw = read_raw(location, name)
    if isinstance(raw, bytes) and raw.endswith(b"."):
        label = _label(name)
        return _unpickled(raw, policy, f"Annotation {label!r} of {path or 'the trajectory'!r}")
    return np.bytes_(raw) if type(raw) is bytes else raw


def _unpickled(raw: bytes, policy: UnpicklingPolicy, where: str) -> Any:
    if policy.mode != TRUST and not is_pickle(raw):
        return np.bytes_(raw)
    try:
        try:
            return policy.loads(raw, where)
        except UnicodeDecodeError:  # pickled by Python 2
            return policy.loads(raw, where, "latin1")
    except RefusedPickleError:
        raise
    except Exception as err:  # unpickling raises anything; the bytes are still known
        logger.debug("%s is not unpickled: %s", where, err)
        return np.bytes_(raw)


def _as_text(annotations: dict[str, Any]) -> dict[str, Any]:
    return {
        name: np.str_(value.decode("utf8", "replace")) if isinstance(value, np.bytes_) else value
        for name, value in annotations.items()
    }
