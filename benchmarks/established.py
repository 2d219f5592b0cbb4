"""An environment of its own with the established pypet, to measure or exchange files with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = (
    "pypet==0.6.1",
    # Newer versions break it.
    "numpy<1.24",
    "pandas<2",
    "tables<3.9",
    "scipy<1.12",
    "setuptools<80",
    # It does not declare these.
    "pyzmq",
    "psutil",
    "scoop==0.7.2",
)
PYTHON = (3, 11)
"""The newest version of Python for which these have wheels."""

SECONDS = 900
"""Time that one command may take."""


def established_python(folder: Path) -> str:
    """Return the Python of an environment with the established pypet, made if necessary."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"Making {folder} with {', '.join(REQUIREMENTS)} ...", flush=True)
        run(suitable_python(), "-m", "venv", str(folder))
        run(str(python), "-m", "pip", "install", "-q", *REQUIREMENTS)
    return str(python)


def suitable_python() -> str:
    """Return a Python of the right version."""
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    name = "python{}.{}".format(*PYTHON)
    found = shutil.which(name)
    if found is None:
        raise SystemExit(f"The established pypet needs {name}, which is not on the search path.")
    return found


def run(*command: str, environment: dict[str, str] | None = None) -> str:
    """Run a command and return what it printed; if it fails, show what it said and end."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, check=False, env=environment
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
        raise SystemExit(f"Failed: {' '.join(command)}")
    return done.stdout
