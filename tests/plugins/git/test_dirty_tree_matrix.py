"""What is recorded for each state of a repository, as the table in `docs/versioning.md` says.

Each row of that table is a state that is made here, each column a way to start an experiment, and
each cell is compared with what an experiment really recorded.
"""

from __future__ import annotations

import logging
import zlib
from pathlib import Path

import pytest

from pypet import Environment, GitDiffError
from pypet.errors import GitError
from pypet.plugins.git import checkout_code
from tests.plugins.git.conftest import Work, code_group, files_in, with_submodule

DOCS = Path(__file__).parents[3] / "docs" / "versioning.md"


def clean(work):
    return work


def unstaged(work):
    work.write("code.py", b"x = 2\n")
    return work


def staged(work):
    unstaged(work).git("add", "code.py")
    return work


def staged_and_put_back(work):
    staged(work).write("code.py", b"x = 1\n")
    return work


def untracked(work):
    work.write("new.py", b"y = 1\n")
    return work


def changes_in_a_submodule(work):
    with_submodule(work).write("lib/code.py", b"x = 5\n")
    return work


def other_commit_of_a_submodule(work):
    changes_in_a_submodule(work).git("commit", "-q", "-a", "-m", "5", at=work.root / "lib")
    return work


def detached(work):
    work.git("checkout", "-q", "--detach")
    return unstaged(work)


def empty_repository(work):
    for command in (("checkout", "-q", "--orphan", "none"), ("rm", "-q", "-rf", ".")):
        work.git(*command)
    return untracked(work)


def empty_repository_staged(work):
    empty_repository(work).git("add", "new.py")
    return work


def worktree(work):
    tree = work.root.parent / "tree"
    work.git("worktree", "add", "-q", str(tree))
    return unstaged(Work(tree))


STATES = {
    "clean": clean,
    "unstaged change": unstaged,
    "staged change": staged,
    "staged, then put back": staged_and_put_back,
    "untracked file": untracked,
    "changes in a submodule": changes_in_a_submodule,
    "other commit of a submodule": other_commit_of_a_submodule,
    "detached head, changed": detached,
    "no commit, nothing staged": empty_repository,
    "no commit, file staged": empty_repository_staged,
    "linked worktree, changed": worktree,
}
MODES = {
    "`git_fail=True`": {"git_fail": True},
    "default": {},
    "`git_commit=False`": {"git_commit": False},
}


def rows() -> dict[str, list[str]]:
    """State -> cells of the table in the docs."""
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCS.read_text(encoding="utf-8").splitlines()
        if line.startswith("|")
    ]
    start = next(number for number, row in enumerate(cells) if row[1:] == list(MODES))
    return {row[0]: row[1:] for row in cells[start + 2 : start + 2 + len(STATES)]}


def recorded(work: Work, options, tmp_path, caplog) -> str:
    """Start an experiment and describe what it recorded, after checking that it is true."""
    branch, before, files = work.git("branch", "--show-current"), work.state(), work.files()
    head = work.head() if has_commit(work) else ""
    try:
        with caplog.at_level(logging.INFO, "pypet"):
            env = Environment(
                trajectory="G",
                storage_service="memory",
                log_config=None,
                git_repository=str(work.root),
                **options,
            )
    except (GitDiffError, GitError) as err:
        assert (work.state(), work.files()) == (before, files)
        return f"`{type(err).__name__}`"
    code = code_group(env)
    group = env.traj.config.git[code.snapshot]
    restored = files_in(checkout_code(env.traj, tmp_path / "restored", work.root))
    listed = code.untracked if "untracked" in code else ()
    parts = []
    if "patch" in group:
        assert (work.state(), group.base, work.files()) == (before, head, files)
        patch = zlib.decompress(group.patch.tobytes()).decode()
        names = sorted(
            {line.split(" b/")[-1] for line in patch.splitlines() if line[:5] == "diff "}
        )
        assert restored == {
            name: content for name, content in files.items() if not name.startswith("lib/")
        }
        parts.append(f"{'HEAD' if head else 'no commit'} + {', '.join(names) or 'nothing'}")
    else:
        assert group.hexsha == work.head()
        assert work.git("branch", "--show-current") == branch
        parts.append("HEAD" if work.head() == head else "new commit")
        assert (env.hexsha == work.head()) == (parts == ["new commit"])
        if parts == ["new commit"]:
            assert f"new commit {env.hexsha}" in caplog.text
            assert work.git("status", "--porcelain", "--untracked-files=no") == ""
    if listed:
        parts.append(f"lists {', '.join(listed)}")
    if "dirty_submodules" in code:
        assert "within submodules are not recorded: lib" in caplog.text
        parts.append(f"warns of {', '.join(code.dirty_submodules)}")
    return "; ".join(parts)


def has_commit(work: Work) -> bool:
    return "branch.oid (initial)" not in work.git("status", "--branch", "--porcelain=v2")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("state", STATES)
def test_what_is_recorded_is_what_the_table_says(work, tmp_path, caplog, state, mode):
    made = STATES[state](work)
    expected = rows()[state][list(MODES).index(mode)]
    assert recorded(made, MODES[mode], tmp_path, caplog) == expected


def test_the_table_has_a_row_for_each_state():
    assert list(rows()) == list(STATES)
