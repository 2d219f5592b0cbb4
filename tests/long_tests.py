"""Tests that take long and resemble others, so that they are executed on demand only."""

from __future__ import annotations

import os

import pytest

IS_LONG = "PYPET_LONG_TESTS" in os.environ
LONG = pytest.mark.skipif(
    not IS_LONG,
    reason="takes long; set PYPET_LONG_TESTS to have it executed",
)
