"""Records of experiments in a real Sumatra project."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("git")
pytest.importorskip("sumatra")

from pypet import Environment, GitDiffError
from pypet.plugins.sumatra.project import parameters_as_json

INIT = "import sys; from sumatra.commands import init; init(['demo', '--store', sys.argv[1]])"
STORE = ".smt/records.shelf"
"""Without Django this is what Sumatra chooses itself; it has no limits within one process."""


@pytest.fixture(params=[None])
def project(request, tmp_path, monkeypatch):
    """A committed script in a Sumatra project; the user's own settings of git do not count."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "main.py").write_text("print('simulating')\n")
    (folder / ".gitignore").write_text(".smt\nData\n")
    for command in (
        ("git", "init", "-q"),
        ("git", "config", "user.name", "Somebody"),
        ("git", "config", "user.email", "somebody@example.org"),
        ("git", "add", "."),
        ("git", "commit", "-qm", "first"),
        (sys.executable, "-W", "ignore", "-c", INIT, request.param or str(folder / STORE)),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=100)
    return folder


pytestmark = pytest.mark.usefixtures("main_script")


def records(folder, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from sumatra.projects import load_project

        with monkeypatch.context() as patch:
            patch.chdir(folder)
            return {record.label: record for record in load_project().find_records()}


def work(traj):
    return traj.f_get("parameters.x").f_get()


def environment(project, name="traj", **options):
    env = Environment(
        name,
        comment="a comment",
        storage_service="memory",
        log_config=None,
        report_progress=False,
        sumatra_project=str(project),
        **options,
    )
    return env


def run(env, function=work):
    env.traj.f_add_parameter("x", 1)
    env.traj.f_add_parameter("group.y", "text")
    env.traj.f_explore({"x": [1, 2, 3]})
    return env.run(function)


def test_a_successful_experiment_has_a_record(project, monkeypatch):
    env = environment(project, sumatra_reason="to see", sumatra_label="mine")
    run(env)
    (record,) = records(project, monkeypatch).values()
    assert record.label == "mine"
    assert record.parameters.as_dict()["parameters.x"] == [1, 2, 3]
    assert record.parameters.as_dict()["parameters.group.y"] == "text"
    assert 0 <= record.duration < 60
    assert record.executable.path == sys.executable
    assert record.outcome
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=project, text=True).strip()
    assert record.version == head
    assert record.reason.startswith("to see -- Trajectory `traj`, Comment: `a comment`")
    assert "parameters.x" in record.reason
    group = env.traj.f_get("config.sumatra.record_mine")
    assert group.f_get("label").f_get() == "mine"
    assert group.f_get("reason").f_get() == record.reason


def test_sumatra_chooses_a_label_if_none_is_given(project, monkeypatch):
    env = environment(project)
    run(env)
    (label,) = records(project, monkeypatch)
    assert env.traj.f_contains(f"config.sumatra.record_{label}.label", shortcuts=False)


def test_parameters_that_a_pipeline_adds_are_in_the_record(project, monkeypatch):
    def pipeline(traj):
        traj.f_add_parameter("x", 5)
        traj.f_explore({"x": [5, 6]})
        return (work,)

    environment(project, sumatra_label="piped").pipeline(pipeline)
    assert records(project, monkeypatch)["piped"].parameters.as_dict()["parameters.x"] == [5, 6]


def fail(traj):
    raise ValueError("no luck")


def test_a_failed_experiment_has_none(project, monkeypatch):
    env = environment(project)
    with pytest.raises(ValueError, match="no luck"):
        run(env, fail)
    assert records(project, monkeypatch) == {}
    assert not env.traj.f_contains("config.sumatra", shortcuts=False)


def test_a_label_is_used_once(project, monkeypatch):
    run(environment(project, sumatra_label="mine"))
    with pytest.raises(ValueError, match="'mine'"):
        environment(project, sumatra_label="mine")
    run(environment(project, "other", sumatra_label="another"))
    assert set(records(project, monkeypatch)) == {"mine", "another"}


