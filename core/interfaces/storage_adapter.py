"""User-defined services without the interface: any object that can store or load."""

from __future__ import annotations

from typing import Any

from pypet.interfaces.storage import StorageService


class ServiceAdapter(StorageService):
    """Completes an object with ``store`` or ``load`` to a storage service.

    Attributes of the object are used where it has them; otherwise it behaves like a
    `StorageService` that overrides nothing. Thus the rest of pypet can rely on the interface.
    """

    def __init__(self, adapted: Any) -> None:
        self._adapted = adapted

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_"):
            try:
                return getattr(self._adapted, name)
            except AttributeError:
                pass
        return super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_adapted":
            super().__setattr__(name, value)
        else:
            setattr(self._adapted, name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServiceAdapter) and self._adapted is other._adapted

    def __hash__(self) -> int:
        return id(self._adapted)

    def __repr__(self) -> str:
        return repr(self._adapted)


def adapted(service: Any) -> StorageService:
    """Return a service with the whole interface: itself, if it has that.

    Called where users pass services; `without_adapter` returns the original object.
    """
    return service if isinstance(service, StorageService) else ServiceAdapter(service)


def without_adapter(service: StorageService | None) -> Any:
    """Return what was given to `adapted`."""
    return service._adapted if isinstance(service, ServiceAdapter) else service
