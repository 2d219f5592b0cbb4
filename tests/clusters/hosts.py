"""Several hosts with ssh between them, made of network namespaces."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clusters.bed import Bed

BAD_CABLE = Path(__file__).with_name("bad_cable.py")


class Hosts(Bed):
    """Hosts ``head``, ``w1``, ``w2``, ... with the addresses 10.78.0.1, .2, .3, ...

    They share files and processes (so a process can be signalled from anywhere), not the network.
    """

    script = "hosts"
    programs = {"ip": "iproute2", "sshd": "openssh-server", "ssh": "openssh-client"}

    def on(self, host: str, *command: object) -> list[str]:
        """Return the command that executes another one on a host, without ssh."""
        named = f'hostname {host}; exec "$@"'
        return ["ip", "netns", "exec", host, "unshare", "--uts", "sh", "-c", named, "sh"] + [
            str(part) for part in command
        ]

    def cut(self, host: str) -> None:
        """Take the cable of a host out."""
        self.run("ip", "link", "set", f"v{host[1:]}", "down")

    def mend(self, host: str) -> None:
        """Put the cable of a host back."""
        self.run("ip", "link", "set", f"v{host[1:]}", "up")

    @contextmanager
    def bad_cable(self, host: str, *, delay: float, loss: float) -> Iterator[None]:
        """Let a host have a cable that delays packets by ``delay`` seconds each way and loses the
        part ``loss`` of them."""
        own, inner, outer, place = (f"{letter}{host[1:]}" for letter in ("v", "i", "o", "cable"))
        self._ip(
            f"netns add {place}",
            f"link add {outer} type veth peer name {inner} netns {place}",
            f"link set {own} netns {place}",
            f"-n {place} link set {own} up",
            f"-n {place} link set {inner} up",
            f"link set {outer} master br0 up",
        )
        try:
            command = ("ip", "netns", "exec", place, sys.executable, BAD_CABLE)
            with self.popen(*command, own, inner, delay, loss, stdout=subprocess.PIPE) as relay:
                try:
                    assert relay.stdout.readline() == "ready\n"
                    yield
                finally:
                    relay.kill()
                    self.run("sh", "-c", f"ip netns pids {place} | xargs -r kill -9")
        finally:
            self._ip(
                f"-n {place} link set {own} netns 1",
                f"link set {own} master br0 up",
                f"link delete {outer}",
                f"netns delete {place}",
            )

    def _ip(self, *commands: str) -> None:
        for command in commands:
            self.run("ip", *command.split())

    def processes(self, host: str) -> list[int]:
        """Return the processes of a host, numbered as in the bed, without its ssh server."""
        pids = self.run("ip", "netns", "pids", host).stdout.split()
        names = self.run("ps", "-o", "pid=,args=", "-p", ",".join(pids)).stdout.splitlines()
        rows = (line.split(maxsplit=1) for line in names)
        return [int(pid) for pid, arguments in rows if "sshd" not in arguments]

    def processes_naming(self, text: object) -> list[str]:
        """Return the command lines of processes, on whatever host, in which a text is."""
        shown = self.run("ps", "-e", "-o", "stat=,args=").stdout.splitlines()
        lines = [line.split(maxsplit=1) for line in shown]
        return [line for state, line in lines if state[0] != "Z" and str(text) in line]

    def kill(self, host: str, signum: int = signal.SIGKILL) -> None:
        """Send a signal to all processes of a host but its ssh server."""
        pids = self.processes(host)
        if pids:
            self.run("kill", f"-{int(signum)}", *pids, check=False)
