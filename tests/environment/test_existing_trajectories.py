"""``on_existing``: an experiment whose trajectory is stored already executes what is missing."""

from __future__ import annotations

import math
import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet import (
    Environment,
    ExistingTrajectoryError,
    NoSuchServiceError,
    Parameter,
    PickleParameter,
    Trajectory,
    load_trajectory,
)
from pypet.runs import run_table_of
from pypet.storage_backends.memory import MemoryStorageService

pytest.importorskip("h5py")
pytestmark = pytest.mark.timeout(120)

FILE = "data.hdf5"


class BrokenRunError(Exception):
    pass


def simulate(traj, *args, broken=(), **kwargs):
    if traj.x in broken:
        raise BrokenRunError
    traj.f_add_result("z", traj.x * 10)
    traj.f_add_result("noise", traj.f_rng().random())
    return (traj.x, *args, *kwargs.values())


@pytest.fixture
def start(make_env):
    """Start the script: set an environment up whose trajectory is new."""

    def start(xs, policy="extend", *, name="test", y=3, seed=None, **options):
        fixed = {"storage_service": "hdf5", "filename": FILE, "record_environment": False}
        options = {**fixed, "seed": seed, **options}
        env = make_env(name, on_existing=policy, **options)
        env.traj.f_add_parameter("x", 0.0)
        if y is not None:
            env.traj.f_add_parameter("group.y", y)
        if xs is not None:
            env.traj.f_explore({"x": xs})
        return env

    return start


def stored(name="test", **options):
    return load_trajectory(name, filename=FILE, load_data=2, **options)


def content(traj):
    """Return what is stored of each completed run, by its point."""
    found = {}
    for idx in traj.f_iter_runs(yields="idx"):
        if run_table_of(traj).completed(idx):
            found[traj.x] = {key: traj.f_get(f"crun.{key}").f_get() for key in ("z", "noise")}
    return found


starts = st.lists(
    st.tuples(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, math.nan]), min_size=1, max_size=5),
        st.sets(st.sampled_from([0.0, 1.0, 2.0])),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(starts)
def test_after_any_starts_every_point_of_the_last_one_has_a_completed_run(history):
    service = MemoryStorageService()
    executed = Counter()

    def run(traj, broken):
        if traj.x in broken:
            raise BrokenRunError
        executed[key(traj.x)] += 1

    def key(x):
        return "nan" if math.isnan(x) else x

    most = Counter()
    for xs, broken in history:
        env = Environment(
            "t",
            storage_service=service,
            on_existing="extend",
            on_error="continue",
            log_config=None,
            report_progress=False,
            record_environment=False,
        )
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_explore({"x": xs})
        before = executed.copy()
        results = env.run(run, broken)
        assert len(results) == executed.total() - before.total()
        asked = Counter(map(key, xs))
        for x, count in asked.items():
            if x not in broken:
                assert executed[x] == max(before[x], count)
        most |= asked
        assert len(env.traj) == most.total()


# ----- what is executed ----------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["skip", "extend"])
def test_the_first_start_executes_everything_and_the_second_nothing(start, policy):
    assert start([1.0, 2.0], policy).run(simulate) == [(0, (1.0,)), (1, (2.0,))]
    before = stored().f_get_run_information()
    env = start([1.0, 2.0], policy)
    assert env.run(simulate) == []
    assert env.run(simulate) == []
    assert env.traj.f_is_completed()
    assert stored().f_get_run_information() == before


def test_only_new_points_are_executed_wherever_they_stand(start):
    start([1.0, 2.0]).run(simulate)
    env = start([4, 2, 3, 1])
    parameter = env.traj.f_get("x")
    assert env.run(simulate) == [(2, (4.0,)), (3, (3.0,))]
    assert env.traj.f_get("x") is parameter
    assert parameter.f_get_range() == stored().f_get("x").f_get_range() == [1.0, 2.0, 4.0, 3.0]
    assert {x: run["z"] for x, run in content(stored()).items()} == {1: 10, 2: 20, 4: 40, 3: 30}


