"""Records of experiments in a real Sumatra project."""

from __future__ import annotations

import subprocess
import sys
import warnings

import pytest

pytest.importorskip("git")
pytest.importorskip("sumatra")

from pypet import Environment, GitDiffError

pytestmark = pytest.mark.timeout(100)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A committed script in a Sumatra project; the user's own settings of git do not count."""
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
        (sys.executable, "-W", "ignore", "-c", "from sumatra.commands import init; init(['demo'])"),
    ):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return folder


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
