"""Starting a script by ``python -m scoop``, as users do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import psutil

from tests.processes import wait_until

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
EXPERIMENTS = HERE / "experiments.py"
CONFORMANCE = HERE / "conformance.py"
SECONDS = 120
"""So long a script may take; it passes only if something hangs."""
MARK = "PYPET_TEST_LAUNCH"
RESULT = "RESULT: "


class Launched:
    """What a script did: exit status ``returncode``, ``output`` and the printed ``result``."""

    def __init__(self, returncode, output):
        self.returncode = returncode
        self.output = output

    @property
    def result(self):
        lines = self._lines()
        assert lines, self.output
        return json.loads(lines[-1].removeprefix(RESULT))

    @property
    def has_result(self):
        return bool(self._lines())

    def _lines(self):
        return [line for line in self.output.splitlines() if line.startswith(RESULT)]


def launch(folder, *arguments, script=EXPERIMENTS, workers=2):
    """Start a script in ``folder`` and return what it did; no process is left then."""
    mark = uuid.uuid4().hex
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    process = subprocess.Popen(
        [sys.executable, "-m", "scoop", "-n", str(workers), str(script), *arguments],
        cwd=folder,
        env={**os.environ, MARK: mark, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, _ = process.communicate(timeout=SECONDS)
    except BaseException:
        process.kill()
        for each in marked(mark):
            each.kill()
        process.communicate()
        raise
    wait_until(lambda: not marked(mark))
    return Launched(process.returncode, output)


def marked(mark):
    """Return the processes of a launch."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found
