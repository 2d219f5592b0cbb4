"""`Environment.search`: points that a sampler chooses, told the values of runs as they finish."""

from __future__ import annotations

import logging
import math
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest

from pypet import Environment, Trajectory, load_trajectory
from pypet.errors import PluginError, UnknownPluginError
from pypet.interfaces import Sampler
from pypet.plugins.resume.experiment_journal import ExperimentJournal
from pypet.runs import run_table_of
from pypet.sampling import integers, uniform
from pypet.trajectory.continuation.extension import append_points, store_longer_ranges

pytest.importorskip("h5py")

pytestmark = pytest.mark.timeout(120)

SPACE = {"x": uniform(-2, 2), "n": integers(1, 6)}
FORKS = "fork" in multiprocessing.get_all_start_methods()


class Counting(Sampler):
    """Gives x = 0, 1, 2, ... and keeps everything it is asked and told."""

    name = "counting"

    def __init__(self, most=math.inf, generation=None):
        self.most, self.generation = most, generation
        self.asked, self.told, self.started, self.active = [], [], [], 0
        self.restored = None
        self.next = 0

    def start(self, space, *, direction, seed):
        self.started.append((list(space), direction, seed))
        self.active = 0

    def ask(self, n):
        self.asked.append(n)
        if self.generation and self.next % self.generation == 0 and self.active:
            return []
        rest = self.generation - self.next % self.generation if self.generation else n
        n = int(min(n, rest, self.most - self.next))
        points = [{"x": float(self.next + i)} for i in range(n)]
        self.next += n
        self.active += n
        return points

    def tell(self, points, values):
        self.active -= len(points)
        self.told += [(point["x"], value) for point, value in zip(points, values, strict=True)]

    def state(self):
        return {"next": self.next}

    def restore(self, state):
        self.restored = state
        self.next = state["next"]


def simulate(traj, scale=1.0):
    value = scale * (traj.x - 1) ** 2
    traj.f_add_result("loss", value)
    traj.f_add_result("other", [traj.x])
    return {"value": value}


def loss_of(returned):
    return returned["value"]


def fails_at_odd(traj):
    if traj.x % 2:
        raise ArithmeticError(f"odd: {traj.x}")
    return traj.x


def nothing(traj):
    return None


def identity(traj):
    return traj.x


def nan_at_two(traj):
    return math.nan if traj.x == 2 else traj.x


@pytest.fixture
def env(tmp_path):
    """Return what makes environments of one file, with the parameters of the space."""

    def make(trajectory="search", **options):
        traj = trajectory
        if isinstance(trajectory, str):
            traj = Trajectory(trajectory, add_time=False)
            traj.f_add_parameter("x", 0.0)
        where = (
            {"filename": str(tmp_path / "search.hdf5")} if "storage_service" not in options else {}
        )
        if getattr(traj, "v_storage_service", None) is not None:
            where = {}
        return Environment(traj, log_config=None, report_progress=False, **where, **options)

    return make


def stored(env_made):
    service = env_made.traj.v_storage_service
    return load_trajectory(env_made.traj.v_name, filename=service.filename, load_data=2)


# ----- serial ----------------------------------------------------------------------------------


def test_values_are_told_one_by_one_and_everything_is_stored(env):
    sampler = Counting()
    made = env()
    traj = made.search(simulate, sampler, "loss", {"x": uniform(-2, 9)}, max_runs=5)
    assert traj is made.traj
    expected = [float(x) for x in range(5)]
    assert sampler.told == [(x, (x - 1) ** 2) for x in expected]
    assert sampler.asked == [1] * 5
    for each in (traj, stored(made)):
        assert each.f_get("x").f_get_range() == expected
        assert each.f_is_completed()
        assert each.f_get("config.searches.search_0.best_run").f_get() == 1
        assert each.f_get("config.searches.search_0.best_value").f_get() == 0.0
    values = stored(made).f_get_from_runs("loss", use_indices=True, fast_access=True)
    assert dict(values) == {i: (x - 1) ** 2 for i, x in enumerate(expected)}


