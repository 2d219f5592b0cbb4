"""What the page about resuming refers to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pypet.plugins.resume.snapshots.container import FILE_NAME

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "resuming.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:plugins|tests)/[\w./]+)`", PAGE))))
def test_every_path_exists(path):
    assert (ROOT / path).is_file()


def test_the_snapshot_has_the_name_that_scripts_look_for():
    scripts = ["resuming.py", "cluster/resuming_walk.py"]
    texts = [PAGE, *((ROOT / "examples" / each).read_text(encoding="utf-8") for each in scripts)]
    assert all(f'"{FILE_NAME}"' in text for text in texts)
