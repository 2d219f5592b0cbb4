"""The storage is open while messages are stored, and closed once in the end."""

from __future__ import annotations

from pypet import pypetconstants as constants
from pypet.services.messages import NO_RUN, ServiceCall, StoreMessage
from pypet.storage_backends.memory import MemoryStorageService
from pypet.wrap_modes._local.sink import StorageSink


class Counting(MemoryStorageService):
    """Notes what is asked of it."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def open(self):
        self.asked.append("open")

    def flush(self):
        self.asked.append("flush")

    def close(self):
        self.asked.append("close")


def test_a_service_without_a_quicker_way_is_closed_once_at_the_end_of_a_process():
    service = Counting()
    store = StorageSink(service, None)
    store.store(
        StoreMessage(NO_RUN, ServiceCall(constants.FLUSH, None, (), {"trajectory_name": "t"}))
    )
    store.close_on_exit()
    assert service.asked == ["open", "flush", "close"]
    assert store.failures == []
