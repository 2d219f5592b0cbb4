"""What an experiment says in the end, and that its advice on how to go on is right."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pypet import Environment, LazyStorageService, load_trajectory
from tests.processes import DEADLINE_SECONDS

POOL = {"multiproc": True, "ncores": 2, "use_pool": True}
LAST = r"ERROR +(\d+) of (\d+) runs are not completed; (.+)$"


def explore(env, length):
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": range(length)})


def fail_from(first):
    def simulate(traj):
        if traj.x >= first:
            raise ValueError
        return traj.x

    return simulate


@pytest.fixture
def logged(make_env, capsys):
    """Execute runs with the default logging; return the environment and the lines of the end."""

    def execute(simulate, runs, **options):
        env = make_env(**{"log_config": "DEFAULT", **options})
        explore(env, runs)
        env.run(simulate)
        lines = capsys.readouterr().err.splitlines()
        (begin,) = (i for i, line in enumerate(lines) if re.search(r"runs are completed\.", line))
        return env, lines[begin:]

    return execute


def test_the_end_names_the_file_the_log_folder_and_the_time(logged):
    env, lines = logged(fail_from(9), 4, storage_service="hdf5", filename="here/data.hdf5")
    assert re.search(r"INFO +All 4 runs are completed\. Elapsed time: \d+\.\d s$", lines[0])
    assert lines[1].endswith(f"Data: trajectory 'test' in {os.path.abspath('here/data.hdf5')}")
    assert lines[2].endswith(f"Log files: {os.path.abspath(f'logs/test/{env.name}')}")
    assert len(lines) == 3


def test_the_last_line_names_the_first_of_many_failed_runs(logged):
    _, lines = logged(fail_from(4), 30, on_error="continue")
    assert re.search(r"INFO +4 of 30 runs are completed\.", lines[0])
    pending, total, which = re.search(LAST, lines[-1]).groups()
    names = [f"run_{i:08d}" for i in range(4, 9)]
    assert (pending, total) == ("26", "30")
    assert which == f"failed: {', '.join(names)} and 21 more"


def test_runs_that_did_not_begin_are_told_from_those_that_failed(make_env, capsys):
    env = make_env(log_config="DEFAULT")
    explore(env, 5)
    with pytest.raises(ValueError):
        env.run(fail_from(2))
    which = re.search(LAST, capsys.readouterr().err.splitlines()[-1])[3]
    assert which == "not finished: run_00000003, run_00000004; failed: run_00000002"


def test_further_calls_do_not_repeat_the_places(make_env, capsys):
    env = make_env(log_config="DEFAULT")
    explore(env, 2)
    env.run(fail_from(9))
    first = capsys.readouterr().err
    env.run(fail_from(9))
    second = capsys.readouterr().err
    assert (first.count("Data: "), first.count("Log files: ")) == (1, 1)
    assert (second.count("Data: "), second.count("Log files: ")) == (0, 0)
    assert second.count("All 2 runs are completed.") == 1


def test_it_is_in_the_log_file_too(logged):
    env, _ = logged(fail_from(2), 4, on_error="continue")
    folder = Path("logs", "test", env.name)
    assert "2 of 4 runs are completed." in (folder / "LOG.txt").read_text()
    assert re.search(LAST, (folder / "ERROR.txt").read_text().splitlines()[-1])


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("memory", "Data: trajectory 'test' in the memory of this process only"),
        (LazyStorageService, "Data: not kept by LazyStorageService"),
    ],
)
def test_storages_without_a_file(logged, service, expected):
    _, lines = logged(fail_from(1), 2, storage_service=service, on_error="continue")
    assert lines[1].endswith(expected)
    assert not [line for line in lines if "load_trajectory" in line]
    assert [line for line in lines if "env.current_idx = 0; env.run(...)" in line]


def test_an_experiment_that_cannot_begin_says_only_why(make_env, capsys):
    env = make_env(log_config="DEFAULT")
    explore(env, 3)
    with pytest.raises(ValueError):
        env.run_map(lambda traj, y: y, [1])
    assert "completed" not in capsys.readouterr().err


def test_without_log_files_none_are_named(make_env, capsys):
    handlers = {"console": {"class": "logging.StreamHandler"}}
    config = {"version": 1, "handlers": handlers, "root": {"handlers": ["console"], "level": 20}}
    env = make_env(log_config=config)
    explore(env, 2)
    env.run(fail_from(9))
    printed = capsys.readouterr().err
    assert "Data: " in printed
    assert "Log files" not in printed


def test_going_on_in_the_same_process_executes_the_rest(make_env):
    env = make_env(on_error="continue", multiproc=True, ncores=2, wrap_mode="LOCAL")
    explore(env, 6)
    assert len(env.run(fail_from(4))) == 4
    env.current_idx = 0
    assert env.run(fail_from(9)) == [(4, 4), (5, 5)]
    assert env.traj.f_is_completed()


def store_and_fail(traj, fails):
    traj.f_add_result("z", traj.x)
    traj.f_store()
    if fails:
        raise ValueError
    traj.f_add_result("after", traj.x)


@pytest.mark.parametrize("load_results", [0, 1])
def test_data_of_a_run_that_did_not_complete_is_not_in_its_way(make_env, load_results):
    pytest.importorskip("h5py")
    env = make_env(storage_service="hdf5", filename="t.hdf5")
    explore(env, 2)
    with pytest.raises(ValueError):
        env.run(store_and_fail, True)
    traj = load_trajectory("test", filename="t.hdf5", load_results=load_results)
    make_env(traj).run(store_and_fail, False)
    traj = load_trajectory("test", filename="t.hdf5", load_results=2)
    assert traj.f_is_completed()
    for name in ("z", "after"):
        assert [traj.f_get(f"r_{i}.{name}").f_get() for i in range(2)] == [0, 1]


# ----- the advice, word for word --------------------------------------------------------------

SCRIPT = """
import os, signal, sys, time
from pypet import Environment

