"""Experiments that are killed and resumed, in other ways than before, equal undisturbed ones.

The experiment is a script, `resumable_experiment.py`, which kills a process of itself in one run.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pypet import load_trajectory
from pypet.plugins.resume.journal.following import Follower

pytest.importorskip("h5py")
pytest.importorskip("dill")
psutil = pytest.importorskip("psutil")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

pytestmark = pytest.mark.timeout(240)

SCRIPT = Path(__file__).with_name("resumable_experiment.py")
NAME, ALL_RUNS, KILLED = "test", 12, 5
SECONDS = 100


def options(scheduler, mode=None, start_method="fork"):
    """Return the options of a scheduler and a wrap mode."""
    if mode is None:
        return {}
    return {
        "multiproc": True,
        "ncores": 2,
        "use_pool": scheduler == "pool",
        "wrap_mode": mode,
        "on_error": "raise",
        "start_method": start_method,
    }


@pytest.fixture
def start(tmp_path):
    """Execute the script in a folder until it ends; nothing of it is left in the end."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    groups = []

    def start(folder, act, options, **choice):
        folder.mkdir(exist_ok=True)
        with open(tmp_path / f"{act}.log", "ab") as log:
            process = subprocess.Popen(
                [
                    sys.executable,
                    SCRIPT,
                    folder,
                    json.dumps({"act": act, "options": options, **choice}),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "TMPDIR": str(temporary), "PYTHONWARNINGS": "error"},
                start_new_session=True,
            )
            groups.append(process.pid)
            try:
                code = process.wait(SECONDS)
            finally:
                process.kill()
        wait_for_orphans(process.pid)
        return code, Path(log.name).read_text()

    yield start
    for group in groups:
        assert members(group) == []


def members(group):
    """Return the living processes of a group that was started here."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return found


def wait_for_orphans(group):
    """Wait until what a killed main process has started has ended by itself."""
    _, alive = psutil.wait_procs(members(group), SECONDS)
    for process in alive:
        process.kill()
    assert alive == []


def executions(folder):
    """Return how often each run was executed."""
    path = folder / "executed"
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def plain(value):
    return value.tolist() if hasattr(value, "tolist") else value


def contents(folder):
    """Return everything of the file that must not depend on crashes; what is loaded, is whole."""
    traj = load_trajectory(NAME, filename=str(folder / "data.hdf5"), load_data=2)
    data = {}
    for leaf in traj.f_iter_leaves():
        name = leaf.v_full_name
        if name.startswith("config."):
            continue
        if leaf.v_is_parameter:
            ranges = leaf.f_get_range() if leaf.f_has_range() else None
            data[name] = leaf.f_get(), ranges, leaf.v_comment
        else:  # without comments, of which the storage keeps the one that comes first
            data[name] = {item: plain(value) for item, value in leaf.f_to_dict().items()}
    table = []
    for index in range(len(traj)):
        info = traj.f_get_run_information(index)
        table.append((info["name"], info["completed"], info["parameter_summary"]))
    return data, table


def committed_runs(folder):
    """Return the runs that the journal says are completed."""
    follower = Follower(str(folder / "resume" / NAME))
    return {each.run for each in follower.new_commits()}


def loadable_runs(folder):
    """Return the runs of which something can be loaded, and those marked as completed."""
    data, table = contents(folder)
    there = {int(part[4:]) for name in data for part in name.split(".") if part[:5] == "run_0"}
    return there, {index for index, row in enumerate(table) if row[1]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Contents and return values of the experiment if nothing happens."""
    folder = tmp_path_factory.mktemp("undisturbed")
    subprocess.run(
        [sys.executable, SCRIPT, folder, json.dumps({"act": "run"})], check=True, timeout=SECONDS
    )
    assert not (folder / "resume" / NAME).exists()
    assert executions(folder) == Counter(range(ALL_RUNS))
    return contents(folder), (folder / "returned.json").read_text()


def check_that_nothing_is_missing(folder, undisturbed):
    (expected, expected_table), returned = undisturbed
    found, table = contents(folder)
    assert table == expected_table
    assert found.keys() == expected.keys()
    assert {name: value for name, value in found.items() if value != expected[name]} == {}
    assert json.loads((folder / "returned.json").read_text()) == json.loads(returned)
    assert not (folder / "resume" / NAME).exists()


def test_the_experiment_has_what_is_to_be_compared(undisturbed):
    (data, table), returned = undisturbed
    assert len(table) == len(json.loads(returned)) == ALL_RUNS
    assert data["results.runs.run_00000010.group.z"]["z"] == 1000.0
    assert data["results.runs.run_00000005.large"]["large"][-1] == 5.0
    assert "results.total" in data


POOL, PROCESS = "pool", "process"
WAYS = [
    (("serial",), "main", (POOL, "QUEUE")),
    ((POOL, "LOCK"), "main", (PROCESS, "PIPE")),
    ((POOL, "LOCK"), "worker", ("serial",)),
    ((PROCESS, "LOCK"), "group", (POOL, "LOCK")),
    ((POOL, "QUEUE"), "main", (POOL, "LOCK")),
    ((PROCESS, "QUEUE"), "writer", (PROCESS, "LOCAL")),
    ((POOL, "PIPE"), "group", (POOL, "QUEUE", "spawn")),
    ((POOL, "LOCK", "spawn"), "main", ("serial",)),
    ((PROCESS, "PIPE"), "writer", (POOL, "PIPE")),
    ((POOL, "LOCAL"), "main", (PROCESS, "QUEUE")),
    ((PROCESS, "LOCAL"), "worker", (POOL, "LOCAL")),
    ((POOL, "NETLOCK"), "main", (PROCESS, "NETQUEUE")),
    ((POOL, "NETQUEUE"), "main", (POOL, "NETLOCK")),
    ((PROCESS, "NETQUEUE"), "writer", ("serial",)),
]


@pytest.mark.parametrize(
    ("killed", "victim", "resumed"),
    WAYS,
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_killed_experiment_is_resumed_in_another_way(
    start, tmp_path, undisturbed, killed, victim, resumed
):
    if "NET" in str((killed, resumed)):
        pytest.importorskip("zmq")
    folder = tmp_path / "files"
    code, log = start(folder, "run", options(*killed), kill=victim)
    assert code != 0, log
    assert (folder / "killed").exists(), log
    before = executions(folder)
    committed = committed_runs(folder)
    there, marked = loadable_runs(folder)
    assert there | marked <= committed
    assert KILLED not in committed

    code, log = start(folder, "resume", options(*resumed))
    assert code == 0, log
    check_that_nothing_is_missing(folder, undisturbed)
    again = executions(folder) - before
    assert set(again) == set(range(ALL_RUNS)) - committed
    assert again[KILLED] == 1
    assert max(again.values()) == 1
