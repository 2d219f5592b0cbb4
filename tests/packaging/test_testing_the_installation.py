"""`pypet.test` runs the suites that come with pypet over what is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pypet
from pypet.testing.installed import suites
from tests.processes import DEADLINE_SECONDS


def run(folder, call, before=""):
    code = f"{before}\nimport pypet\nprint('returned', pypet.test({call}))\n"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=3 * DEADLINE_SECONDS,
    )


def test_chosen_tests_are_executed_and_leave_nothing(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --of-the-user\n", encoding="utf8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "of the user").touch()
    choice = "lambda cls, name, tags: 'experiment' in tags and 'memory' in name"
    done = run(tmp_path, f"'data', predicate={choice}")
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "returned 0"
    assert [path.name for path in tmp_path.glob("data/*")] == ["of the user"]


def test_every_service_is_tested_by_its_name(tmp_path):
    done = run(
        tmp_path,
        "'.', False, lambda cls, name, tags: 'memory' in tags and 'identity' in name",
    )
    assert "1 passed" in done.stdout, done.stdout + done.stderr
    (kept,) = tmp_path.glob("pypet-test-*")
    assert (kept / "data").is_dir()


def test_failures_are_returned(tmp_path):
    broken = """
from pypet.storage_backends.memory import MemoryStorageService
MemoryStorageService.store = lambda self, *args, **kwargs: None
"""
    choice = "predicate=lambda cls, name, tags: 'memory' in tags and 'identity' in name"
    done = run(tmp_path, choice, broken)
    assert "1 failed" in done.stdout
    assert done.stdout.splitlines()[-1] == "returned 1"


def test_without_pytest_the_extra_is_named(tmp_path):
    done = run(tmp_path, "", "import sys; sys.modules['pytest'] = None")
    assert "MissingDependencyError" in done.stderr
    assert 'pip install "pypet[test]"' in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_there_are_tests_for_every_feature_that_stores():
    found = suites()
    tags = {tag for suite in found.values() for tag in suite.tags}
    assert {"memory", "lazy", "LOCK", "QUEUE", "PIPE", "LOCAL", "experiment"} <= tags
    assert "NONE" not in tags
    assert all(name.startswith("Test") for name in found)


def test_it_is_no_test_of_those_who_import_it():
    assert pypet.test.__test__ is False


def test_all_of_it_passes_on_runs_in_a_file(tmp_path):
    pytest.importorskip("tables")
    done = run(tmp_path, "predicate=lambda cls, name, tags: 'experiment' in tags")
    assert "10 passed" in done.stdout, done.stdout + done.stderr
