"""Start an example as its readers do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.processes import run_python

EXAMPLES = Path(__file__).parents[2] / "examples"


def run_example(
    name: str, *arguments: object, folder: Path, seconds: float = 100
) -> subprocess.CompletedProcess[str]:
    """Return what the example of this name did in ``folder``; it must succeed.

    It sees neither a surrounding git repository nor the user's configuration of git.
    """
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = run_python(EXAMPLES / name, *map(str, arguments), cwd=folder, env=env, timeout=seconds)
    assert done.returncode == 0, done.stderr
    return done
