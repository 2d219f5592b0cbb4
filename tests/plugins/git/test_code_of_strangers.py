"""Restoring the code of a trajectory that anybody may have written."""

from __future__ import annotations

import contextlib
import os
import subprocess
import zlib

import numpy as np
import pytest

from pypet import ArrayParameter, Trajectory
from pypet.cli import main
from pypet.errors import GitError
from pypet.plugins.git import checkout_code
from tests.plugins.git.conftest import files_in

pytestmark = pytest.mark.timeout(60)

NEW_FILE = """\
diff --git a/{path} b/{path}
new file mode {mode}
index 0000000000000000000000000000000000000000..{sha}
--- /dev/null
+++ b/{path}
@@ -0,0 +1 @@
+{line}
"""
SHA = "0123456789012345678901234567890123456789"


def remembering(base="", patch=b"", *, repository=None, packed=None, **more):
    """Return a trajectory with a difference, as a file may hold it."""
    traj = Trajectory("t", storage_service="memory")
    traj.f_add_config("git.diff_1.base", base)
    packed = np.frombuffer(zlib.compress(patch), np.uint8) if packed is None else packed
    traj.f_add_config(ArrayParameter, "git.diff_1.patch", packed)
    for name, value in more.items():
        traj.f_add_config(f"git.diff_1.{name}", value)
    if repository is not None:
        traj.f_add_config("environment.e.code.snapshot", "diff_1")
        traj.f_add_config("environment.e.code.repository", str(repository))
    return traj


def new_file(path, line="evil", mode="100644"):
    return NEW_FILE.format(path=path, line=line, mode=mode, sha="1" * 40)


def canary(work, name):
    """Return a program that leaves a file, and that file."""
    mark = work.root.parent / f"{name}.was_run"
    program = work.write(f".git/{name}.sh", f"#!/bin/sh\ntouch '{mark}'\ncat\n".encode())
    program.chmod(0o755)
    return program, mark


def everything_but(folder, root):
    return {
        path: path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and folder not in path.parents and ".git" not in path.parts
    }


@pytest.mark.parametrize(
    "value",
    [
        "--index-output={}/evil",
        "-h",
        "HEAD",
        "main",
        "{head:.12}",
        "{head}^",
        "{head}\n",
        " {head}",
        "refs/heads/main",
        ":0:code.py",
    ],
)
@pytest.mark.parametrize("kind", ["hexsha", "base"])
def test_only_full_hashes_are_taken_for_commits(work, tmp_path, kind, value):
    value = value.format(tmp_path, head=work.head())
    if kind == "base":
        traj = remembering(value)
    else:
        traj = Trajectory("t", storage_service="memory")
        traj.f_add_config("git.commit_1.hexsha", value)
    before = everything_but(tmp_path / "new", tmp_path)
    with pytest.raises(GitError, match=rf"config\.git\.\w+\.{kind}.*not the full hash"):
        checkout_code(traj, tmp_path / "new", work.root)
    assert everything_but(tmp_path / "new", tmp_path) == before
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["base", "patch", "unconverted", "repository", "hexsha"])
def test_values_of_other_types_are_refused(work, tmp_path, name):
    traj = Trajectory("t", storage_service="memory")
    if name == "hexsha":
        traj.f_add_config("git.commit_1.hexsha", 7)
    else:
        traj = remembering(
            7 if name == "base" else work.head(),
            packed=np.zeros(3) if name == "patch" else None,
            unconverted="code.py" if name == "unconverted" else ("code.py",),
        )
        traj.f_add_config("environment.e.code.snapshot", "diff_1")
        traj.f_add_config("environment.e.code.repository", 7 if name == "repository" else "x")
    with pytest.raises(GitError, match=rf"config\.\w+\.\w+\.(code\.)?{name}` "):
        checkout_code(traj, tmp_path / "new", work.root)


def test_values_in_place_of_groups_are_no_code(tmp_path):
    traj = Trajectory("t", storage_service="memory")
    traj.f_add_config("git", 1)
    traj.f_add_config("environment", 1)
    with pytest.raises(GitError, match="has no recorded code"):
        checkout_code(traj, tmp_path / "new")


def test_a_recorded_repository_is_told_but_not_used(work, tmp_path, capsys):
    program, mark = canary(work, "filter")
    work.git("config", "filter.own.smudge", str(program))
    work.write(".git/info/attributes", b"* filter=own\n")
    traj = remembering(work.head(), repository=work.root)
    with pytest.raises(GitError, match=r"is in no git repository\. The trajectory says") as told:
        checkout_code(traj, tmp_path / "new")
    assert repr(str(work.root)) in str(told.value)
    assert "--repository" in str(told.value)
    assert not (tmp_path / "new").exists()
    assert not mark.exists()


