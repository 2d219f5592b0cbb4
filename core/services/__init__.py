"""Storage services between live trajectories and plain records.

`RecordStorageService` is what a storage backend derives from: it speaks the messages of
`pypet.interfaces.StorageService` and asks the backend only to keep and to give back records.
`KeyValueStorageService` also carries out what requests ask for; it leaves to the backend to get,
put, list and delete values, see `TrajectoryStore`. Functions turn values into bytes for media
that keep bytes. `Sender` is what services of wrap modes derive from that send messages
(`pypet.services.messages`) to where they are stored.
"""

from pypet.services.key_value import KeyValueStorageService, TrajectoryStore
from pypet.services.node_store import NodeStore
from pypet.services.record_bytes import (
    RunRecord,
    item_from_bytes,
    item_to_bytes,
    meta_from_bytes,
    meta_to_bytes,
    run_records,
    run_rows,
    values_from_bytes,
    values_to_bytes,
)
from pypet.services.record_service import RecordStorageService
from pypet.services.sender import Sender

__all__ = [
    "KeyValueStorageService",
    "NodeStore",
    "RecordStorageService",
    "RunRecord",
    "Sender",
    "TrajectoryStore",
    "item_from_bytes",
    "item_to_bytes",
    "meta_from_bytes",
    "meta_to_bytes",
    "run_records",
    "run_rows",
    "values_from_bytes",
    "values_to_bytes",
]