def test_a_sweep_that_grows_equals_one_that_was_executed_at_once(start):
    start([1.0, 2.0], seed=5).run(simulate)
    start([1.0, 2.0, 3.0]).run(simulate)
    start([1.0, 2.0, 3.0, 4.0]).run(simulate)
    start([1.0, 2.0, 3.0, 4.0], name="whole", seed=5).run(simulate)
    assert content(stored()) == content(stored("whole"))


def test_missing_points_are_an_error_without_extend(start):
    start([1.0, 2.0]).run(simulate)
    before = stored().f_get_run_information()
    env = start([9.0, 1.0, *range(10, 16)], "skip")
    with pytest.raises(ExistingTrajectoryError) as caught:
        env.run(simulate)
    text = str(caught.value)
    for part in ("x=9.0", "x=13.0", "and 2 more", "on_existing='extend'", FILE):
        assert part in text
    assert stored().f_get_run_information() == before
    assert start([1.0, 2.0], "skip").run(simulate) == []


def test_skip_executes_stored_runs_that_are_not_completed(start):
    start([1.0, 2.0, 3.0], on_error="continue").run(simulate, broken=[2.0])
    env = start([3.0, 2.0], "skip")
    assert env.run(simulate) == [(1, (2.0,))]
    assert set(stored().f_get_run_states().values()) == {"completed"}


def test_without_the_option_a_name_that_is_taken_is_an_error(start):
    start([1.0], None).run(simulate)
    with pytest.raises(RuntimeError, match=r"already a trajectory.*on_existing='extend'"):
        start([1.0], None).run(simulate)


def test_runs_that_are_not_asked_for_are_left_alone(start):
    start([1.0, 2.0, 3.0], on_error="continue").run(simulate, broken=[3.0])
    before = stored().f_get_run_information()
    env = start([2.0, 4.0])
    assert env.run(simulate) == [(3, (4.0,))]
    after = stored().f_get_run_information()
    assert {name: after[name] for name in before} == before
    assert stored().f_get_run_states("run_00000002") == "failed"
    assert start([2.0, 4.0, 3.0]).run(simulate) == [(2, (3.0,))]


def test_an_error_in_a_run_is_mended_by_the_next_start(start):
    with pytest.raises(BrokenRunError):
        start([1.0, 2.0, 3.0]).run(simulate, broken=[2.0])
    assert start([1.0, 2.0, 3.0, 4.0]).run(simulate) == [
        (1, (2.0,)),
        (2, (3.0,)),
        (3, (4.0,)),
    ]
    assert stored().f_get_run_errors() == {}


def test_equal_points_are_matched_one_to_one(start):
    start([1.0, 1.0, math.nan]).run(simulate)
    env = start([math.nan, 1.0, 1.0, 1.0, math.nan])
    results = env.run(simulate)
    assert [index for index, _ in results] == [3, 4]
    assert results[0] == (3, (1.0,))
    assert math.isnan(results[1][1][0])


def test_points_have_several_parameters_of_any_kind(make_env):
    def run(points):
        env = make_env("t", storage_service="hdf5", filename=FILE, on_existing="extend")
        env.traj.f_add_parameter("a", np.zeros(2))
        env.traj.f_add_derived_parameter("b", (0, 0))
        env.traj.f_add_parameter(PickleParameter, "c", {})
        env.traj.f_explore(dict(zip("abc", zip(*points, strict=True), strict=True)))
        return [index for index, _ in env.run(lambda traj: None)]

    one, two = (np.array([1.0, math.nan]), (1, 2), {"k": [1]}), (np.ones(2), (1, 2), {"k": [1]})
    three = (np.ones(2), (1, 3), {"k": [1]})
    four = (np.ones(2), (1, 3), {"k": [2]})
    assert run([one, two]) == [0, 1]
    assert run([three, two, one]) == [2]
    assert run([four, one, three, two]) == [3]
    assert run([one, two, three, four]) == []


def test_nothing_needs_to_be_explored(start):
    assert start(None).run(simulate) == [(0, (0.0,))]
    assert start(None).run(simulate) == []


