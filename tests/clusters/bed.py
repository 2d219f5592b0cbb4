"""A test bed: programs of a cluster in namespaces of their own, so that two of them never meet.

Mounts, host name, network and processes are the bed's; the rest of the file system is that of the
machine. Process 1 of the bed reads from a pipe that this process holds, and ends with it: however
pytest ends, the kernel then kills all that is left in the bed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).with_name("beds")
NAMESPACES = ("--mount", "--uts", "--net", "--pid")
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
"""Users other than root do not have the folders of servers in theirs."""


def reason_to_skip(programs: Mapping[str, str]) -> str | None:
    """Return why there can be no bed here, None if there can; ``programs`` says in which package
    each of them is."""
    if not sys.platform.startswith("linux"):
        return "namespaces are a matter of Linux"
    if os.geteuid() != 0:
        return "only root can make namespaces with a network of their own"
    missing = {
        package for program, package in programs.items() if not shutil.which(program, path=PATH)
    }
    if missing:
        return f"not installed: {', '.join(sorted(missing))}"
    trial = subprocess.run(
        ["unshare", *NAMESPACES, "--fork", "mount", "-t", "tmpfs", "none", "/mnt"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return None if trial.returncode == 0 else f"no namespaces here: {trial.stderr.strip()}"


class Bed:
    """Starts a script of the folder `beds`, and runs commands beside what it started."""

    script = ""
    programs: Mapping[str, str] = {}
    """Names of programs that are needed, and the Debian packages that have them."""
    environment: Mapping[str, str] = {}
    """What commands find in their environment, besides what there is."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """``folder`` gets state and logs; it is this bed's alone."""
        self.folder = folder
        apart = ("unshare", *NAMESPACES, "--fork", "--kill-child")
        self._process = subprocess.Popen(
            [*apart, "bash", str(SCRIPTS / "bed.sh"), self.script, str(folder), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment(None),
            start_new_session=True,  # CTRL+C is for pytest
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("ready "):
            self.close()
            log = (folder / "setup.log").read_text(errors="replace")
            raise RuntimeError(f"Test bed {self.script} did not come up: {log[-3000:]}")
        self._enter = ["nsenter", "--target", line.split()[1], *NAMESPACES, "--"]

    def close(self) -> None:
        """End all that runs in the bed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()

    def popen(
        self,
        *command: object,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Any:
        """Start a command in the bed, on its first host, in a process group of its own."""
        # To enter a namespace of mounts changes the folder to its root.
        place = ["env", f"--chdir={cwd or Path.cwd()}"]
        return subprocess.Popen(
            [*self._enter, *place, *map(str, command)],
            env=self._environment(env),
            start_new_session=True,
            text=True,
            **options,
        )

    def run(
        self,
        *command: object,
        seconds: float = 60,
        check: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Return what a command in the bed did, which has ``seconds`` for it."""
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        process = self.popen(*command, cwd=cwd, env=env, stderr=subprocess.PIPE, **streams)
        try:
            out, err = process.communicate(timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        done = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        if check:
            assert done.returncode == 0, f"{command}: {err or out}"
        return done

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return {**os.environ, "PATH": PATH, **self.environment, **(more or {})}
