"""A manager that knows only the plugins that a test registers."""

from __future__ import annotations

import pytest

from pypet.manager import PluginManager


@pytest.fixture
def manager():
    return PluginManager(entries=())
