"""Do not wrap the storage service at all: every worker uses it directly, unsynchronised."""

from __future__ import annotations

from collections.abc import Mapping
from multiprocessing.context import BaseContext
from typing import Any, ClassVar

from pypet.interfaces import StorageService, WrapMode
from pypet.markers import hookimpl


class NoWrapping(WrapMode):
    """Gives workers the raw service, which therefore must be safe to use by several processes."""

    name: ClassVar[str] = "NONE"
    protects: ClassVar[bool] = False
    supports_loading: ClassVar[bool] = True
    needs_inheritance: ClassVar[bool] = False
    works_across_hosts: ClassVar[bool] = True
    supports_resume: ClassVar[bool] = True
    stores_in_workers: ClassVar[bool] = True

    def __init__(self, options: Mapping[str, Any]) -> None:
        """Make the mode; it reads no options."""
        super().__init__(options)
        self._service: StorageService | None = None

    def start(self, service: StorageService, mp_context: BaseContext) -> None:
        """Remember ``service``; nothing has to be started."""
        self._service = service

    def worker_service(self) -> StorageService:
        """Return the service that `start` got.

        Raises
        ------
        RuntimeError
            `start` was not called, or `stop` was called since.
        """
        if self._service is None:
            raise RuntimeError("Wrap mode 'NONE' was not started; call `start` first.")
        return self._service

    def stop(self) -> None:
        """Forget the service."""
        self._service = None


@hookimpl
def pypet_register_wrap_modes() -> list[type[WrapMode]]:
    """Register the wrap mode that does nothing."""
    return [NoWrapping]
