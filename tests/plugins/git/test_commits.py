"""Before an experiment changes are committed or refused, and the commit is noted."""

from __future__ import annotations

import logging

import git
import pytest

from pypet import Environment, GitDiffError
from pypet.errors import GitError
from pypet.plugins.git.repository import LARGE_BYTES
from pypet.utils import gitintegration
from tests.plugins.git.conftest import code_group, with_submodule


def start(path, **options):
    options.setdefault("trajectory", "G")
    return Environment(
        storage_service="memory", log_config=None, git_repository=str(path), **options
    )


def commit_group(env):
    (group,) = [g for n, g in env.traj.config.git.f_get_groups().items() if n.startswith("commit")]
    return group


def test_a_changed_file_is_committed_and_names_the_environment(work):
    before = work.head()
    work.write("code.py", b"x = 2\n")
    env = start(work.root, git_message="MSG", comment="CC")
    assert work.head() != before
    assert env.hexsha == work.head()
    assert work.git("status", "--porcelain") == ""
    group = commit_group(env)
    assert group.v_name.startswith(f"commit_{work.head()[:7]}_")
    assert group.hexsha == work.head()
    assert group.name_rev == f"{work.head()} main"
    assert group.committed_date == int(work.git("log", "-1", "--format=%ct"))
    message = f"MSG -- Trajectory: `G`, Time: `{env.traj.v_time}`, Comment: `CC`"
    assert group.message.strip() == message


def test_a_message_without_text_and_comment_has_neither(work):
    work.write("code.py", b"x = 2\n")
    env = start(work.root)
    assert commit_group(env).message.strip() == f"Trajectory: `G`, Time: `{env.traj.v_time}`"


def test_a_clean_tree_records_the_previous_commit(work, caplog):
    before = work.head()
    with caplog.at_level(logging.INFO, "pypet"):
        env = start(work.root, git_message="ignored", git_fail=True)
    assert work.head() == before != env.hexsha
    assert commit_group(env).message.strip() == "First"
    assert f"previous commit {before}" in caplog.text


def test_a_new_commit_is_logged_as_new(work, caplog):
    work.write("code.py", b"x = 2\n")
    with caplog.at_level(logging.INFO, "pypet"):
        start(work.root)
    assert f"new commit {work.head()}" in caplog.text


def change_unstaged(work):
    work.write("code.py", b"x = 2\n")


def change_staged(work):
    work.write("code.py", b"x = 2\n")
    work.git("add", "code.py")


def change_staged_and_put_back(work):
    change_staged(work)
    work.write("code.py", b"x = 1\n")


def delete(work):
    (work.root / "code.py").unlink()


def rename(work):
    work.git("mv", "code.py", "modèle ü.py")


def stage_new(work):
    work.write("new.py", b"")
    work.git("add", "new.py")


def test_an_empty_repository_is_told(empty):
    with pytest.raises(GitError, match="no commit yet"):
        start(empty.root)


CHANGES = [change_unstaged, change_staged, delete, rename, stage_new]


@pytest.mark.parametrize("change", [*CHANGES, change_staged_and_put_back])
def test_git_fail_refuses_every_change_and_leaves_it(work, change):
    change(work)
    before = work.head(), work.state()
    with pytest.raises(GitDiffError, match=r"uncommitted changes in .*\.py"):
        start(work.root, git_fail=True)
    assert (work.head(), work.state()) == before


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_in_the_commit(work, change):
    change(work)
    files = work.files()
    assert start(work.root).hexsha == work.head()
    listed = work.git("ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")
    assert sorted(name for name in listed if name) == sorted(files)


def test_untracked_files_are_listed_and_never_added(work):
    work.write("nöw.py", b"")
    work.write(".gitignore", b"*.log\n")
    work.write("run.log", b"")
    before = work.head()
    env = start(work.root, git_fail=True)
    assert work.head() == before
    assert sorted(code_group(env).untracked) == [".gitignore", "nöw.py"]


def test_a_hook_that_rejects_stops_before_anything(work, tmp_path):
    hook = work.write(".git/hooks/pre-commit", b"#!/bin/sh\necho no tabs please >&2\nexit 1\n")
    hook.chmod(0o755)
    work.write("code.py", b"x = 2\n")
    before = work.head(), work.git("status", "--porcelain=v2")
    with pytest.raises(GitError, match="no tabs please"):
        Environment(
            trajectory="G",
            storage_service="memory",
            log_folder=str(tmp_path / "logs"),
            git_repository=str(work.root),
        )
    assert (work.head(), work.git("status", "--porcelain=v2")) == before
    assert not (tmp_path / "logs").exists()


