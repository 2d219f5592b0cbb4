"""The contract of wrap modes: ways to share one storage service among processes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from pypet.interfaces.feature import Feature
from pypet.interfaces.storage import StorageService


class WrapMode(Feature, ABC):
    """Gives workers a storage service that is safe to use beside all others.

    Lives in the main process: ``start`` before the first worker, ``stop`` after the last one,
    also after errors.
    """

    capabilities: ClassVar[tuple[str, ...]] = (
        "supports_loading",
        "needs_fork",
        "works_across_hosts",
        "supports_resume",
        "stores_in_main_process",
    )
    supports_loading: ClassVar[bool] = False
    """Runs may load data through the service that they are given."""
    needs_fork: ClassVar[bool] = False
    """Works only where the platform can fork processes."""
    works_across_hosts: ClassVar[bool] = False
    supports_resume: ClassVar[bool] = False
    """A run that was reported as finished is stored, so that a crash costs no finished run."""
    stores_in_main_process: ClassVar[bool] = False
    """Workers only collect; the main process stores. Services that live there can be used."""

    @abstractmethod
    def start(self, service: StorageService) -> None:
        """Start what the mode needs (a lock, a writer process, a server) around ``service``."""

    @abstractmethod
    def worker_service(self) -> StorageService:
        """Return the service that a worker attaches to its trajectory."""

    @abstractmethod
    def stop(self) -> None:
        """Wait until all data is stored, then end every helper. Safe to call twice.

        Raises
        ------
        RuntimeError
            Something that a worker handed over was not stored.
        """
