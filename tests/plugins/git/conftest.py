from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("git")


class Work:
    """A real repository with one committed file, `code.py`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *arguments: str, at: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or self.root,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, name: str, content: bytes) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def state(self) -> tuple[str, str, str]:
        """Everything that an experiment that leaves the repository alone must not change."""
        objects = self.git("count-objects", "-v")
        return self.git("status", "--porcelain=v2"), self.git("stash", "list"), objects

    def files(self) -> dict[str, bytes]:
        return files_in(self.root)


def files_in(root: Path) -> dict[str, bytes]:
    return {
        os.fspath(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(root).parts
    }


def code_group(env):
    """The group of what belongs to one environment."""
    return env.traj.f_get(f"config.environment.{env.name}.code", shortcuts=False)


def with_submodule(work: Work) -> Work:
    """Add a clone of the repository itself as the submodule `lib`."""
    library = work.root.parent / "library"
    work.git("clone", "-q", ".", str(library))
    work.git("submodule", "--quiet", "add", str(library), "lib")
    work.git("commit", "-q", "-a", "-m", "Library")
    return work


@pytest.fixture(autouse=True)
def own_git_config(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "gitconfig"
    config.write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.org\n"
        '[init]\n\tdefaultBranch = main\n[protocol "file"]\n\tallow = always\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return config


@pytest.fixture
def empty(tmp_path):
    root = tmp_path / "code"
    root.mkdir()
    work = Work(root)
    work.git("init", "-q")
    return work


@pytest.fixture
def work(empty):
    empty.write("code.py", b"x = 1\n")
    empty.git("add", "code.py")
    empty.git("commit", "-q", "-m", "First")
    return empty
