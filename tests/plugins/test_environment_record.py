"""What an experiment was executed with is kept with it."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

from pypet import Environment
from pypet.plugins.environment_record import distributions


def experiment(trajectory="test", **options):
    env = Environment(
        trajectory, storage_service="memory", log_config=None, report_progress=False, **options
    )
    env.run(lambda traj: None)
    return env


def record(env):
    group = env.traj.f_get(f"config.environment.{env.name}.record", shortcuts=False)
    return {leaf.v_name: leaf.f_get() for leaf in group.f_iter_leaves()}


def test_interpreter_packages_and_command_line_are_recorded():
    found = record(experiment())
    assert sys.version in found["python"]
    assert sys.orig_argv[0] in found["command_line"]
    assert f"numpy=={version('numpy')}" in found["distributions"].splitlines()
    assert set(found) == {
        "python",
        "executable",
        "platform",
        "host",
        "command_line",
        "working_directory",
        "distributions",
    }


def test_each_environment_has_one_record():
    first = experiment()
    first.run(lambda traj: None)
    second = Environment(first.traj, log_config=None, report_progress=False)
    second.run(lambda traj: None)
    assert record(first) == record(second)
    assert first.name != second.name


@pytest.mark.parametrize(
    "options", [{"record_environment": False}, {"disable_plugins": "environment_record"}], ids=str
)
def test_the_record_can_be_switched_off(options):
    env = experiment(**options)
    assert not env.traj.f_contains(f"config.environment.{env.name}.record", shortcuts=False)


def test_the_first_of_several_versions_on_the_path_counts(tmp_path):
    for folder, name in (
        ("first", "some_package-1.0.dist-info"),
        ("first", "broken.dist-info"),
        ("second", "Some_Package-2.0.dist-info"),
        ("second", "old-3.1-py3.11.egg-info"),
        ("second", "no_metadata-1.0"),
    ):
        (tmp_path / folder / name).mkdir(parents=True)
    path = tuple(str(tmp_path / name) for name in ("first", "missing", "second"))
    assert distributions(path) == (("broken", ""), ("old", "3.1"), ("some_package", "1.0"))
