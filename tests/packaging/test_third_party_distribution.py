"""A third party's distribution works like pypet's own plugins; its broken plugin harms nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.plugin_folders import write_distribution

HERE = Path(__file__).resolve().parent.parent / "third_party"
PROJECT = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf8"))["project"]

SIMULATION = """
from pypet import Environment

def multiply(traj):
    traj.f_add_result("z", traj.x * traj.y, comment="product")

if __name__ == "__main__":
    with Environment(
        trajectory="mult", storage_service="shelf", shelf_file="mult.shelf", log_config=None
    ) as env:
        env.traj.f_add_parameter("x", 1)
        env.traj.f_add_parameter("y", 1)
        env.traj.f_explore({"x": [1, 2, 3], "y": [4, 5, 6]})
        env.run(multiply)
"""

ANALYSIS = """
from pypet import load_trajectory

traj = load_trajectory("mult", storage_service="shelf", shelf_file="mult.shelf", load_data=2)
print([traj.f_get(f"results.runs.{name}.z").f_get() for name in traj.f_get_run_names()])
"""


@pytest.fixture
def python(tmp_path):
    """Return a function that runs Python where the distribution is installed."""
    site = tmp_path / "site"
    site.mkdir()
    entry_points = PROJECT["entry-points"]["pypet"]
    write_distribution(site, PROJECT["name"], entry_points, PROJECT["version"])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(HERE)])}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_listing_shows_the_good_and_the_broken_plugin(python):
    rows = {row["plugin"]: row for row in json.loads(python("-m", "pypet", "plugins", "--json"))}
    shelf, wreck = rows["shelf"], rows["wreck"]
    assert (shelf["family"], shelf["name"]) == ("storage", "shelf")
    assert (shelf["distribution"], shelf["version"]) == ("pypet-shelf", "0.1")
    assert (shelf["status"], wreck["status"]) == ("loaded", "failed")
    assert wreck["reason"] == "raised RuntimeError: this plugin is broken"
    assert rows["lazy"]["status"] == "loaded"


def test_an_experiment_is_stored_and_read_again_in_another_process(python, tmp_path):
    (tmp_path / "simulation.py").write_text(SIMULATION, encoding="utf8")
    python("simulation.py")
    assert python("-c", ANALYSIS).strip() == "[4, 10, 18]"
