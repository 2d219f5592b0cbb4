"""Storage services between live trajectories and plain records.

Storage backends derive from `RecordStorageService`: it handles the messages of
`pypet.interfaces.StorageService`, and the backend only stores and returns records.
`KeyValueStorageService` also carries out requests; the backend only gets, puts, lists and deletes
values, see `TrajectoryStore`. `FileStorageService` does so in a file, in a folder or at a URL.
Functions convert values to bytes for media that store bytes.
Services of wrap modes that send messages (`pypet.services.messages`) to the process that stores
derive from `Sender`.
"""

from pypet.services.file_service import FileStorageService
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
    "FileStorageService",
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