@pytest.mark.parametrize(
    "options",
    [
        {"wrap_mode": "LOCK"},
        {"wrap_mode": "QUEUE", "use_pool": True},
        {"wrap_mode": "LOCAL", "use_pool": True, "freeze_input": True},
        {"wrap_mode": "PIPE"},
    ],
    ids=str,
)
def test_parallel_runs_go_on_as_well(start, options):
    parallel = {"multiproc": True, "ncores": 2, **options}
    start([1.0, 2.0, 3.0], seed=3, on_error="continue", **parallel).run(simulate, broken=[2.0])
    assert start([5.0, 3.0, 2.0, 1.0], **parallel).run(simulate) == [(1, (2.0,)), (3, (5.0,))]
    start([1.0, 2.0, 3.0, 5.0], name="whole", seed=3).run(simulate)
    assert content(stored()) == content(stored("whole"))


def test_it_works_with_any_service_that_lists_its_trajectories(make_env):
    service = MemoryStorageService()

    def run(xs):
        env = make_env(storage_service=service, on_existing="extend")
        env.traj.f_add_parameter("x", 0.0)
        env.traj.f_explore({"x": xs})
        return env.run(simulate)

    assert run([1.0]) == [(0, (1.0,))]
    assert run([2.0, 1.0]) == [(1, (2.0,))]


def test_a_service_that_does_not_list_its_trajectories_is_refused(make_env):
    class Silent:
        multiproc_safe = False

        def store(self, *args, **kwargs):
            pass

        def load(self, *args, **kwargs):
            pass

    with pytest.raises(NoSuchServiceError, match="trajectory_names"):
        make_env(storage_service=Silent(), on_existing="skip")


def test_a_service_that_keeps_nothing_has_nothing(start):
    options = {"storage_service": "lazy", "filename": None}
    assert len(start([1.0], **options).run(simulate)) == 1


# ----- parameters that differ ----------------------------------------------------------------


def refuse(env, *texts):
    before = stored().f_get_run_information()
    with pytest.raises(ExistingTrajectoryError) as caught:
        env.run(simulate)
    for text in texts:
        assert text in str(caught.value)
    assert stored().f_get_run_information() == before


def test_other_values_are_refused(start):
    start([1.0]).run(simulate)
    refuse(start([1.0, 2.0], y=4), "parameters.group.y: stored 3, now 4")
    refuse(start([1.0], y=3.0), "parameters.group.y: stored 3, now 3.0")
    refuse(start([1.0], y=None), "parameters.group.y: stored 3, now there is no such parameter")


def test_further_parameters_are_refused_once_a_run_is_completed(start):
    with pytest.raises(BrokenRunError):
        start([1.0]).run(simulate, broken=[1.0])
    env = start([1.0])
    env.traj.f_add_parameter("more", 1)
    env.run(simulate)
    assert stored().more == 1
    env = start([1.0])
    env.traj.f_add_parameter("more", 1)
    env.traj.f_add_parameter("most", [1, 2])
    refuse(env, "parameters.most: not stored, now [1, 2]")


def test_derived_parameters_are_compared_as_far_as_both_have_them(start):
    for value in (5, 5, 6):
        env = start([1.0])
        env.traj.f_add_derived_parameter("d", value)
        if value == 6:
            refuse(env, "derived_parameters.d: stored 5, now 6")
        else:
            env.run(simulate)
    assert start([1.0]).run(simulate) == []


def test_other_explored_parameters_are_refused(start):
    start([1.0]).run(simulate)
    refuse(start(None), "parameters.x: stored as explored, now 0.0, not explored")
    env = start([1.0])
    env.traj.f_explore({"y": [3]})
    refuse(env, "parameters.group.y: stored 3, not explored, now explored")


def test_explored_values_of_another_type_are_refused(start, make_env):
    start([1.0], y=None).run(simulate)
    env = make_env(storage_service="hdf5", filename=FILE, on_existing="extend")
    env.traj.f_add_parameter("x", 0)
    env.traj.f_explore({"x": [1]})
    refuse(env, "parameters.x: stored values are of type float, now of type int")