def test_an_objective_is_a_result_a_function_or_the_returned_number(env):
    for number, (run, objective) in enumerate(
        [
            (simulate, "loss"),
            (simulate, loss_of),
            (simulate, lambda r: r["value"]),
            (identity, None),
        ]
    ):
        sampler = Counting()
        made = env(f"objective_{number}")
        made.search(run, sampler, objective, {"x": uniform(0, 9)}, max_runs=3)
        expected = [0.0, 1.0, 2.0] if run is identity else [1.0, 0.0, 1.0]
        assert [value for _, value in sampler.told] == expected
        assert len(sampler.started) == 1


def test_arguments_reach_the_run_function_and_the_direction_the_sampler(env):
    sampler = Counting()
    made = env()
    space = {"x": uniform(-2, 9)}
    made.search(
        simulate, sampler, "loss", space, max_runs=3, direction="maximize", seed=5, args=(-1,)
    )
    assert sampler.started == [(["x"], "maximize", 5)]
    assert [value for _, value in sampler.told] == [-1.0, 0.0, -1.0]
    assert made.traj.f_get("config.searches.search_0.best_run").f_get() == 1
    assert made.traj.f_get("config.searches.search_0.seed").f_get() == 5


def test_failing_runs_are_told_and_do_not_end_the_search(env):
    sampler = Counting()
    made = env()
    traj = made.search(fails_at_odd, sampler, None, {"x": uniform(0, 9)}, max_runs=5)
    assert sampler.told == [(0.0, 0.0), (1.0, None), (2.0, 2.0), (3.0, None), (4.0, 4.0)]
    assert list(traj.f_get_run_errors()) == ["run_00000001", "run_00000003"]


def test_errors_are_raised_if_the_user_says_so(env):
    made = env(on_error="raise")
    with pytest.raises(ArithmeticError, match="odd"):
        made.search(fails_at_odd, Counting(), None, {"x": uniform(0, 9)}, max_runs=5)


def test_what_is_no_number_fails_and_nan_is_told_as_failed(env):
    sampler = Counting()
    traj = env().search(nothing, sampler, None, {"x": uniform(0, 9)}, max_runs=2)
    assert sampler.told == [(0.0, None), (1.0, None)]
    assert "has to be a number" in traj.f_get_run_errors(0).message
    sampler = Counting()
    traj = env("nan").search(nan_at_two, sampler, None, {"x": uniform(0, 9)}, max_runs=3)
    assert sampler.told[2] == (2.0, None)
    assert traj.f_is_completed()


@pytest.mark.parametrize(
    ("criteria", "runs"),
    [
        ({"max_runs": 4}, 4),
        ({"target": 0.0}, 2),  # x = 1 is the minimum
        ({"patience": 3, "max_runs": 99}, 5),
        ({"max_seconds": 1e-9, "max_runs": 99}, 1),
    ],
)
def test_each_criterion_stops_the_search(env, criteria, runs):
    made = env()
    traj = made.search(simulate, Counting(), "loss", {"x": uniform(0, 9)}, **criteria)
    assert len(traj) == runs
    assert traj.f_is_completed()


def test_a_sampler_without_further_points_ends_the_search(env):
    traj = env().search(simulate, Counting(most=3), "loss", {"x": uniform(0, 9)}, max_runs=9)
    assert traj.f_get("x").f_get_range() == [0.0, 1.0, 2.0]


def test_initial_points_of_the_user_come_first_and_are_told(env):
    made = env()
    made.traj.f_explore({"x": [7.0, 8.0]})
    sampler = Counting()
    traj = made.search(simulate, sampler, "loss", {"x": uniform(0, 9)}, max_runs=4)
    assert traj.f_get("x").f_get_range() == [7.0, 8.0, 0.0, 1.0]
    assert [point for point, _ in sampler.told] == [7.0, 8.0, 0.0, 1.0]


