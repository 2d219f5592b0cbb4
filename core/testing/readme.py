"""Execute the script of a README, so that it stays true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

SECONDS = 300.0
"""After this time the script is killed."""


def run_readme_script(readme: Path, folder: Path) -> str:
    """Execute the first block of Python in a README and return what it wrote to stdout.

    Its working folder is ``folder``, which then has a file ``script.py``.

    Raises
    ------
    AssertionError
        There is no such block, or it failed; the message has what it wrote to stderr.
    subprocess.TimeoutExpired
        It took longer than `SECONDS`.
    """
    text = readme.read_text(encoding="utf-8")
    block = re.search(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert block is not None, f"{readme} has no block of Python"
    script = folder / "script.py"
    script.write_text(block[1], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
