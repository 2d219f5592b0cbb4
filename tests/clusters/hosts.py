"""Several hosts with ssh between them, made of network namespaces."""

from __future__ import annotations

import signal

from tests.clusters.bed import Bed


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

    def processes(self, host: str) -> list[int]:
        """Return the processes of a host, numbered as in the bed, without its ssh server."""
        pids = self.run("ip", "netns", "pids", host).stdout.split()
        names = self.run("ps", "-o", "pid=,args=", "-p", ",".join(pids)).stdout.splitlines()
        rows = (line.split(maxsplit=1) for line in names)
        return [int(pid) for pid, arguments in rows if "sshd" not in arguments]

    def kill(self, host: str, signum: int = signal.SIGKILL) -> None:
        """Send a signal to all processes of a host but its ssh server."""
        pids = self.processes(host)
        if pids:
            self.run("kill", f"-{int(signum)}", *pids, check=False)
