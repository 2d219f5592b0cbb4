"""Environments from TOML files."""

from __future__ import annotations

import logging

import pytest

from pypet import Environment

BASE = """
[trajectory]
trajectory = "Demo"
v_auto_load = true

[environment]
report_progress = [10, "pypet", 20]

[storage_service]
storage_service = "memory"

[parameters]
Rate = 0.5
names = ["a", "b"]

[parameters.grid]
dx = { value = 0.1, comment = "step size" }
shape.nx = 10

[config]
author = "me"

[logging]
version = 1
root = { level = "INFO", handlers = ["mine"] }
handlers.mine = { class = "logging.FileHandler", filename = "my_logs/$traj.txt" }
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text=BASE):
        path = tmp_path / "experiment.toml"
        path.write_text(text, encoding="utf8")
        return path

    return write


def test_tables_become_options_parameters_and_logging(write, tmp_path):
    with Environment(config=write()) as env:
        logging.getLogger("x").info("said")
    traj = env.traj
    assert traj.v_name == "Demo"
    assert traj.v_auto_load
    assert env.options["report_progress"] == (10, "pypet", 20)
    assert traj.f_get("parameters.Rate").f_get() == 0.5
    assert traj.f_get("parameters.names").f_get() == ["a", "b"]
    assert traj.f_get("parameters.grid.dx").f_get() == 0.1
    assert traj.f_get("parameters.grid.dx").v_comment == "step size"
    assert traj.f_get("parameters.grid.shape.nx").f_get() == 10
    assert traj.f_get("config.author").f_get() == "me"
    assert "said" in (tmp_path / "my_logs" / "Demo.txt").read_text()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("v_auto_load = true", "v_auto_load = True", "malformed.*line 4"),
        ("v_auto_load = true", "ncores = 'two'", r"line 4.*ncores"),
        ("v_auto_load = true", "v_auto_laod = true", r"line 4.*v_auto_load"),
        ("[config]", "[confg]", r"\[config\]"),
        ('comment = "step size"', "unit = 3", "a value and a comment"),
    ],
)
def test_mistakes_are_told_with_file_and_line(write, tmp_path, before, after, message):
    path = write(BASE.replace(before, after))
    with pytest.raises(ValueError, match=message) as caught:
        Environment(config=str(path))
    assert "experiment.toml" in str(caught.value)
    assert list(tmp_path.iterdir()) == [path]