def test_many_differences_are_counted(start):
    env = start([1.0])
    for number in range(15):
        env.traj.f_add_parameter(f"p{number}", 0)
    env.run(simulate)
    env = start([1.0])
    for number in range(15):
        env.traj.f_add_parameter(f"p{number}", 1)
    refuse(env, "parameters.p0: stored 0, now 1", "and 5 more")


# ----- arguments -----------------------------------------------------------------------------


def test_elements_go_to_the_places_of_the_script(start):
    start([1.0, 2.0], on_error="continue").run_map(simulate, "ab", broken=[(), [2.0]])
    results = start([3.0, 2.0, 1.0, 4.0]).run_map(simulate, iter("cbad"), k=[3, 2, 1, 4])
    assert results == [(1, (2.0, "b", 2)), (2, (3.0, "c", 3)), (3, (4.0, "d", 4))]


def test_elements_of_completed_runs_are_not_kept(start):
    start([1.0, 2.0, 3.0, 4.0], on_error="continue").run(simulate, broken=[1.0])
    alive = set()

    class Element:
        def __init__(self, number):
            alive.add(number)
            self.number = number

        def __del__(self):
            alive.discard(self.number)

    def check(traj, element):
        assert element.number == 3
        assert alive == {3}

    start([2.0, 3.0, 4.0, 1.0]).run_map(check, map(Element, range(100)))


def test_too_few_elements_are_told_before_anything_is_stored(start):
    start([1.0, 2.0]).run(simulate)
    with pytest.raises(ValueError, match=r"2 elements left, but 3 are needed.*completed or not"):
        start([1.0, 2.0, 3.0]).run_map(simulate, [1, 2])
    assert len(stored()) == 2


def test_a_pipeline_may_set_it_up(make_env):
    def pipeline(traj):
        traj.f_add_parameter("x", 0.0)
        traj.f_explore({"x": xs})
        return simulate

    def run():
        env = make_env(storage_service="hdf5", filename=FILE, on_existing="extend")
        return env.pipeline(pipeline)

    xs = [1.0]
    assert run() == [(0, (1.0,))]
    xs = [2.0, 1.0]
    assert run() == [(1, (2.0,))]


# ----- points that are added later -----------------------------------------------------------


def adaptive(calls):
    """Return post-processing that adds two points, twice."""

    def postprocessing(traj, results):
        calls.append([index for index, _ in results])
        if len(calls) <= 2:
            return {"x": [10.0 * len(calls), 10.0 * len(calls) + 1]}
        return None

    return postprocessing


@pytest.mark.parametrize("policy", ["skip", "extend"])
@pytest.mark.parametrize("broken", [2.0, 11.0, 20.0])
def test_points_that_post_processing_added_are_not_executed_again(start, broken, policy):
    def run(broken=()):
        calls = []
        env = start([1.0, 2.0], policy)
        env.add_postprocessing(adaptive(calls))
        return env.run(simulate, broken=broken), calls

    with pytest.raises(BrokenRunError):
        run([broken])
    xs = [1.0, 2.0, 10.0, 11.0, 20.0, 21.0]
    results, calls = run()
    assert [x for _, (x,) in results] == xs[xs.index(broken) :]
    assert len(calls) == 3
    assert stored().f_get("x").f_get_range() == xs
    assert stored().f_get_run_states("run_00000005") == "completed"
    assert run() == ([], [[], [], []])


def test_runs_that_post_processing_added_are_executed_though_it_does_not_ask_again(start):
    def postprocessing(traj, results):
        if len(traj) < 6:
            traj.f_expand({"x": [10.0 * len(traj), 10.0 * len(traj) + 1]})

    def run(xs=(1.0, 2.0), broken=(), with_postprocessing=True):
        env = start(xs)
        if with_postprocessing:
            env.add_postprocessing(postprocessing)
        return env.run_map(simulate, "abcdefghi", broken=[broken] * 9)

    with pytest.raises(BrokenRunError):
        run(broken=[41.0])
    assert run([1.0], with_postprocessing=False) == []
    assert run() == [(5, (41.0, "f"))]
    assert stored().f_get("x").f_get_range() == [1, 2, 20, 21, 40, 41]


