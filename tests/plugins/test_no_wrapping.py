"""Wrap mode NONE hands out the service itself."""

from __future__ import annotations

import multiprocessing

import pytest

from pypet.interfaces import StorageService
from pypet.wrap_modes.none import NoWrapping


def test_workers_get_the_raw_service():
    mode, service = NoWrapping({}), StorageService()
    mode.start(service, multiprocessing.get_context())
    assert mode.worker_service() is service
    assert mode.main_service() is service
    mode.stop()
    mode.stop()
    with pytest.raises(RuntimeError, match="not started"):
        mode.worker_service()
