"""A search whose process is killed goes on, with its points and their values."""

from __future__ import annotations

import json
import multiprocessing

import pytest

from pypet import load_trajectory
from tests.environment.killed_scripts import finish, kill, started_scripts, wait_for

pytest.importorskip("h5py")
pytest.importorskip("psutil")
if "fork" not in multiprocessing.get_all_start_methods():
    pytest.skip("the platform cannot fork", allow_module_level=True)

pytestmark = pytest.mark.timeout(120)

RUNS, QUICK = 12, 6
SCRIPT = """
import json, os, sys, time
from pypet import Environment
from pypet.sampling import integers, uniform

folder, sampler, way, options = *sys.argv[1:4], json.loads(sys.argv[4])

def simulate(traj, slow):
    with open(os.path.join(folder, "executed"), "a") as file:
        file.write(json.dumps([traj.v_idx, traj.x, traj.n]) + "\\n")
    traj.f_add_result("z", traj.x * traj.n)
    if traj.n == 9:
        raise ValueError("nine")
    if traj.v_idx >= 6 and os.path.exists(os.path.join(folder, "armed")):
        open(os.path.join(folder, f"waiting_{traj.v_idx}"), "w").close()
        time.sleep(600)
    time.sleep(slow)
    return traj.x * traj.n

if __name__ == "__main__":
    resumes = way == "resume"
    if resumes:
        options["resumable"] = True
        options["resume_folder"] = os.path.join(folder, "journal")
    else:
        options["on_existing"] = "extend"
    with Environment(
        "search", filename=os.path.join(folder, "search.hdf5"), seed=7,
        log_config=None, report_progress=False, record_environment=False, **options,
    ) as env:
        if resumes and not os.path.exists(os.path.join(folder, "armed")):
            env.resume()
        else:
            env.traj.f_add_parameter("x", 0.0)
            env.traj.f_add_parameter("n", 1)
            space = {"x": uniform(-1, 1), "n": integers(1, 9)}
            env.search(simulate, sampler, None, space, max_runs=12, args=(0.15,))
"""

WAYS = [
    ("optuna", "restart", {}),
    ("sobol", "restart", {"multiproc": True, "use_pool": True, "ncores": 2, "wrap_mode": "QUEUE"}),
    ("optuna", "resume", {"multiproc": True, "ncores": 2}),
    ("random", "resume", {"multiproc": True, "use_pool": True, "ncores": 2}),
]


@pytest.fixture
def start(tmp_path):
    """Return what starts the script; nothing of it is left in the end."""
    with started_scripts(tmp_path / "searching.py", SCRIPT) as start_one:
        yield start_one


def executed(folder):
    """Return the points of the runs that were begun, in order."""
    return [tuple(json.loads(line)) for line in (folder / "executed").read_text().splitlines()]


@pytest.mark.parametrize(
    ("sampler", "way", "options"), WAYS, ids=[f"{way[0]}-{way[1]}-{len(way[2])}" for way in WAYS]
)
def test_a_killed_search_goes_on_without_a_loss(tmp_path, start, sampler, way, options):
    if sampler != "random":
        pytest.importorskip("optuna" if sampler == "optuna" else "scipy")
    arguments = (sampler, way, json.dumps(options))
    (tmp_path / "armed").touch()
    process = start(tmp_path, *arguments)
    active = 2 if options else 1
    wait_for(lambda: len(list(tmp_path.glob("waiting_*"))) == active, process)
    kill(process)
    before = executed(tmp_path)
    (tmp_path / "armed").unlink()

    finish(start(tmp_path, *arguments))

    traj = load_trajectory("search", filename=str(tmp_path / "search.hdf5"), load_data=2)
    assert len(traj) == RUNS
    columns = [traj.f_get(name).f_get_range() for name in ("x", "n")]
    points = list(zip(range(RUNS), *columns, strict=True))
    assert set(executed(tmp_path)) == set(points)  # also those that the killed process began
    assert len(set(points)) == RUNS
    states = list(traj.f_get_run_states().values())
    assert states == ["failed" if n == 9 else "completed" for _, _, n in points]
    for index in traj.f_iter_runs(yields="idx"):
        if states[index] == "completed":
            assert traj.f_get("crun.z").f_get() == traj.x * traj.n
            assert traj.f_get("crun.search.returned").f_get() == traj.x * traj.n
    repeated = [each for each in executed(tmp_path) if executed(tmp_path).count(each) > 1]
    assert len(set(repeated)) <= active + (0 if way == "resume" else QUICK)
    if way == "resume":  # only what was active is executed again
        assert {index for index, _, _ in repeated} <= {index for index, _, _ in before[-active:]}