def test_a_seed_of_the_experiment_decides_the_points(env):
    ranges = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        traj = env(name, seed=seed).search(
            identity, "random", None, {"x": uniform(0, 1)}, max_runs=4
        )
        ranges.append(traj.f_get("x").f_get_range())
    assert ranges[0] == ranges[1] != ranges[2]


def test_the_memory_service_can_be_searched_with(env):
    made = env(storage_service="memory")
    traj = made.search(simulate, "random", "loss", {"x": uniform(0, 9)}, max_runs=5)
    again = Counting()
    made.search(simulate, again, "loss", {"x": uniform(0, 9)}, max_runs=6)
    assert len(again.told) == 6
    assert len(traj) == 6


# ----- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"max_runs": None}, ValueError, "reason to stop"),
        ({"max_runs": 0}, ValueError, "positive integer"),
        ({"max_runs": "5"}, TypeError, "number"),
        ({"direction": "down"}, ValueError, "minimize"),
        ({"sampler": "rondom"}, UnknownPluginError, "rondom"),
        ({"sampler": 3}, TypeError, "name of a sampler"),
        ({"objective": 3}, TypeError, "objective"),
        ({"space": None}, ValueError, "at least one parameter"),
        ({"space": {"y": uniform(0, 1)}}, AttributeError, "`y`"),
        ({"runfunc": 3}, TypeError, "run function"),
        ({"args": (1, 2, 3)}, TypeError, "run function"),
    ],
)
def test_mistakes_are_errors_before_anything_runs(env, changes, error, message):
    arguments = {
        "runfunc": simulate,
        "sampler": "random",
        "objective": "loss",
        "space": {"x": uniform(0, 1)},
        "max_runs": 2,
        **changes,
    }
    made = env(storage_service="memory")
    with pytest.raises(error, match=message):
        made.search(**arguments)
    assert len(made.traj) == 1


def test_other_explored_parameters_are_an_error(env):
    made = env(storage_service="memory")
    made.traj.f_add_parameter("y", 1)
    made.traj.f_explore({"y": [1, 2]})
    with pytest.raises(ValueError, match="over all explored parameters"):
        made.search(simulate, "random", "loss", {"x": uniform(0, 1)}, max_runs=3)


class Wrong(Counting):
    def ask(self, n):
        return [{"y": 1.0}]


def test_points_of_other_parameters_are_a_fault_of_the_sampler(env):
    with pytest.raises(PluginError, match="point of y"):
        env().search(simulate, Wrong(), "loss", {"x": uniform(0, 1)}, max_runs=3)


# ----- workers ---------------------------------------------------------------------------------