def test_nobody_to_commit_for_is_told(work, own_git_config):
    own_git_config.write_text("[user]\n\tuseConfigOnly = true\n")
    work.write("code.py", b"x = 2\n")
    before = work.head()
    with pytest.raises(GitError, match=r"user\.email|tell me who you are"):
        start(work.root)
    assert work.head() == before


def test_an_unfinished_merge_is_not_concluded(work):
    work.git("checkout", "-q", "-b", "other")
    work.write("code.py", b"x = 2\n")
    work.git("commit", "-q", "-a", "-m", "Other")
    work.git("checkout", "-q", "main")
    work.git("merge", "-q", "--no-ff", "--no-commit", "other")
    with pytest.raises(GitError, match="merge is in progress"):
        start(work.root)
    assert (work.root / ".git" / "MERGE_HEAD").exists()


@pytest.mark.parametrize("path", ["~/code", "~/code/sub"])
def test_home_and_subfolders_are_found(work, path):
    work.write("sub/.keep", b"")
    work.write("code.py", b"x = 2\n")
    assert start(path).hexsha == work.head()


def test_no_repository_is_the_error_of_gitpython(work, tmp_path):
    (tmp_path / "plain").mkdir()
    work.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    with pytest.raises(git.NoSuchPathError):
        start(tmp_path / "absent")
    with pytest.raises(git.InvalidGitRepositoryError) as caught:
        start(tmp_path / "plain")
    assert "git init" in caught.value.__notes__[0]
    with pytest.raises(git.InvalidGitRepositoryError):
        start(tmp_path / "bare")


def test_a_submodule_is_noted_with_its_commit(work):
    with_submodule(work)
    env = start(work.root, git_fail=True)
    (line,) = code_group(env).submodules
    assert line.split()[:2] == [work.git("rev-parse", "HEAD:lib"), "lib"]


def test_another_commit_of_a_submodule_is_committed(work):
    with_submodule(work)
    work.write("lib/code.py", b"x = 5\n")
    work.git("commit", "-q", "-a", "-m", "Five", at=work.root / "lib")
    assert start(work.root).hexsha == work.head()
    assert work.git("rev-parse", "HEAD:lib") == work.git("rev-parse", "HEAD", at=work.root / "lib")


def test_each_environment_keeps_its_own_lists(work):
    """Also if several of them share a commit."""
    first = start(work.root)
    work.write("new.py", b"")
    with_submodule(work)
    work.git("reset", "-q", "--soft", "HEAD~1")
    second = start(work.root)
    work.git("rm", "-q", "-f", "lib", ".gitmodules")
    work.git("reset", "-q", "--hard", second.hexsha)
    work.write("newer.py", b"")
    third = start(work.root, trajectory=second.traj)
    assert "untracked" not in code_group(first)
    assert code_group(second).untracked == ("new.py",)
    assert code_group(third).untracked == ("new.py", "newer.py")
    assert code_group(second).snapshot == code_group(third).snapshot
    group = second.traj.config.git[code_group(second).snapshot]
    assert set(group.f_get_children()) == {"hexsha", "name_rev", "committed_date", "message"}


def test_what_was_done_is_in_the_log_file(work, tmp_path):
    work.write("code.py", b"x = 2\n")
    work.write("data.bin", b"0" * (LARGE_BYTES + 1))
    with Environment(
        trajectory="G",
        storage_service="memory",
        log_folder=str(tmp_path / "logs"),
        git_repository=str(work.root),
    ):
        pass
    (log,) = (tmp_path / "logs").rglob("*LOG.txt")
    text = log.read_text()
    assert f"new commit {work.head()}" in text
    assert "listed, but not stored with the code: data.bin (10.0 MB)" in text


def test_a_repository_that_cannot_be_written_to_is_told(work):
    work.write("code.py", b"x = 2\n")
    (work.root / ".git" / "index.lock").touch()
    with pytest.raises(GitError, match=r"index\.lock"):
        start(work.root)


def test_the_established_functions_do_the_same(work):
    env = Environment(trajectory="G", storage_service="memory", log_config=None)
    assert gitintegration.make_git_commit(env, str(work.root), "", True) == (False, work.head())
    assert commit_group(env).hexsha == work.head()
    with git.Repo(work.root) as repository:
        gitintegration.add_commit_variables(env.traj, repository.head.commit)
    assert len(env.traj.config.git.f_get_groups()) == 1
