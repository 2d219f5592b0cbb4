"""Storage services between live trajectories and plain records.

`RecordStorageService` is what a storage backend derives from: it speaks the messages of
`pypet.interfaces.StorageService` and asks the backend only to keep and to give back records.
"""

from pypet.services.record_service import RecordStorageService

__all__ = ["RecordStorageService"]
