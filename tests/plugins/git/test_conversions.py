"""What git converts (line ends, filters, modes) comes back from a difference as it was."""

from __future__ import annotations

import os
import random
import sys

import pytest

from pypet import Environment
from pypet.plugins.git import checkout_code
from pypet.plugins.git.repository import LARGE_BYTES
from tests.plugins.git.conftest import code_group, files_in

UNIX, DOS, MIXED = b"a\nb\nc\n", b"a\r\nb\r\nc\r\n", b"a\r\nb\nc\r\n"


def note(work):
    return Environment(
        trajectory="G",
        storage_service="memory",
        log_config=None,
        git_repository=str(work.root),
        git_commit=False,
    )


def restored(work, tmp_path):
    """Note the difference, reset the repository, and return what comes back."""
    before = work.state()
    env = note(work)
    assert work.state() == before
    work.git("checkout", "-q", "-f", "HEAD")
    return checkout_code(env.traj, tmp_path / "restored", work.root)


@pytest.mark.parametrize("autocrlf", ["true", "input", "false"])
@pytest.mark.parametrize("attributes", [b"", b"* text=auto eol=crlf\n", b"* -text\n"], ids=repr)
def test_line_ends_are_restored(work, tmp_path, autocrlf, attributes):
    work.git("config", "core.autocrlf", autocrlf)
    work.git("config", "core.safecrlf", "false")
    for name in ("unix", "dos", "mixed"):
        work.write(f"{name}.txt", b"first\n")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "Text")
    if attributes:
        work.write(".gitattributes", attributes)
    for folder in ("", "new/"):
        for name, content in (("unix", UNIX), ("dos", DOS), ("mixed", MIXED)):
            work.write(f"{folder}{name}.txt", content)
    work.write("code.py", b"x = 2\n")
    files = work.files()
    assert files_in(restored(work, tmp_path)) == files


def use_filter(work, clean, smudge, *, required=True):
    """Let git convert `*.dat` with two Python expressions over the bytes `b`."""
    for what, expression in (("clean", clean), ("smudge", smudge)):
        script = work.write(
            f".git/{what}.py",
            b"import sys, os, hashlib\nb = sys.stdin.buffer.read()\n"
            + f"sys.stdout.buffer.write({expression})\n".encode(),
        )
        work.git("config", f"filter.own.{what}", f"'{sys.executable}' '{script}'")
    work.git("config", "filter.own.required", str(required).lower())
    work.write(".gitattributes", b"*.dat filter=own\n")
    work.write("old.dat", b"old content\n")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "Filter")


CONTENT = bytes(range(256)) * 3


@pytest.mark.parametrize(
    ("clean", "smudge"),
    [("b[::-1]", "b[::-1]"), ("b[:5]", "b"), ("b", "b + b'!'"), ("b", "sys.exit(3)")],
    ids=["two ways", "loses on the way in", "adds on the way out", "fails on the way out"],
)
def test_filtered_files_are_restored(work, tmp_path, clean, smudge):
    use_filter(work, clean, "b" if "exit" in smudge else smudge)
    if "exit" in smudge:
        (work.root / ".git" / "smudge.py").write_text("import sys\nsys.exit(3)\n")
    for name in ("old.dat", "new file.dat", "*.dat"):
        work.write(name, CONTENT + name.encode())
    files = work.files()
    env = note(work)
    folder = checkout_code(env.traj, tmp_path / "restored", work.root, filters=True)
    assert files_in(folder) == files


def test_files_kept_outside_of_git_are_restored_from_there(work, tmp_path):
    """As Git LFS does: git holds a name, the filter's own folder the content."""
    kept = work.root / ".git" / "kept"
    kept.mkdir()
    use_filter(
        work,
        clean=f"(lambda n: (open('{kept}/' + n, 'wb').write(b), n.encode())[1])"
        "(hashlib.sha1(b).hexdigest())",
        smudge=f"open('{kept}/' + b.decode(), 'rb').read()",
    )
    work.write("old.dat", CONTENT)
    files = work.files()
    env = note(work)
    group = env.traj.config.git[code_group(env).snapshot]
    assert "unconverted" not in group
    assert len(group.patch) < len(CONTENT)
    assert (
        files_in(checkout_code(env.traj, tmp_path / "restored", work.root, filters=True)) == files
    )


def test_modes_and_links_are_restored(work, tmp_path):
    work.write("tool", b"#!/bin/sh\n").chmod(0o755)
    work.write("was_tool", b"#!/bin/sh\n").chmod(0o755)
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "Tools")
    (work.root / "was_tool").chmod(0o644)
    (work.root / "code.py").chmod(0o755)
    work.write("new_tool", b"#!/bin/sh\n").chmod(0o755)
    (work.root / "link").symlink_to("code.py")
    (work.root / "nowhere").symlink_to("missing")
    folder = restored(work, tmp_path)
    executable = {p.name for p in folder.iterdir() if p.stat(follow_symlinks=False).st_mode & 0o100}
    assert executable - {"link", "nowhere"} == {"tool", "code.py", "new_tool"}
    assert os.readlink(folder / "link") == "code.py"
    assert os.readlink(folder / "nowhere") == "missing"


def test_a_file_in_place_of_a_folder_is_restored(work, tmp_path):
    work.write("lib/a.py", b"")
    work.write("other", b"")
    work.git("add", "-A")
    work.git("commit", "-q", "-m", "Library")
    (work.root / "lib" / "a.py").unlink()
    (work.root / "lib").rmdir()
    (work.root / "other").unlink()
    work.write("lib", b"a file\n")
    work.write("other/b.py", b"in a folder\n")
    files = work.files()
    env = note(work)
    assert files_in(checkout_code(env.traj, tmp_path / "restored", work.root)) == files


def test_large_untracked_files_are_listed_but_not_kept(work, tmp_path, caplog):
    work.write("[x]*.bin", b"0" * (LARGE_BYTES + 1))
    work.write("x1.bin", b"small")
    env = note(work)
    assert "not stored with the code: [x]*.bin (10.0 MB)." in caplog.text
    assert code_group(env).untracked == ("[x]*.bin", "x1.bin")
    assert code_group(env).left_out == ("[x]*.bin",)
    assert sorted(files_in(checkout_code(env.traj, tmp_path / "a", work.root))) == [
        "code.py",
        "x1.bin",
    ]


def test_a_large_difference_is_warned_of(work, caplog, monkeypatch):
    monkeypatch.setattr("pypet.plugins.git.versioning.LARGE_BYTES", 100_000)
    for number in range(2):
        work.write(f"{number}.bin", random.Random(number).randbytes(60_000))
    note(work)
    assert "has 0.2 MB, because of 2 untracked files" in caplog.text


@pytest.mark.parametrize("has_commit", [False, True])
def test_repositories_within_are_warned_of(work, tmp_path, caplog, has_commit):
    work.git("init", "-q", "inner")
    work.write("inner/file", b"")
    if has_commit:
        work.git("add", ".", at=work.root / "inner")
        work.git("commit", "-qm", "Inner", at=work.root / "inner")
    env = note(work)
    assert "are not recorded: inner/" in caplog.text
    assert code_group(env).left_out == ("inner/",)
    assert list(files_in(checkout_code(env.traj, tmp_path / "a", work.root))) == ["code.py"]
