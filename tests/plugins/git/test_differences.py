"""With git_commit=False the repository stays alone, and the code can be restored byte by byte."""

from __future__ import annotations

import pytest

from pypet import Environment, GitDiffError, Trajectory
from pypet.cli import main
from pypet.errors import GitError
from pypet.plugins.git import checkout_code
from tests.plugins.git.conftest import files_in, with_submodule
from tests.processes import run_python


def start(work, **options):
    options.setdefault("storage_service", "memory")
    return Environment(
        trajectory="G",
        log_config=None,
        git_repository=str(work.root),
        git_commit=False,
        **options,
    )


def clean(work):
    pass


def unstaged(work):
    work.write("code.py", b"x = 2\r\n\xff\x00no newline")


def staged(work):
    unstaged(work)
    work.git("add", "-A")


def staged_and_changed_again(work):
    staged(work)
    work.write("code.py", b"x = 3\n")


def untracked(work):
    work.write("folder/blöb.bin", bytes(range(256)) * 40)
    work.write("empty.txt", b"")


def deleted(work):
    (work.root / "code.py").unlink()


def renamed(work):
    work.git("mv", "code.py", "näme with space.py")


def detached(work):
    work.git("checkout", "-q", "--detach")
    unstaged(work)


def everything(work):
    unstaged(work)
    untracked(work)
    work.git("add", "empty.txt")
    work.git("config", "diff.noprefix", "true")
    work.git("config", "color.ui", "always")


STATES = [clean, unstaged, staged, staged_and_changed_again, untracked, deleted, renamed, detached]


@pytest.mark.parametrize("change", [*STATES, everything])
def test_the_repository_is_untouched_and_the_tree_restored(work, tmp_path, change):
    change(work)
    before = work.head(), work.state(), work.files()
    env = start(work)
    assert (work.head(), work.state(), work.files()) == before
    assert env.hexsha != work.head()
    work.git("checkout", "-q", "-f", "HEAD")
    folder = checkout_code(env.traj, tmp_path / "restored", work.root)
    assert files_in(folder) == before[2]


def test_code_without_any_commit_is_restored(empty, tmp_path):
    empty.write("code.py", b"x = 1\n")
    env = start(empty)
    folder = checkout_code(env.traj, tmp_path / "restored", empty.root)
    assert files_in(folder) == {"code.py": b"x = 1\n"}
    assert empty.git("status", "--porcelain") == "?? code.py"


def test_ignored_files_are_left_out(work, tmp_path):
    work.write(".gitignore", b"*.log\n")
    work.write("run.log", b"long")
    folder = checkout_code(start(work).traj, tmp_path / "restored", work.root)
    assert sorted(files_in(folder)) == [".gitignore", "code.py"]


def test_executable_bits_are_restored(work, tmp_path):
    (work.root / "code.py").chmod(0o755)
    folder = checkout_code(start(work).traj, tmp_path / "restored", work.root)
    assert (folder / "code.py").stat().st_mode & 0o100


def test_git_fail_comes_first(work):
    unstaged(work)
    with pytest.raises(GitDiffError, match=r"code\.py"):
        start(work, git_fail=True)


def test_another_git_at_work_does_not_matter(work, tmp_path):
    unstaged(work)
    files = work.files()
    (work.root / ".git" / "index.lock").touch()
    env = start(work)
    assert files_in(checkout_code(env.traj, tmp_path / "restored", work.root)) == files


def test_an_empty_repository_is_an_empty_difference(empty, tmp_path):
    env = start(empty, git_fail=True)
    (group,) = env.traj.config.git.f_get_groups().values()
    assert group.base == ""
    assert files_in(checkout_code(env.traj, tmp_path / "restored", empty.root)) == {}


def test_a_submodule_becomes_an_empty_folder(work, tmp_path):
    with_submodule(work)
    folder = checkout_code(start(work).traj, tmp_path / "restored", work.root)
    assert sorted(path.name for path in folder.iterdir()) == [".gitmodules", "code.py", "lib"]


def test_the_command_restores_from_a_file(work, tmp_path):
    pytest.importorskip("h5py")
    everything(work)
    filename = tmp_path / "data.hdf5"
    env = start(work, storage_service="hdf5", filename=str(filename))
    env.traj.f_store()
    done = run_python("-m", "pypet", "checkout", filename, "G", tmp_path / "code2", cwd=work.root)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "code2")
    assert files_in(tmp_path / "code2") == work.files()


def test_the_command_tells_in_one_line_that_there_is_no_file(tmp_path, capsys):
    pytest.importorskip("h5py")
    assert main(["checkout", str(tmp_path / "no.hdf5"), "G", str(tmp_path / "code2")]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "There is no file" in line


def test_a_machine_without_git_is_told(work, tmp_path):
    script = (
        "from pypet import Environment\n"
        "Environment(storage_service='memory', log_config=None, git_repository='.')\n"
    )
    done = run_python("-c", script, cwd=work.root, env={"PATH": str(tmp_path)})
    assert "MissingDependencyError: git_repository needs the program git" in done.stderr


def test_a_commit_is_restored_as_well(work, tmp_path):
    work.write("code.py", b"x = 2\n")
    env = Environment(
        trajectory="G", storage_service="memory", log_config=None, git_repository=str(work.root)
    )
    work.write("code.py", b"x = 3\n")
    assert files_in(checkout_code(env.traj, tmp_path / "a", work.root)) == {"code.py": b"x = 2\n"}


def test_a_folder_with_files_is_refused(work, tmp_path):
    env = start(work)
    with pytest.raises(FileExistsError, match="not empty"):
        checkout_code(env.traj, tmp_path)


def test_a_trajectory_without_code_is_told(tmp_path):
    env = Environment(trajectory="G", storage_service="memory", log_config=None)
    with pytest.raises(GitError, match="has no recorded code"):
        checkout_code(env.traj, tmp_path / "restored")


def test_of_several_versions_one_is_asked_for(work, tmp_path):
    env = start(work)
    unstaged(work)
    files = work.files()
    Environment(
        trajectory=env.traj,
        log_config=None,
        git_repository=str(work.root),
        git_commit=False,
    )
    with pytest.raises(GitError, match=r"several versions; name one of: diff_.*, diff_") as told:
        checkout_code(env.traj, tmp_path / "a", work.root)
    assert f"(of {env.name})" in str(told.value)
    names = [name for name in env.traj.config.git.f_get_groups() if name.startswith("diff")]
    restored = [files_in(checkout_code(env.traj, tmp_path / n, work.root, n)) for n in names]
    assert files in restored
    with pytest.raises(GitError, match="no `other`"):
        checkout_code(env.traj, tmp_path / "b", snapshot="other")


def test_a_commit_that_the_established_pypet_noted_is_restored(work, tmp_path):
    traj = Trajectory("G", storage_service="memory")
    traj.f_add_config("git.commit_1.hexsha", work.head())
    with pytest.raises(GitError, match="does not say where it was; name a repository"):
        checkout_code(traj, tmp_path / "a")
    folder = checkout_code(traj, tmp_path / "a", repository=work.root)
    assert files_in(folder) == work.files()


def test_gitpython_is_imported_only_if_a_repository_is_named(tmp_path):
    script = (
        "import sys\n"
        "from pypet import Environment\n"
        "Environment(storage_service='memory', log_config=None)\n"
        "print([name for name in ('git', 'gitdb', 'sumatra') if name in sys.modules])\n"
    )
    done = run_python("-c", script, cwd=tmp_path)
    assert done.stdout.strip() == "[]", done.stderr
