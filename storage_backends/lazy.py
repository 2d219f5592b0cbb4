"""A storage service that keeps nothing: for trying and debugging without leaving files behind."""

from __future__ import annotations

from typing import Any, ClassVar

from pypet.interfaces.storage import StorageService
from pypet.markers import hookimpl


class LazyStorageService(StorageService):
    """Accepts every argument and message, stores nothing and loads nothing."""

    name: ClassVar[str] = "lazy"
    keeps_data: ClassVar[bool] = False
    multiproc_safe = True
    """Nothing is shared, so nothing can get into each other's way."""
    multihost_safe = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Swallow all arguments."""

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""


@hookimpl
def pypet_register_storage_services() -> list[type[StorageService]]:
    """Give the lazy service."""
    return [LazyStorageService]
