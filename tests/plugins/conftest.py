"""A terminal as users have it, wherever the tests are executed."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _seen_by_somebody(monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TERM", "xterm")