def test_runs_with_exchanged_arguments_are_left_to_post_processing(start):
    def postprocessing(traj, results):
        if len(traj) < 2:
            return {"x": [7.0]}, ("other",)
        return None

    for broken in ([7.0], []):
        env = start([1.0])
        env.add_postprocessing(postprocessing)
        if broken:
            with pytest.raises(BrokenRunError):
                env.run(simulate, "own", broken=broken)
        else:
            assert env.run(simulate, "own", broken=broken) == []


def test_new_points_and_those_of_post_processing_do_not_get_confused(start):
    def run(xs):
        env = start(xs)
        env.add_postprocessing(adaptive([]))
        return [x for _, (x,) in env.run(simulate)]

    assert run([1.0]) == [1.0, 10.0, 11.0, 20.0, 21.0]
    assert run([1.0, 2.0]) == [2.0]
    assert run([20.0, 1.0, 2.0]) == [20.0]  # the script has it now, and post-processing, too
    assert sorted(stored().f_get("x").f_get_range()) == [1, 2, 10, 11, 20, 20, 21]


def test_immediate_post_processing_finds_its_points(start):
    def run():
        env = start([1.0, 2.0], multiproc=True, ncores=2, immediate_postproc=True)
        env.add_postprocessing(adaptive([]))
        return [index for index, _ in env.run(simulate)]

    assert run() == list(range(6))
    assert run() == []
    assert len(stored()) == 6


def test_elements_for_points_that_were_added_come_after_those_of_the_script(start):
    def run(broken=()):
        env = start([1.0, 2.0])
        env.add_postprocessing(adaptive([]))
        return env.run_map(simulate, "abcdef", broken=[broken] * 6)

    with pytest.raises(BrokenRunError):
        run([11.0])
    assert run() == [(3, (11.0, "d")), (4, (20.0, "e")), (5, (21.0, "f"))]


def test_new_elements_of_post_processing_begin_with_its_points(start):
    def postprocessing(traj, results):
        calls.append(1)
        if len(calls) == 1:
            return {"x": [8.0, 9.0]}, ("yz",), {"broken": [broken, broken]}
        return None

    calls, broken = [], [9.0]
    env = start([1.0, 2.0])
    env.add_postprocessing(postprocessing)
    with pytest.raises(BrokenRunError):
        env.run_map(simulate, "ab")
    calls, broken = [], []
    env = start([1.0, 2.0])
    env.add_postprocessing(postprocessing)
    assert env.run_map(simulate, "ab") == [(3, (9.0, "z"))]


def test_a_loop_of_expansions_goes_on_where_it_ended(start):
    def run(broken=()):
        env = start([1.0])
        executed = [env.run(simulate)]
        for generation in (10, 20, 30):
            env.traj.f_expand({"x": [generation, generation + 1]})
            executed.append(env.run_map(simulate, [-generation, 0], broken=[broken] * 2))
        return executed

    with pytest.raises(BrokenRunError):
        run([21.0])
    assert run() == [[], [], [(4, (21.0, 0))], [(5, (30.0, -30)), (6, (31.0, 0))]]
    assert stored().f_get("x").f_get_range() == [1, 10, 11, 20, 21, 30, 31]
    assert run() == [[], [], [], []]


def test_a_file_has_its_ranges_while_post_processing_expands(start):
    def postprocessing(traj, results):
        if len(traj) < 3:
            traj.f_expand({"x": [7.0]})
            traj.f_expand({"x": [8.0]})
            seen.append(stored().f_get("x").f_get_range())

    seen = []
    for xs in ([1.0], [1.0, 9.0]):
        env = start(xs)
        env.add_postprocessing(postprocessing)
        env.run(simulate)
    assert seen == [[1.0]]
    assert stored().f_get("x").f_get_range() == [1.0, 7.0, 8.0, 9.0]


# ----- what an earlier start left ------------------------------------------------------------


def test_a_start_that_stored_nothing_but_the_name_does_not_count(start):
    start([1.0, 2.0]).traj.f_store(only_init=True)
    assert start([3.0], y=4).run(simulate) == [(0, (3.0,))]
    assert len(stored()) == 1


