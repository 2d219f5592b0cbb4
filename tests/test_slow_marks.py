"""The lists of slow tests name folders and modules that exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import SLOW_FOLDERS, SLOW_MODULES

TESTS = Path(__file__).parent


@pytest.mark.parametrize("folder", sorted(SLOW_FOLDERS))
def test_slow_folders_exist(folder):
    assert (TESTS / folder).is_dir()


@pytest.mark.parametrize("module", sorted(SLOW_MODULES))
def test_slow_modules_exist(module):
    assert (TESTS / f"{module}.py").is_file()
