"""After the documented editable install, tools that execute nothing find the package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PARTS = (
    ".ci",
    "core",
    "plugins",
    "storage_backends",
    "wrap_modes",
    "pyproject.toml",
    "README.md",
    "LICENSE",
)


def execute(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of the repository, and the interpreter of an environment that it is installed in."""
    folder = tmp_path_factory.mktemp("editable")
    checkout = folder / "checkout"
    checkout.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(
                ROOT / part, checkout / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            shutil.copy(ROOT / part, checkout / part)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    execute(
        sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps",
        "--editable", checkout,
        folder=folder,
    )  # fmt: skip
    return checkout, python


def test_packages_are_where_the_path_says(installed: tuple[Path, Path]) -> None:
    checkout, python = installed
    code = (
        "import sys, pathlib, importlib.machinery as machinery\n"
        "spec = machinery.PathFinder.find_spec('pypet')\n"  # as tools do: without import hooks
        "folder = pathlib.Path(spec.submodule_search_locations[0])\n"
        "print(*(folder.joinpath(name).resolve() for name in sys.argv[1:]), sep='\\n')\n"
    )
    names = ("errors.py", "plugins/git", "storage_backends/hdf5", "wrap_modes/none.py")
    found = execute(python, "-c", code, *names, folder=checkout.parent).splitlines()
    expected = ("core/errors.py", "plugins/git", "storage_backends/hdf5", "wrap_modes/none.py")
    assert found == [str(checkout / name) for name in expected]


def test_new_module_is_found_without_another_install(installed: tuple[Path, Path]) -> None:
    checkout, python = installed
    (checkout / "plugins" / "written_later.py").write_text("ANSWER = 42\n")
    code = "import pypet.plugins.written_later as module; print(module.ANSWER)"
    # Elsewhere, for the checkout's own folders must not be what is imported.
    assert execute(python, "-c", code, folder=checkout.parent) == "42\n"


def test_type_checker_sees_the_public_names(installed: tuple[Path, Path]) -> None:
    pytest.importorskip("mypy")
    checkout, python = installed
    script = checkout.parent / "script.py"
    script.write_text("import pypet\nreveal_type(pypet.cartesian_product)\n")
    said = execute(
        sys.executable, "-m", "mypy", "--python-executable", python, "--cache-dir", "cache",
        "--follow-imports", "silent", script,
        folder=checkout.parent,
    )  # fmt: skip
    assert 'Revealed type is "def (' in said


@pytest.mark.parametrize("folder", ["plugins", "storage_backends", "wrap_modes"])
def test_importing_a_folder_under_its_own_name_is_refused(folder: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import {folder}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert f"The folder '{folder}' is the package 'pypet.{folder}'" in done.stderr
