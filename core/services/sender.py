"""Services that turn storing calls into messages and send them instead of storing."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from pypet import pypetconstants as constants
from pypet.interfaces import StorageService, WorkerService
from pypet.services.failures import log_failure
from pypet.services.messages import (
    NO_RUN,
    ServiceCall,
    StoreMessage,
    can_be_prepared,
    is_about_the_file,
    run_of,
    understands_requests,
)


class Sender(WorkerService):
    """Turns storing messages into messages and delivers them; loads nothing.

    What was delivered counts as stored. ``service`` is a copy of the service that will store,
    for turning nodes into requests; None, or one of a user's own kind: messages travel as they
    are.
    """

    multiproc_safe = True
    supports_loading: ClassVar[bool] = False
    mode: ClassVar[str] = ""
    """Name of the wrap mode, for messages."""

    def __init__(self, service: StorageService | None = None) -> None:
        prepares = service is not None and understands_requests(service)
        self._preparing: Any = service.for_preparing() if prepares else None  # type: ignore[union-attr]
        self._run = NO_RUN

    @abstractmethod
    def deliver(self, message: StoreMessage) -> None:
        """Hand a message over; when this returns it is safe from anything that happens here."""

    def store(self, msg: str, stuff_to_store: Any, *args: Any, **kwargs: Any) -> None:
        """Hand over what is to be stored.

        Raises
        ------
        NoSuchServiceError
            A value has a type that cannot be stored.
        RuntimeError
            The process that stores is gone.
        """
        if is_about_the_file(msg):
            return
        run = run_of(stuff_to_store)
        if run is not None:
            self._run = run
        if self._preparing is None or not can_be_prepared(msg, kwargs):
            if self._preparing is not None and msg == constants.FLUSH:
                return  # who stores flushes on its own, and always at the end
            self.deliver(StoreMessage(self._run, ServiceCall(msg, stuff_to_store, args, kwargs)))
            return
        try:
            prepared = self._preparing.prepare(msg, stuff_to_store, *args, **kwargs)
        except Exception as error:
            log_failure(self._preparing, "storing", msg, stuff_to_store, error)
            raise
        request = prepared.request
        if not request.is_empty:
            self.deliver(StoreMessage(self._run, self._preparing.packed(request)))
        prepared.confirm()

    def load(self, msg: str, stuff_to_load: Any, *args: Any, **kwargs: Any) -> Any:
        """Refuse: the storage is not available in this process.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            f"Data cannot be loaded during runs with wrap_mode={self.mode!r}, because another "
            "process has the storage. Load what runs need before they start, or use "
            "wrap_mode='LOCK'."
        )