def test_a_start_that_stored_no_derived_parameters_goes_on(start):
    env = start([1.0, 2.0])
    env.traj.f_store(only_init=True)
    env.traj.f_store_child("parameters", recursive=True)
    env = start([1.0, 2.0, 3.0])
    env.traj.f_add_derived_parameter("d", 1)
    assert len(env.run(simulate)) == 3
    assert stored().d == 1


def test_runs_whose_values_were_not_stored_are_added_anew(start):
    start([1.0, 2.0]).run(simulate)
    traj = stored()
    run_table_of(traj).expand(4)
    traj.f_store(only_init=True)
    assert start([2.0, 1.0, 3.0]).run(simulate) == [(2, (3.0,))]
    assert len(stored()) == 3
    assert stored().f_get("x").f_get_range() == [1.0, 2.0, 3.0]
    assert len(stored().f_get_run_information()) == 3


def test_values_that_are_not_stored_at_all_are_named(start):
    start([1.0]).run(simulate)
    traj = stored()
    traj.f_delete_item("parameters.x")
    refuse(start([1.0]), "parameters.x: explored, but its values are not stored")


def test_what_cannot_be_stored_leaves_the_file_as_it_is(start, monkeypatch):
    start([1.0]).run(simulate)
    env = start([1.0, 2.0])
    service = env.traj.v_storage_service
    store = type(service).store

    def refuse_ranges(self, msg, *args, **kwargs):
        if msg == "PREPARE_MERGE":
            raise OSError("disk full")
        return store(self, msg, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(type(service), "store", refuse_ranges)
        with pytest.raises(OSError, match="disk full"):
            env.run(simulate)
    with pytest.raises(ExistingTrajectoryError, match="start the script again"):
        env.run(simulate)
    assert len(env.traj) == len(stored()) == 1
    assert env.traj.f_get("x").f_get_range() == [1.0]
    assert start([1.0, 2.0]).run(simulate) == [(1, (2.0,))]


# ----- what is in memory and in the file -----------------------------------------------------


def test_results_of_runs_are_there_to_be_loaded_and_others_can_be_added_again(start):
    def find(traj):
        with pytest.raises(AttributeError):
            traj.f_get("run_00000000")
        return simulate(traj)

    def postprocessing(traj, results):
        traj.f_add_result("mean", 1.5)

    for xs in ([1.0, 2.0], [1.0, 2.0, 3.0]):
        env = start(xs)
        env.add_postprocessing(postprocessing)
        env.run(find)
        env.traj.f_add_result("later.sum", 7)
        if not env.traj.f_contains("results.runs.run_00000000.z", shortcuts=False):
            env.traj.f_load_child("results.runs.run_00000000.z")
        env.traj.results.f_add_link("best", env.traj.f_get("run_00000000.z"))
        env.traj.f_store()
    found = env.traj.f_get_from_runs("z", fast_access=True, auto_load=True, use_indices=True)
    assert dict(found) == {0: 10, 1: 20, 2: 30}
    env.add_postprocessing(None)
    assert env.run(find) == []
    assert not env.traj.f_contains("results.runs.run_00000001.noise", shortcuts=False)


def test_results_outside_of_runs_stay_as_they_are_stored(start, caplog):
    def postprocessing(traj, results):
        traj.f_add_result("count", len(results))
        traj.f_add_result("same", 1)

    for xs in ([1.0, 2.0], [1.0, 2.0, 3.0]):
        env = start(xs)
        env.add_postprocessing(postprocessing)
        env.run(simulate)
    assert stored().f_get("results.count").f_get() == 2
    (warning,) = [each for each in caplog.records if "left as it is" in each.getMessage()]
    assert warning.levelname == "WARNING"
    assert "'results.count'" in warning.getMessage()
    assert "same" not in warning.getMessage()
    env.traj.f_store_items(["results.count"], overwrite=True)
    assert stored().f_get("results.count").f_get() == 1


def test_every_environment_is_noted(start):
    first = start([1.0])
    first.run(simulate)
    made = first.traj.v_timestamp
    second = start([1.0, 2.0])
    second.run(simulate)
    traj = stored()
    for env in (first, second):
        group = traj.f_get(f"config.environment.{env.name}")
        assert group.on_existing == "extend"
        assert group.f_get("trajectory.timestamp", shortcuts=False).f_get() == made
    assert traj.v_timestamp == second.traj.v_timestamp == made
    hashes = [run["short_environment_hexsha"] for run in traj.f_get_run_information().values()]
    assert hashes == [first.hexsha[:7], second.hexsha[:7]]


def test_numbers_drawn_for_the_script_are_those_of_the_first_start(start):
    def explore():
        env = start(None)
        env.traj.f_explore({"x": env.traj.f_rng().random(3).tolist()})
        return env.run(simulate)

    assert len(explore()) == 3
    assert explore() == []


def test_a_seed_that_is_given_counts(start):
    start([1.0], seed=1).run(simulate)
    start([1.0, 2.0], seed=2).run(simulate)
    start([1.0, 2.0], name="other", seed=2).run(simulate)
    assert content(stored())[2.0] == content(stored("other"))[2.0]
    assert content(stored())[1.0] != content(stored("other"))[1.0]


def test_runs_keep_the_names_that_they_were_given(start):
    wildcards = {("$", "crun"): lambda idx: f"r{idx}" if idx >= 0 else "r_all"}
    start([1.0], wildcard_functions=wildcards).run(simulate)
    env = start([1.0, 2.0], wildcard_functions=wildcards)
    env.run(simulate)
    assert env.traj.f_get_run_names() == ["r0", "r1"]
    assert stored(wildcard_functions=wildcards).f_get("r1.z").f_get() == 20


def test_what_is_missing_is_told_how_to_get(start, caplog):
    with pytest.raises(BrokenRunError):
        start([1.0]).run(simulate, broken=[1.0])
    assert "start the script again" in caplog.text


def test_what_happens_is_told(start, caplog):
    caplog.set_level("INFO")
    start([1.0, 2.0]).run(simulate)
    assert "Continuing" not in caplog.text
    start([1.0, 3.0]).run(simulate)
    assert (
        "Of 2 requested runs, 1 are completed and not executed again, 1 are new; "
        "1 other stored runs are left unchanged." in caplog.text
    )


# ----- options -------------------------------------------------------------------------------


def test_names_with_a_time_are_refused():
    with pytest.raises(ValueError, match="add_time"):
        Environment("t", add_time=True, filename=FILE, on_existing="extend", log_config=None)


def test_a_file_that_is_deleted_first_is_refused():
    with pytest.raises(ValueError, match="overwrite_file"):
        Environment("t", overwrite_file=True, filename=FILE, on_existing="skip", log_config=None)


@pytest.mark.parametrize("value", ["", "replace", "Skip"])
def test_other_values_of_the_option_are_refused(value):
    with pytest.raises(ValueError, match="'skip', 'extend'"):
        Environment("t", on_existing=value, log_config=None)


def test_a_trajectory_that_was_loaded_goes_on_as_always(start, make_env):
    with pytest.raises(BrokenRunError):
        start([1.0, 2.0, 3.0], None).run(simulate, broken=[2.0])
    loaded = load_trajectory("test", filename=FILE)
    env = make_env(loaded, on_existing="skip")
    assert env.run(simulate) == [(1, (2.0,)), (2, (3.0,))]


def test_a_trajectory_that_was_made_by_hand_is_as_good_as_a_name(start, make_env):
    start([1.0], y=None).run(simulate)
    traj = Trajectory("test", filename=FILE)
    traj.f_add_parameter(Parameter, "x", 0.0)
    traj.f_explore({"x": [2.0, 1.0]})
    assert make_env(traj, on_existing="extend").run(simulate) == [(1, (2.0,))]


def test_environments_and_trajectories_can_be_pickled(start):
    start([1.0]).run(simulate)
    env = start([1.0, 2.0])
    env.run(simulate)
    handle = pickle.loads(pickle.dumps(env))
    assert handle.options["on_existing"] == "extend"
    assert len(handle.traj) == 2