def test_changed_code_is_refused_before_anything_runs(project, monkeypatch):
    (project / "main.py").write_text("print('changed')\n")
    with pytest.raises(GitDiffError, match="has changes"):
        environment(project)
    run(environment(project, git_repository=str(project)))
    assert len(records(project, monkeypatch)) == 1


def test_folders_without_project_and_labels_with_dots_are_refused(tmp_path, project):
    with pytest.raises(ValueError, match="smt init"):
        environment(tmp_path)
    with pytest.raises(ValueError, match="a dot"):
        environment(project, sumatra_label="a.b")


def test_the_current_folder_stays_where_it_is(project, monkeypatch):
    """It belongs to all threads of the process."""

    def refuse(path):
        raise AssertionError(f"went to {path}")

    with monkeypatch.context() as patch:
        patch.setattr(os, "chdir", refuse)
        run(environment(project))
    assert len(records(project, monkeypatch)) == 1


@pytest.mark.parametrize("project", [STORE], indirect=True)
def test_a_record_store_may_be_named_relative_to_the_project(project, monkeypatch, tmp_path):
    run(environment(project))
    assert len(records(project, monkeypatch)) == 1
    assert os.getcwd() == str(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]


def test_values_are_text_or_numbers_and_long_ranges_are_short(project, monkeypatch):
    env = environment(project, sumatra_reason="Übergröße “π”", sumatra_label="mäßig")
    texts = {"quotes": "a 'b' \"c\"", "lines": "a\nb = 3 # c", "umlaut": "größer → ∞"}
    for name, text in texts.items():
        env.traj.f_add_parameter(name, text)
    env.traj.f_add_parameter("array", np.arange(3))
    env.traj.f_add_parameter("nothing", None)
    env.traj.f_add_parameter("long", "x" * 1_000_000)
    env.traj.f_add_parameter("single", np.float32(0.5))
    env.traj.f_add_parameter("z", 1.0)
    env.traj.f_explore({"z": [0.5 * step for step in range(1_000_001)]})
    text = parameters_as_json(env.traj)
    assert len(text) < 20_000
    values = json.loads(text)
    assert values["parameters.z"] == (
        "1000001 values: 0.0, 0.5, 1.0, ..., 499999.0, 499999.5, 500000.0"
    )
    assert values["parameters.array"] == "array([0, 1, 2])"
    assert values["parameters.single"] == 0.5
    assert values["parameters.long"].endswith("... (1000000 characters)")
    env.traj.f_shrink(force=True)
    env.run(lambda traj: None)
    (record,) = records(project, monkeypatch).values()
    assert env.traj.f_get("config.sumatra.record_m__ig.label").f_get() == "mäßig"
    assert (record.label, record.reason[:13]) == ("mäßig", "Übergröße “π”")
    for name, expected in texts.items():
        assert record.parameters.as_dict()[f"parameters.{name}"] == expected


def test_the_main_script_and_what_it_imports_are_recorded(project, monkeypatch):
    (project / "own").mkdir()
    (project / "own" / "__init__.py").write_text("__version__ = '3.2'\n")
    (project / "main.py").write_text("import own\n")
    for command in (("git", "add", "."), ("git", "commit", "-qm", "second")):
        subprocess.run(command, cwd=project, check=True, timeout=100)
    monkeypatch.setattr(sys.modules["__main__"], "__file__", str(project / "main.py"))
    run(environment(project))
    (record,) = records(project, monkeypatch).values()
    assert record.main_file == "main.py"
    assert [dependency.name for dependency in record.dependencies] == ["own"]


def test_results_are_returned_although_the_record_cannot_be_saved(project, monkeypatch, caplog):
    def break_project(traj):
        shutil.rmtree(project / ".smt", ignore_errors=True)
        return 1

    env = environment(project)
    assert run(env, break_project) == [(0, 1), (1, 1), (2, 1)]
    assert "Sumatra could not save its record" in caplog.text
    assert not env.traj.f_contains("config.sumatra", shortcuts=False)


def test_a_damaged_project_is_told_before_anything_runs(project):
    (project / ".smt" / "project").write_text("{")
    with pytest.raises(ValueError, match=r"cannot open the project in .*project"):
        environment(project)
