"""Without pyzmq the network wrap modes say what to install, and nothing else suffers."""

from __future__ import annotations

import pytest

from tests.processes import run_python

HEAD = """
import sys
sys.modules["zmq"] = None
import pypet
options = {"storage_service": "memory", "log_config": None}
"""


def run(code):
    return run_python("-W", "ignore", "-c", HEAD + code)


@pytest.mark.parametrize("mode", ["NETLOCK", "NETQUEUE"])
def test_the_extra_is_named(mode):
    done = run(f"pypet.Environment(multiproc=True, ncores=2, wrap_mode={mode!r}, **options)")
    assert "MissingDependencyError" in done.stderr
    assert 'pip install "pypet[net]"' in done.stderr


def test_servers_by_hand_name_it_too():
    code = "from pypet.utils.mpwrappers import LockerClient\nLockerClient().start()"
    assert 'pip install "pypet[net]"' in run(code).stderr


def test_other_modes_need_it_not():
    done = run("print(pypet.Environment(**options).run(lambda traj: 1))")
    assert done.stdout == "[(0, 1)]\n", done.stderr
