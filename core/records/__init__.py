"""Plain data that travels between trajectories and storage services.

Nothing here knows a live node or a file: records can be pickled with their arrays out of band,
sent over a socket, appended to a journal and applied twice with the effect of once.
"""

from pypet.records.items import ArrayItem, Column, FrameItem, Item, SharedItem, TableItem
from pypet.records.meta import Digest, Info, MetaRecord, digest_of
from pypet.records.nodes import (
    DAMAGED,
    GROUP,
    LEAF,
    LINK,
    Finding,
    NodeRecord,
    StoredItem,
    StoredNode,
    stored_node,
)
from pypet.records.requests import (
    NO_RUN,
    CommitRun,
    DeleteItems,
    DeleteLink,
    DeleteNode,
    Exploration,
    Operation,
    PutLink,
    PutMeta,
    PutNode,
    StoreRequest,
)
from pypet.records.run_errors import RunError
from pypet.records.run_rows import RunRows, merged_rows

__all__ = [
    "DAMAGED",
    "GROUP",
    "LEAF",
    "LINK",
    "NO_RUN",
    "ArrayItem",
    "Column",
    "CommitRun",
    "DeleteItems",
    "DeleteLink",
    "DeleteNode",
    "Digest",
    "Exploration",
    "Finding",
    "FrameItem",
    "Info",
    "Item",
    "MetaRecord",
    "NodeRecord",
    "Operation",
    "PutLink",
    "PutMeta",
    "PutNode",
    "RunError",
    "RunRows",
    "SharedItem",
    "StoreRequest",
    "StoredItem",
    "StoredNode",
    "TableItem",
    "digest_of",
    "merged_rows",
    "stored_node",
]