def test_the_repository_of_the_current_folder_is_the_default(work, tmp_path, monkeypatch):
    (work.root / "below").mkdir()
    monkeypatch.chdir(work.root / "below")
    traj = remembering(work.head(), repository="/no/such/place")
    assert files_in(checkout_code(traj, tmp_path / "new")) == {"code.py": b"x = 1\n"}


def test_a_commit_that_is_not_there_is_told_with_the_recorded_place(work, tmp_path):
    traj = remembering(SHA, repository="/recorded/place")
    with pytest.raises(GitError, match=rf"Commit {SHA} is not in .*/code\. .*'/recorded/place'"):
        checkout_code(traj, tmp_path / "new", work.root)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("filters", [False, True])
def test_filters_run_only_if_asked_for(work, tmp_path, caplog, filters):
    program, mark = canary(work, "filter")
    work.write(".gitattributes", b"*.py filter=own\n")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "Attributes")
    work.git("config", "filter.own.smudge", str(program))
    work.git("config", "filter.own.clean", str(program))
    folder = checkout_code(remembering(work.head()), tmp_path / "new", work.root, filters=filters)
    assert files_in(folder) == work.files()
    assert mark.exists() is filters
    assert ("code.py" in caplog.text and "no filters were run" in caplog.text) is not filters


@pytest.mark.parametrize("filters", [False, True])
def test_hooks_and_monitors_never_run(work, tmp_path, filters):
    marks = []
    for name in ("post-index-change", "post-checkout", "reference-transaction", "fsmonitor"):
        program, mark = canary(work, name)
        marks.append(mark)
        if name == "fsmonitor":
            work.git("config", "core.fsmonitor", str(program))
        else:
            program.rename(work.root / ".git" / "hooks" / name)
    work.git("checkout", "-q", "-b", "other")
    assert any(mark.exists() for mark in marks)  # they do run if git is called otherwise
    for mark in marks:
        mark.unlink(missing_ok=True)
    traj = remembering(work.head(), new_file("new.py").encode())
    checkout_code(traj, tmp_path / "new", work.root, filters=filters)
    assert not any(mark.exists() for mark in marks)


