"""The test beds are what they claim to be, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.clusters.bed import reason_to_skip
from tests.clusters.hosts import Hosts

PATIENCE_SECONDS = 30


def test_slurm_runs_commands_and_jobs(slurm, tmp_path):
    assert slurm.run("srun", "-n2", "-N2", "hostname").stdout == "head\nhead\n"
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\necho on $SLURMD_NODENAME > here\n")
    job = slurm.submit("-w", "n3", script, cwd=tmp_path)
    assert slurm.wait(job) == "COMPLETED"
    assert (tmp_path / "here").read_text() == "on n3\n"


def test_grid_engine_runs_jobs_in_its_parallel_environment(grid_engine, tmp_path):
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/bash\n#$ -pe mp 4\n#$ -cwd\ncat $PE_HOSTFILE > hosts; echo $NSLOTS\n")
    done = grid_engine.run("qsub", "-sync", "y", "-o", "out", script, cwd=tmp_path)
    assert "exited with exit code 0" in done.stdout
    assert (tmp_path / "out").read_text() == "4\n"
    assert (tmp_path / "hosts").read_text().startswith("head 4 all.q@head")


def test_hosts_reach_each_other_until_a_cable_is_cut(hosts):
    assert hosts.run("ssh", "w1", "hostname").stdout == "w1\n"
    assert hosts.run("ssh", "w1", "ssh w2 ssh head hostname").stdout == "head\n"
    ping = ("timeout", "10", "ssh", "-o", "ConnectTimeout=1", "w1", "hostname")
    hosts.cut("w1")
    try:
        assert hosts.run(*ping, check=False).returncode != 0
        assert hosts.run("ssh", "w2", "hostname").stdout == "w2\n"
    finally:
        hosts.mend("w1")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while hosts.run(*ping, check=False).stdout != "w1\n":
        assert time.monotonic() < deadline


def test_a_bad_cable_delays_and_loses_packets(hosts):
    ask = (
        "import socket, time; began = time.monotonic();"
        "socket.create_connection(('10.78.0.1', 22)).recv(3);"
        "print(time.monotonic() - began)"
    )
    command = hosts.on("w1", sys.executable, "-c", ask)
    with hosts.bad_cable("w1", delay=0.2, loss=0):
        assert float(hosts.run(*command).stdout) >= 0.4
    assert float(hosts.run(*command).stdout) < 0.4
    with hosts.bad_cable("w1", delay=0, loss=1):
        assert hosts.run("timeout", "1", *command, check=False).returncode != 0
        assert hosts.run("ssh", "w2", "hostname").stdout == "w2\n"
    assert float(hosts.run(*command).stdout) < 0.4


def test_processes_of_a_host_can_be_killed(hosts):
    with hosts.popen(*hosts.on("w2", "sleep", "1000")) as process:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not hosts.processes("w2"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert hosts.processes("w1") == []
        hosts.kill("w2")
        assert process.wait(PATIENCE_SECONDS) != 0
    assert hosts.run("ssh", "w2", "hostname").stdout == "w2\n"


def test_start_up_files_of_the_user_are_not_read(tmp_path):
    reason = reason_to_skip(Hosts.programs)
    if reason is not None:
        pytest.skip(reason)
    home = tmp_path / "home"
    home.mkdir()
    for name in (".bashrc", ".bash_profile", ".profile"):
        (home / name).write_text("sleep 1000\n")
    entries = Path("/etc/passwd").read_text()
    others = [line for line in entries.splitlines(True) if not line.startswith("root:")]
    (tmp_path / "passwd").write_text(f"root:x:0:0::{home}:/bin/bash\n{''.join(others)}")
    code = (
        "import pathlib, sys; from tests.clusters.hosts import Hosts;"
        "bed = Hosts(pathlib.Path(sys.argv[1]), '2');"
        "print(bed.run('ssh', 'w1', 'hostname').stdout); bed.close()"
    )
    with_this_home = 'mount --bind "$0" /etc/passwd; exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", with_this_home, tmp_path / "passwd"]
    done = subprocess.run(
        [*command, sys.executable, "-c", code, tmp_path / "bed"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS * 3,
        check=False,
    )
    assert done.stdout == "w1\n\n", done.stderr


def test_a_bed_ends_with_the_process_that_started_it_however_that_ends(tmp_path):
    reason = reason_to_skip(Hosts.programs)
    if reason is not None:
        pytest.skip(reason)
    code = (
        "import pathlib, sys, time; from tests.clusters.hosts import Hosts;"
        "bed = Hosts(pathlib.Path(sys.argv[1]), '2'); bed.popen('sleep', '1234');"
        "print('up', flush=True); time.sleep(1000)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "bed")],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "up\n"
        assert processes_naming(str(tmp_path))
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while left := processes_naming(str(tmp_path)):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def processes_naming(text):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if text in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found
