"""A header tells where an experiment comes from, and whether its process still runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest

import pypet
from pypet import Environment
from pypet.plugins.resume.snapshots import (
    ProcessIdentity,
    collect_facts,
    identify_process,
    is_running,
)


def test_facts_are_those_of_the_environment_and_fit_for_json():
    with Environment(trajectory="facts", storage_service="memory", seed=17, log_config=None) as env:
        env.traj.f_add_parameter("x", 1)
        env.traj.f_explore({"x": [1, 2, 3]})
        facts = json.loads(json.dumps(collect_facts(env)))
    assert facts["trajectory"] == "facts"
    assert facts["environment"] == env.name
    assert facts["hexsha"] == env.hexsha
    assert (facts["runs"], facts["seed"], facts["file"]) == (3, 17, None)
    assert facts["pypet"] == pypet.__version__
    assert facts["command_line"] == sys.orig_argv
    assert facts["working_folder"] == os.getcwd()
    assert is_running(ProcessIdentity.from_mapping(facts["process"]))


def test_the_file_of_the_storage_service_is_among_the_facts(tmp_path):
    pytest.importorskip("h5py")
    filename = tmp_path / "data.hdf5"
    with Environment(trajectory="facts", filename=filename, log_config=None) as env:
        assert collect_facts(env)["file"] == str(filename)


def test_a_process_knows_when_it_started():
    process = identify_process()
    assert process.pid == os.getpid()
    if process.started is not None:
        assert 0 <= time.time() - process.started < 24 * 3600
        psutil = pytest.importorskip("psutil")
        assert process.started == pytest.approx(psutil.Process().create_time(), abs=2)


def test_a_process_that_ended_does_not_run():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        process = identify_process(child.pid)
        assert is_running(process)
    finally:
        child.communicate(b"\n", timeout=100)
    assert is_running(process) is False
    with pytest.raises(ProcessLookupError, match=f"no process {child.pid}"):
        identify_process(child.pid)


def test_another_process_with_the_same_id_is_not_the_same():
    process = identify_process()
    if process.start_ticks is None:
        pytest.skip("the system does not tell when processes started")
    assert is_running(process._replace(start_ticks=process.start_ticks - 1)) is False
    assert is_running(process._replace(boot_id="another")) is False


def test_nothing_is_known_of_processes_elsewhere():
    assert is_running(identify_process()._replace(host="elsewhere")) is None