def test_nothing_is_fetched_for_a_partial_clone(work, tmp_path):
    program, mark = canary(work, "fetch")
    blob = work.git("rev-parse", "HEAD:code.py")
    for name, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.url", f"ext::{program}"),
        ("protocol.ext.allow", "always"),
    ):
        work.git("config", name, value)
    head = work.head()
    (work.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(GitError, match=f"git cannot restore {head}"):
        checkout_code(remembering(head), tmp_path / "new", work.root)
    assert not mark.exists()


@pytest.mark.parametrize(
    "path",
    [
        "../evil",
        "a/../../evil",
        "/tmp/evil-of-pypet",
        ".git/hooks/evil",
        "a/.git/config",
        ".GIT/config",
        ".git",
        "git~1/config",
        "./evil",
        "a//evil",
        "a\\\\..\\\\evil",
    ],
)
def test_paths_of_a_patch_do_not_leave_the_folder(work, tmp_path, path):
    before = everything_but(tmp_path / "new", tmp_path)
    traj = remembering(work.head(), new_file(path).encode())
    try:
        folder = checkout_code(traj, tmp_path / "new", work.root)
    except GitError:
        assert not (tmp_path / "new").exists()
    else:  # git takes it for a name within the folder
        assert len(files_in(folder)) == 2
    assert everything_but(tmp_path / "new", tmp_path) == before
    assert not list(tmp_path.glob("new/**/.git"))
    assert not os.path.exists("/tmp/evil-of-pypet")


def link_patch(target, path="link"):
    link = new_file(path, line=target, mode="120000")
    return f"{link}\\ No newline at end of file\n"


def test_a_patch_does_not_write_through_its_own_link(work, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    patch = link_patch(str(outside)) + new_file("link/evil")
    with pytest.raises(GitError):
        checkout_code(remembering(work.head(), patch.encode()), tmp_path / "new", work.root)
    assert not list(outside.iterdir())


def raw_commit(work, *entries):
    """Commit a tree that git itself would not make, from modes, names and hashes."""
    tree = b"".join(
        f"{mode} {name}".encode() + b"\0" + bytes.fromhex(sha) for mode, name, sha in entries
    )
    command = ["git", "hash-object", "-w", "--literally", "--stdin", "-t", "tree"]
    done = subprocess.run(
        command, cwd=work.root, input=tree, capture_output=True, check=True, timeout=30
    )
    return work.git("commit-tree", "-m", "Evil", done.stdout.decode().strip())


def test_names_in_a_commit_do_not_leave_the_folder(work, tmp_path):
    blob, tree = work.git("rev-parse", "HEAD:code.py"), work.git("rev-parse", "HEAD^{tree}")
    for number, entry in enumerate(
        [("100644", "../evil", blob), ("40000", "..", tree), ("40000", ".git", tree)]
    ):
        traj = remembering(raw_commit(work, entry))
        with pytest.raises(GitError):
            checkout_code(traj, tmp_path / f"new{number}", work.root)
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "code.py").exists()


@pytest.mark.parametrize("link", ["link", "LINK", "Link"])
@pytest.mark.parametrize("unconverted", [(), ("link/code.py",)])
def test_a_commit_does_not_write_through_its_own_link(work, tmp_path, link, unconverted):
    outside = tmp_path / "outside"
    outside.mkdir()
    target = work.write(".git/target", os.fsencode(outside))
    blob = work.git("hash-object", "-w", str(target))
    tree = work.git("rev-parse", "HEAD^{tree}")
    commit = raw_commit(work, ("120000", link, blob), ("40000", "link", tree))
    traj = remembering(commit, **({"unconverted": unconverted} if unconverted else {}))
    # Of two entries with the very same name git itself drops one.
    with pytest.raises(GitError) if link != "link" else contextlib.suppress(GitError):
        checkout_code(traj, tmp_path / "new", work.root)
    assert not list(outside.iterdir())


def binary_patch(work, content, change=b""):
    """Return a patch that adds a file, or changes it so that git makes a delta."""
    work.write("big.bin", content)
    work.git("add", "-A")
    if change:
        work.git("commit", "-q", "-m", "Big")
        work.write("big.bin", content + change)
        work.git("add", "-A")
    patch = work.git("diff", "--cached", "--binary", "--full-index", "HEAD")
    work.git("reset", "-q", "--hard")
    return (patch + "\n\n").encode()


LIMIT = 1_000_000


def test_a_patch_that_unpacks_to_more_than_allowed_is_refused(work, tmp_path):
    traj = remembering(work.head(), b"+" * (LIMIT + 1))
    with pytest.raises(GitError, match=r"diff_1\.patch` makes more than 1000000 bytes"):
        checkout_code(traj, tmp_path / "new", work.root, size_limit=LIMIT)


@pytest.mark.parametrize("change", [b"", b"x" * 50], ids=["literal", "delta"])
def test_files_in_a_patch_that_unpack_to_more_than_allowed_are_refused(work, tmp_path, change):
    content = bytes(LIMIT - 1000) + os.urandom(900) if change else bytes(LIMIT + 1)
    patch = binary_patch(work, content, change)
    assert (b"\ndelta " in patch) == bool(change)
    assert len(patch) < LIMIT / 100
    traj = remembering(work.head(), patch)
    too_little = LIMIT - 500 if change else LIMIT
    with pytest.raises(GitError, match="makes more than"):
        checkout_code(traj, tmp_path / "a", work.root, size_limit=too_little)
    folder = checkout_code(traj, tmp_path / "b", work.root, size_limit=3 * LIMIT)
    assert (folder / "big.bin").read_bytes() == content + change


@pytest.mark.parametrize(
    "packed", [b"", b"no zlib", zlib.compress(b"x" * 9999, 0)[:-200]], ids=["", "text", "cut"]
)
def test_what_is_no_compressed_patch_is_told(work, tmp_path, packed):
    traj = remembering(work.head(), packed=np.frombuffer(packed, np.uint8))
    with pytest.raises(GitError, match=r"diff_1\.patch` is not a compressed patch"):
        checkout_code(traj, tmp_path / "new", work.root)


@pytest.mark.parametrize("line", [b"literal -1", b"literal 9x", b"delta " + b"9" * 30, b"delta 5"])
def test_sizes_in_a_patch_that_nobody_writes_are_refused(work, tmp_path, line):
    patch = new_file("a.bin").encode() + b"GIT binary patch\n" + line + b"\n"
    with pytest.raises(GitError, match=r"is not a compressed patch|cannot be restored"):
        checkout_code(remembering(work.head(), patch), tmp_path / "new", work.root)


def test_the_command_does_not_use_the_recorded_repository(work, tmp_path, capsys):
    pytest.importorskip("h5py")
    filename = str(tmp_path / "data.hdf5")
    traj = Trajectory("t", filename=filename)
    traj.f_add_config("git.commit_1.hexsha", work.head())
    traj.f_add_config("environment.e.code.snapshot", "commit_1")
    traj.f_add_config("environment.e.code.repository", str(work.root))
    traj.f_store()
    arguments = ["checkout", filename, "t", str(tmp_path / "new")]
    assert main(arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(work.root) in line
    assert not (tmp_path / "new").exists()
    assert main([*arguments, "--repository", str(work.root)]) == 0
    assert files_in(tmp_path / "new") == work.files()