def simulate(traj):
    traj.f_add_result("z", traj.x * traj.factor)
    traj.f_add_result("noise", traj.f_rng().random())
    if traj.x == 3 and "resumed" not in sys.argv:
        open("run_3_is_there", "w").close()
        {what}
    while traj.x > 3 and not os.path.exists("run_3_is_there"):
        time.sleep(0.01)
    if traj.x > 3 and "resumed" not in sys.argv:
        # The last runs do not end before what happens to run 3.
        time.sleep(0.2)
        while not os.path.exists("{until}"):
            time.sleep(0.01)

class Announcing:
    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        self.stream.write(text)
        if "Interrupted" in text:
            open("noticed", "w").close()

    def __getattr__(self, name):
        return getattr(self.stream, name)

if __name__ == "__main__":
    sys.stderr = Announcing(sys.stderr)
    with Environment("t", filename="t.hdf5", **{options}) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_add_derived_parameter("factor", 10)
        env.traj.f_explore({{"x": range(8)}})
        env.run(simulate)
"""
PARALLEL = {"multiproc": True, "ncores": 2}
ENDS = {
    "error": ("raise ValueError", {}),
    "error in a pool": ("raise ValueError", {**POOL, "wrap_mode": "QUEUE"}),
    "one fails, the others go on": ("raise ValueError", PARALLEL),
    "CTRL+C": ("os.kill(os.getpid(), signal.SIGINT); time.sleep(100)", {}),
    "CTRL+C, graceful": ("os.kill(os.getpid(), signal.SIGINT)", {"graceful_exit": True}),
    "CTRL+C, graceful, pool": (
        "os.killpg(0, signal.SIGINT)",
        {**POOL, "graceful_exit": True, "wrap_mode": "LOCAL"},
    ),
    "CTRL+C, graceful, process": (
        "os.killpg(0, signal.SIGINT)",
        {**PARALLEL, "graceful_exit": True},
    ),
    "CTRL+C, process": (
        "os.killpg(0, signal.SIGINT); time.sleep(100)",
        {**PARALLEL, "wrap_mode": "QUEUE"},
    ),
    "SIGTERM": ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(100)", {}),
}


def start(script, *args):
    """Execute a script in a group of processes of its own; return what it writes to stderr."""
    process = subprocess.Popen(
        [sys.executable, script, *args],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        return process.communicate(timeout=DEADLINE_SECONDS)[1]
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs Unix")
@pytest.mark.parametrize(("what", "options"), ENDS.values(), ids=ENDS)
def test_the_advice_executes_exactly_the_runs_that_are_left(what, options):
    pytest.importorskip("h5py")
    until = "noticed" if options.get("graceful_exit") else "run_3_is_there"
    Path("experiment.py").write_text(SCRIPT.format(what=what, options=options, until=until))
    printed = start("experiment.py")
    assert printed.count("Interrupted: ") == bool(options.get("graceful_exit"))
    before = load_trajectory("t", filename="t.hdf5", load_results=2)
    done = {i for i in range(8) if before.f_is_completed(i)}
    assert len(done) < 8
    assert re.search(rf"\b{len(done)} of 8 runs are completed\.", printed)
    told = re.search(r"another one.*\n((?: {4}.*\n)+)", printed)[1]
    advice = textwrap.dedent(told).replace(".run(...)", ".run(simulate)")
    assert advice.count("\n") == 2
    Path("resume.py").write_text(f"import pypet\nfrom experiment import simulate\n{advice}")
    resumed = start("resume.py", "resumed")
    assert "All 8 runs are completed." in resumed
    executed = {int(i) for i in re.findall(r"Finished single run #(\d)", resumed)}
    assert executed == set(range(8)) - done
    after = load_trajectory("t", filename="t.hdf5", load_results=2)
    assert [after.f_get(f"r_{i}.z").f_get() for i in range(8)] == [10 * i for i in range(8)]
    # All random numbers are those of one seed.
    first, second = sorted(after.config.environment.f_iter_nodes(recursive=False), key=str)
    assert first.seed == second.seed
    noise = [after.f_get(f"r_{i}.noise").f_get() for i in range(8)]
    again = Environment("again", filename="again.hdf5", seed=first.seed, log_config=None)
    explore(again, 8)
    assert [value for _, value in again.run(lambda traj: traj.f_rng().random())] == noise
