"""Scripts of experiments, executed as processes of their own."""

from __future__ import annotations

import os
import textwrap

from tests.processes import run_python

SECONDS = 100


def script(folder, name, text):
    """Write a script and return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path


def run(*command, cwd, fails=False, **variables):
    """Execute Python with a command line; return what it printed, or its errors if it fails."""
    done = run_python(*map(str, command), cwd=cwd, env={**os.environ, **variables}, timeout=SECONDS)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout
