"""The page about the command line shows what the commands print, and names all keys of the JSON."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("h5py")

from pypet.plugins.show import description

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
(SCRIPT,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SHOWN = re.findall(r"^```console\n\$ (pypet [^\n|]*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)

VARYING = re.compile(
    r"\d{4}_\d\d_\d\d_\d\dh\d\dm\d\ds|\d{4}-\d\d-\d\dT[\d:]{8}|pypet \d[\w.]*"
    r"|[\d.e-]+ s a run \([\d.e-]+ to [\d.e-]+ s\)|[\d.]+ (?:KiB|MiB|B)\b|\d+ entries"
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
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(("command", "output"), SHOWN, ids=[command for command, _ in SHOWN])
def test_commands_print_what_the_page_says(folder, command, output):
    assert VARYING.sub("#", printed(folder, command)) == VARYING.sub("#", output)


def test_all_kinds_of_output_are_on_the_page():
    assert len(SHOWN) == 3


def test_the_json_is_what_the_page_says(folder):
    described = json.loads(printed(folder, "pypet show data/gains.hdf5 gains --json"))
    rate = described["contents"]["results"][0]["items"][0]
    line = json.dumps([rate[key] for key in ("name", "types", "shapes", "nbytes")])
    assert line.replace(" ", "") in PAGE


KEYS = {
    field.name
    for kind in vars(description).values()
    if dataclasses.is_dataclass(kind)
    for field in dataclasses.fields(kind)
}


@pytest.mark.parametrize("key", sorted(KEYS))
def test_every_key_of_the_json_is_on_the_page(key):
    assert f"`{key}`" in PAGE