WAYS = {
    "process-LOCK": {"multiproc": True, "wrap_mode": "LOCK"},
    "process-PIPE": {"multiproc": True, "wrap_mode": "PIPE"},
    "pool-LOCK": {"multiproc": True, "use_pool": True},
    "pool-QUEUE": {"multiproc": True, "use_pool": True, "wrap_mode": "QUEUE"},
    "pool-LOCAL-frozen": {
        "multiproc": True,
        "use_pool": True,
        "wrap_mode": "LOCAL",
        "freeze_input": True,
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_workers_get_points_that_were_added_after_they_started(env, way):
    if not FORKS:
        pytest.skip("the platform cannot fork")
    sampler = Counting()
    made = env(ncores=2, **WAYS[way])
    made.traj.f_add_parameter("settings", [1, 2])
    made.search(simulate, sampler, "loss", {"x": uniform(0, 99)}, max_runs=9)
    traj = stored(made)
    assert traj.f_is_completed()
    assert traj.f_get("x").f_get_range() == [float(x) for x in range(9)]
    assert sorted(sampler.told) == [(float(x), (x - 1.0) ** 2) for x in range(9)]
    for index in traj.f_iter_runs(yields="idx"):
        assert traj.f_get("crun.loss").f_get() == (traj.x - 1) ** 2
        assert traj.f_get_run_information(index)["parameter_summary"] == f"x: {traj.x}"


def test_generations_wait_for_their_values(env):
    sampler = Counting(generation=3)
    made = env(multiproc=FORKS, use_pool=FORKS, ncores=2)
    made.search(simulate, sampler, "loss", {"x": uniform(0, 99)}, max_runs=8)
    assert len(made.traj) == 8
    firsts = [sorted(point for point, _ in sampler.told[i : i + 3]) for i in (0, 3)]
    assert firsts == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]


def meet(traj, folder):
    """Wait until a run that was asked for later has begun."""
    (folder / f"began_{traj.v_idx}").touch()
    other = folder / f"began_{traj.v_idx + 1}"
    for _ in range(3000):
        if traj.v_idx % 2 or other.exists():
            return traj.x
        threading.Event().wait(0.01)
    raise TimeoutError


@pytest.mark.skipif(not FORKS, reason="the platform cannot fork")
def test_all_workers_are_busy(env, tmp_path):
    made = env(multiproc=True, ncores=2)
    traj = made.search(meet, Counting(), None, {"x": uniform(0, 99)}, max_runs=6, args=(tmp_path,))
    assert traj.f_is_completed()


# ----- going on --------------------------------------------------------------------------------


def test_a_stored_trajectory_is_searched_further(env, caplog):
    first = env()
    first.search(simulate, Counting(), "loss", {"x": uniform(0, 9)}, max_runs=3, seed=4)
    loaded = load_trajectory("search", filename=first.traj.v_storage_service.filename, load_data=1)
    sampler = Counting()
    made = env(loaded)
    with caplog.at_level(logging.INFO, "pypet"):
        made.search(simulate, sampler, "loss", {"x": uniform(0, 9)}, max_runs=5)
    assert sampler.started == [(["x"], "minimize", 4)]  # the seed is that of the first part
    assert sampler.restored == {"next": 3}
    assert sampler.told == [(float(x), (x - 1.0) ** 2) for x in range(5)]
    traj = stored(made)
    assert traj.f_get("x").f_get_range() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert traj.f_is_completed()
    assert not traj.f_contains("config.searches.search_1")


def test_failed_runs_are_told_again_and_not_executed_again(env):
    first = env(on_existing="extend")
    first.search(fails_at_odd, Counting(), None, {"x": uniform(0, 9)}, max_runs=4)
    sampler = Counting()
    second = env(on_existing="extend")
    second.search(fails_at_odd, sampler, None, {"x": uniform(0, 9)}, max_runs=5)
    assert sampler.told == [(0.0, 0.0), (1.0, None), (2.0, 2.0), (3.0, None), (4.0, 4.0)]
    assert len(stored(second)) == 5


def test_another_search_of_the_same_runs_has_its_own_record(env):
    made = env()
    made.search(simulate, Counting(), "loss", {"x": uniform(0, 9)}, max_runs=2)
    sampler = Counting()
    made.search(simulate, sampler, "loss", {"x": uniform(0, 9)}, max_runs=4, direction="maximize")
    assert sampler.restored is None
    assert [value for _, value in sampler.told] == [
        1.0,
        0.0,
        1.0,
        0.0,
    ]  # it begins with x = 0 again
    traj = stored(made)
    directions = [traj.f_get(f"config.searches.search_{i}.direction").f_get() for i in range(2)]
    assert directions == ["minimize", "maximize"]


def test_a_finished_search_has_nothing_to_do(env):
    made = env()
    made.search(simulate, Counting(), "loss", {"x": uniform(0, 9)}, max_runs=2)
    sampler = Counting()
    made.search(simulate, sampler, "loss", {"x": uniform(0, 9)}, max_runs=2)
    assert sampler.asked == []
    assert len(made.traj) == 2


def test_values_of_another_objective_are_missing_with_a_warning(env, caplog):
    made = env()
    made.search(simulate, Counting(), loss_of, {"x": uniform(0, 9)}, max_runs=2)
    sampler = Counting()
    with caplog.at_level(logging.WARNING, "pypet"):
        made.search(identity, sampler, None, {"x": uniform(0, 9)}, max_runs=3)
    assert sampler.told == [(0.0, 0.0)]
    assert "2 completed runs is not known" in caplog.text


def test_post_processing_gets_what_the_run_function_returned_and_may_add_runs(env):
    made = env()
    seen = []

    def look(traj, results):
        seen.append([(index, value["value"]) for index, value in results])
        return {"x": [9.0]} if len(seen) == 1 else None

    made.add_postprocessing(look)
    sampler = Counting()
    traj = made.search(simulate, sampler, "loss", {"x": uniform(0, 9)}, max_runs=2)
    assert seen == [[(0, 1.0), (1, 0.0)], [(0, 1.0), (1, 0.0), (2, 64.0)]]
    assert traj.f_get("x").f_get_range() == [0.0, 1.0, 9.0]
    assert sampler.told[-1] == (9.0, 64.0)


@pytest.mark.skipif(not FORKS, reason="the platform cannot fork")
def test_an_executor_of_the_user_executes_a_search(env):
    context = multiprocessing.get_context("fork")
    sampler = Counting()
    with ProcessPoolExecutor(2, mp_context=context) as executor:
        made = env(scheduler=executor, wrap_mode="LOCAL")
        traj = made.search(simulate, sampler, "loss", {"x": uniform(0, 99)}, max_runs=6)
    assert sorted(sampler.told) == [(float(x), (x - 1.0) ** 2) for x in range(6)]
    assert traj.f_is_completed()


def test_snapshots_do_not_count_runs_whose_data_may_not_be_in_the_journal_yet(
    env, monkeypatch, tmp_path
):
    snapshots = []
    renew = ExperimentJournal.renew

    def spy(journal, snapshot):
        completed = run_table_of(snapshot.trajectory).completed_indices().tolist()
        snapshots.append((len(snapshot.trajectory), completed, list(snapshot.results)))
        renew(journal, snapshot)

    monkeypatch.setattr(ExperimentJournal, "renew", spy)
    made = env(resumable=True, resume_folder=str(tmp_path / "journal"))
    space = {"x": uniform(0, 9)}
    made.search(identity, Counting(), None, space, max_runs=3)
    assert snapshots == [(1, [], []), (2, [], []), (3, [], [])]
    snapshots.clear()
    made.search(identity, Counting(), None, space, max_runs=5)
    assert snapshots == [(4, [0, 1, 2], []), (5, [0, 1, 2], [])]
    assert made.traj.f_is_completed()


@pytest.mark.parametrize("way", ["restarted", "loaded"])
def test_points_whose_runs_are_not_in_the_run_table_are_executed(env, way):
    first = env(on_existing="extend")
    first.search(simulate, Counting(), "loss", {"x": uniform(0, 9)}, max_runs=3)
    # As if the process had been killed when the values were stored, and the run table was not.
    traj = first.traj
    append_points(traj, {"parameters.x": [3.0]})
    table = run_table_of(traj)
    table.truncate(3)
    store_longer_ranges(traj, ["parameters.x"], 3)
    if way == "restarted":
        made = env(on_existing="extend")
    else:
        filename = traj.v_storage_service.filename
        made = env(load_trajectory("search", filename=filename, load_data=2))
    sampler = Counting()
    made.search(simulate, sampler, "loss", {"x": uniform(0, 9)}, max_runs=5)
    assert [point for point, _ in sampler.told[:4]] == [0.0, 1.0, 2.0, 3.0]
    again = stored(made)
    assert again.f_get("x").f_get_range() == [0.0, 1.0, 2.0, 3.0, 3.0]
    assert again.f_is_completed()
    values = again.f_get_from_runs("loss", use_indices=True, fast_access=True)
    assert list(values.values()) == [1.0, 0.0, 1.0, 4.0, 4.0]
