"""An experiment that a hook of another repository starts records the repository it names."""

from __future__ import annotations

import os
import sys

import pytest

from tests.plugins.git.conftest import Work

SCRIPT = """
import os
from pypet import Environment
assert "GIT_INDEX_FILE" in os.environ
inherited = dict(os.environ)
for commit in (False, True):
    with Environment("hooked", storage_service="memory", log_config=None, report_progress=False,
                     git_repository={root!r}, git_commit=commit) as env:
        code = env.traj.f_get(f"config.environment.{{env.name}}.code")
        group = env.traj.config.git[code.snapshot]
        print(code.repository, group["base" if "patch" in group else "hexsha"])
assert dict(os.environ) == inherited
"""


@pytest.fixture
def hooked(work, tmp_path):
    """Another repository, whose commits start an experiment with the code of the first one."""
    root = tmp_path / "hooked"
    root.mkdir()
    hooked = Work(root)
    hooked.git("init", "-q")
    script = hooked.write("experiment.py", SCRIPT.format(root=str(work.root)).encode())
    text = f"#!/bin/sh\nexport GIT_DIR GIT_INDEX_FILE\nexec {sys.executable} {script} > said\n"
    hook = hooked.write(".git/hooks/pre-commit", text.encode())
    hook.chmod(0o755)
    hooked.git("add", "experiment.py")
    return hooked


@pytest.mark.parametrize("how", [(), ("--all",), ("--only", "experiment.py")], ids=str)
def test_the_repository_that_is_named_is_recorded(work, hooked, how, monkeypatch):
    work.write("code.py", b"x = 2\n")
    before = work.head()
    monkeypatch.setenv("GIT_DIR", str(hooked.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(hooked.root))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(hooked.root / ".git" / "objects"))
    hooked.git("commit", "-q", "-m", "First", *how)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.delenv(name)
    noted, committed = (hooked.root / "said").read_text().splitlines()
    assert noted == f"{work.root} {before}"
    assert committed == f"{work.root} {work.head()}"
    assert work.git("rev-parse", "HEAD~1") == before
    assert work.git("status", "--porcelain") == ""
    assert hooked.git("ls-tree", "-r", "--name-only", "HEAD") == "experiment.py"


def test_a_hook_of_the_repository_itself_can_note_the_difference(work, tmp_path):
    script = tmp_path / "experiment.py"
    text = SCRIPT.format(root=str(work.root)).replace("(False, True)", "(False,)")
    script.write_text(text)
    hook = work.write(
        ".git/hooks/pre-commit",
        f"#!/bin/sh\nexec {sys.executable} {script} > {tmp_path / 'said'}\n".encode(),
    )
    hook.chmod(0o755)
    work.write("code.py", b"x = 2\n")
    before = work.head()
    work.git("commit", "-q", "--all", "-m", "Second")
    assert (tmp_path / "said").read_text().split() == [os.fspath(work.root), before]
    assert work.git("ls-tree", "-r", "--name-only", "HEAD") == "code.py"
