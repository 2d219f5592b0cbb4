"""What the pages about the architecture and about plugins say is there, and their code works."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import pytest

from tests.plugin_folders import write_distribution
from tests.processes import run_python

ROOT = Path(__file__).parents[2]
PAGE, PLUGINS = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("architecture.md", "plugins.md")
)
PLUGIN, WRAP_MODE, SUITE = re.findall(r"^```python\n(.*?)^```$", PLUGINS, re.DOTALL | re.MULTILINE)
PUBLIC = set(re.findall(r"^\| `(pypet[\w.]*)` \|", PLUGINS, re.MULTILINE))
"""The modules that plugins may import."""
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

PARALLEL_SCRIPT = """
from pypet import Environment, load_trajectory

def simulate(traj):
    traj.f_add_result("z", traj.x * 2)

if __name__ == "__main__":
    with Environment(
        "demo", filename="demo.hdf5", log_config=None, multiproc=True, ncores=2, wrap_mode="SPOOL"
    ) as env:
        env.traj.f_add_parameter("x", 1)
        env.traj.f_explore({"x": [0, 1, 2, 3]})
        env.run(simulate)
    traj = load_trajectory("demo", filename="demo.hdf5", load_results=2)
    print([traj.f_get(f"results.runs.run_{k:08d}.z").z for k in range(4)])
"""


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(rf"`((?:{FOLDERS})/[\w./]*)`", PAGE + PLUGINS)))
)
def test_every_path_exists(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`(pypet\.\w+(?:\.\w+)*\.[A-Z]\w*[a-z]\w*)`", PAGE + PLUGINS)))
)
def test_every_class_exists(name):
    module, _, attribute = name.rpartition(".")
    assert isinstance(getattr(importlib.import_module(module), attribute), type)


def test_the_public_modules_have_what_the_page_says():
    assert "pypet.services.messages" in PUBLIC
    for line in re.findall(r"^\| `pypet.*\|$", PLUGINS, re.MULTILINE):
        module, *names = re.findall(r"`([\w.]+)`", line)
        for name in names:
            assert hasattr(importlib.import_module(module), name), (module, name)


@pytest.mark.parametrize("code", [PLUGIN, WRAP_MODE, SUITE])
def test_the_code_imports_public_modules_only(code):
    imported = re.findall(r"^(?:from|import) (pypet[\w.]*)", code, re.MULTILINE)
    assert [name for name in imported if not name.startswith(tuple(PUBLIC))] == []


def test_the_wrap_mode_stores_what_workers_send(tmp_path):
    write_distribution(tmp_path, "spool", {"spool": "spool"}, "1.0")
    (tmp_path / "spool.py").write_text(WRAP_MODE, encoding="utf-8")
    (tmp_path / "script.py").write_text(PARALLEL_SCRIPT, encoding="utf-8")
    done = run_python(
        "-W", "error", "script.py", cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert done.stdout.strip() == "[0, 2, 4, 6]", done.stderr


def test_the_plugin_notes_the_release(tmp_path):
    write_distribution(tmp_path, "data-release", {"data_release": "data_release"}, "1.0")
    (tmp_path / "data_release.py").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    (tmp_path / "measurements").mkdir()
    (tmp_path / "measurements" / "RELEASE").write_text("2015.10\nfirst of two\n", encoding="utf-8")
    done = run_python(
        "-W", "error", "script.py", cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert done.stdout.strip() == "2015.10", done.stderr


def test_the_third_party_passes_the_suite(tmp_path):
    (tmp_path / "test_shelf.py").write_text(SUITE, encoding="utf-8")
    done = run_python(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        tmp_path,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests" / "third_party")},
    )
    assert done.returncode == 0, done.stdout
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 50
