"""The imports of a script, found by Sumatra in a separate process.

Sumatra looks for modules relative to the current folder, which all threads of a process share.
"""

from __future__ import annotations

import logging
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

_logger = logging.getLogger("pypet")

TIMEOUT_SECONDS = 120.0
_SCRIPT = """
import contextlib, pickle, sys
from sumatra import dependency_finder, programs
with contextlib.redirect_stdout(sys.stderr):
    executable = programs.get_executable(path=sys.executable)
    found = dependency_finder.find_dependencies(sys.argv[1], executable)
sys.stdout.buffer.write(pickle.dumps(found))
"""


def find_dependencies(main_file: str, folder: Path) -> list[Any]:
    """Return Sumatra's dependencies of a script in a project; warn if it cannot find them."""
    command = [sys.executable, "-W", "ignore", "-c", _SCRIPT, main_file]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as err:
        _logger.warning("Sumatra cannot determine the imports of %s: %s", main_file, err)
        return []
    return list(pickle.loads(done.stdout))
