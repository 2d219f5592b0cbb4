"""Names of the attributes that describe groups and datasets, as they are in files.

They are those of the established layout (docs/file_format.md): changing one makes files unreadable.
"""

from __future__ import annotations

SERVICE = b"SRVC_"
"""Begins all of them."""

# Of nodes.
IS_LEAF = b"SRVC_LEAF"
CLASS_NAME = b"SRVC_INIT_CLASS_NAME"
COMMENT = b"SRVC_INIT_COMMENT"
LENGTH = b"SRVC_INIT_LENGTH"
ANNOTATED = b"SRVC_ANNOTATED"
ANNOTATION = b"SRVC_AN_"
"""Begins the names of annotations."""

# Of items.
STORED_AS = b"SRVC_STORE"
"""The flag of the item, one of those in `pypet.pypetconstants`."""
SHARED_TYPE = b"SRVC_SHARED_TYPE"
COLLECTION = b"SRVC_DATA_COLL_TYPE"
SCALAR_TYPE = b"SRVC_DATA_SCALAR_TYPE"
BYTE_ORDER = b"SRVC_DATA_BYTE_ORDER"
ELEMENT_TYPES = b"SRVC_DATA_ELEMENT_TYPES"
"""Of lists and tuples of several types, and of None; see `pypet.encoding.mixtures`."""
CHECKSUM = b"SRVC_CHECKSUM"

# Of the table with the settings of a trajectory.
COMPLIB = b"SRVC_COMPLIB"
"""The compression library with the compressor inside, for which its column has no room."""


def column_prefix(column: str) -> str:
    """Return what begins the names of attributes of a table that are about one column."""
    return f"SRVC_COLUMN_{column}_"
