"""The page about the command line shows what the commands print, and names all keys of the JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("h5py")

from pypet.catalog import descriptions
from pypet.catalog.comparison import Place
from pypet.catalog.differences import SECTIONS, Difference
from pypet.catalog.experiments import Process
from pypet.catalog.listing import Entry
from pypet.catalog.progress import RunProgress
from pypet.plugins.resume.commands.status_json import as_json
from pypet.plugins.resume.reading import ExperimentReport
from tests.processes import run_python

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
SCRIPT, KILLED_SCRIPT = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
ALL_SHOWN = re.findall(
    r"^```console\n\$ (pypet [^\n|]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
)
SHOWN = [each for each in ALL_SHOWN if "gains" in each[0] or "gains" in each[1]]
SHOWN_OF_KILLED = [each for each in ALL_SHOWN if each not in SHOWN]

VARYING = re.compile(
    r"\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds|\d{4}-\d\d-\d\d \d\d:\d\d"
    r"|\d{4}-\d\d-\d\dT[\d:]{8}|pypet \d[\w.]*"
    r"|[\d.e-]+ s a run(?: \([\d.e-]+ to [\d.e-]+ s\))?|[\d.]+ (?:KiB|MiB|B)\b|\d+ entries"
    r"|process \d+ on \S+|environment_[0-9a-f]{7}"
)
"""Times, versions, sizes in the file, and how many entries of the config there are."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    (folder / "gains.py").write_text(SCRIPT, encoding="utf-8")
    subprocess.run(
        [sys.executable, "gains.py"], cwd=folder, capture_output=True, timeout=100, check=True
    )
    return folder


def printed(folder, command):
    done = run_python("-m", *shlex.split(command), cwd=folder, check=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_commands_print_what_the_page_says(folder, command, output):
    assert VARYING.sub("#", printed(folder, command)) == VARYING.sub("#", output)


def test_all_kinds_of_output_are_on_the_page():
    assert len(SHOWN) == 8
    assert len(SHOWN_OF_KILLED) == 4


def test_commands_for_experiments_print_what_the_page_says(tmp_path):
    (tmp_path / "walk.py").write_text(KILLED_SCRIPT, encoding="utf-8")
    done = subprocess.run([sys.executable, "walk.py"], cwd=tmp_path, timeout=100, check=False)
    assert done.returncode == -signal.SIGKILL
    (tmp_path / "all_is_well").touch()
    for command, output in SHOWN_OF_KILLED:
        text = printed(tmp_path, command)
        text = text.replace(str(tmp_path), "/home/me").replace(sys.executable, "python")
        assert VARYING.sub("#", text) == VARYING.sub("#", output)


def test_the_json_is_what_the_page_says(folder):
    described = json.loads(printed(folder, "pypet show data/gains.hdf5 gains --json"))
    rate = described["contents"]["results"][0]["items"][0]
    line = json.dumps([rate[key] for key in ("name", "types", "shapes", "nbytes")])
    assert line.replace(" ", "") in PAGE


def keys_of(value):
    """Return the keys of all objects in JSON."""
    found = set(value) if isinstance(value, dict) else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return found.union(*map(keys_of, parts))


STATUS = as_json(
    [
        ExperimentReport(
            0.0, "t", None, "running", RunProgress(1), Process(1, "host", 0.0, 1), 0.0, "resume/t"
        )
    ]
)
"""What the command writes about an experiment."""

DESCRIBED = (*vars(descriptions).values(), Entry, Place, Difference)
KEYS = {
    field.name
    for kind in DESCRIBED
    if dataclasses.is_dataclass(kind)
    for field in dataclasses.fields(kind)
}


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_of_the_json_is_on_the_page(key):
    assert f"`{key}`" in PAGE


@pytest.mark.parametrize("key", sorted(keys_of(STATUS)))
def test_every_key_of_the_status_is_on_the_page(key):
    assert f"`{key}`" in PAGE or f'`"{key}"`' in PAGE


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_differences_is_on_the_page(section):
    assert f"`{section}`" in PAGE


@pytest.mark.parametrize(
    "command",
    [
        "show data/gains.hdf5 gains run_00000004.rate --json",
        "ls data --json",
        "table data/gains.hdf5 --json",
        "export data/gains.hdf5 --to other.json --json",
        "options seed --json",
    ],
)
def test_every_key_that_a_command_writes_is_on_the_page(folder, command):
    described = json.loads(printed(folder, f"pypet {command}"))
    for key in keys_of(described):
        assert f"`{key}`" in PAGE
