"""What the page about the architecture says is there, and its plugin and its suite work."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin_folders import write_distribution

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
PLUGIN, SUITE = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
FOLDERS = "core|plugins|storage_backends|wrap_modes|tests"

SCRIPT = """
from pypet import Environment

if __name__ == "__main__":
    with Environment(
        "demo", storage_service="memory", log_config=None, data_folder="measurements"
    ) as env:
        env.traj.f_add_parameter("x", 1)
        env.run(lambda traj: None)
    print(env.traj.f_get(f"config.environment.{env.name}.data_release").f_get())
"""


@pytest.mark.parametrize("path", sorted(set(re.findall(rf"`((?:{FOLDERS})/[\w./]*)`", PAGE))))
def test_every_path_exists(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`(pypet\.\w+(?:\.\w+)*\.[A-Z]\w+)`", PAGE)))
)
def test_every_class_exists(name):
    module, _, attribute = name.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), attribute), type)


def test_the_plugin_notes_the_release(tmp_path):
    write_distribution(tmp_path, "data-release", {"data_release": "data_release"}, "1.0")
    (tmp_path / "data_release.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "measurements").mkdir()
    (tmp_path / "measurements" / "RELEASE").write_text("2015.10\nfirst of two\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout.strip() == "2015.10", done.stderr


def test_the_third_party_passes_the_suite(tmp_path):
    (tmp_path / "test_shelf.py").write_text(SUITE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "third_party")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50
