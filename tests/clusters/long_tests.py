"""Tests that take long and resemble others, so that they are executed on demand only."""

from __future__ import annotations

import os

import pytest

LONG = pytest.mark.skipif(
    "PYPET_LONG_TESTS" not in os.environ,
    reason="takes long; set PYPET_LONG_TESTS to have it executed",
)
