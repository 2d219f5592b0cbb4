"""Functions that cannot be called as they will be are refused before anything runs."""

from __future__ import annotations

import functools
import operator

import pytest

from tests.environment.conftest import explore


def nothing():
    return


def one(traj):
    return traj.x


def two(traj, factor):
    return traj.x * factor


def adding_an_argument(function):
    """Return a function that calls another one with an argument more."""

    @functools.wraps(function)
    def called(traj):
        return function(traj, 10)

    return called


class Method:
    def run(self, traj):
        return traj.x

    __call__ = run


@pytest.fixture(params=[{}, {"multiproc": True}, {"multiproc": True, "use_pool": True}], ids=str)
def env(request, make_env):
    options = {"wrap_mode": "LOCAL", "ncores": 2} if request.param else {}
    env = make_env(**options, **request.param)
    explore(env.traj, 2)
    return env


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (lambda env: env.run(nothing), r"with the trajectory, which nothing\(\) does not take"),
        (lambda env: env.run(two), "missing a required argument: 'factor'"),
        (lambda env: env.run(one, 5), "with the trajectory and 1 argument, which one"),
        (lambda env: env.run(two, 5, fctor=5), "unexpected keyword argument 'fctor'"),
        (lambda env: env.run_map(one, [1, 2]), "with the trajectory and 1 argument"),
        (lambda env: env.run_map(two, factors=[1, 2]), "does not take"),
        (lambda env: env.pipeline(lambda traj: (two, (1, 2))), "run function is called"),
        (lambda env: env.pipeline(nothing), "pipeline function is called with the trajectory"),
        (lambda env: env.pipeline(5), "A pipeline is a function"),
        (lambda env: env.pipeline_map(None), "A pipeline is a function"),
    ],
)
def test_a_function_with_other_arguments_starts_no_run(env, start, words):
    with pytest.raises(TypeError, match=words):
        start(env)
    assert not env.traj.f_is_completed(0)
    assert env.run(one) == [(0, 0), (1, 1)]


def test_functions_of_drawn_arguments_run(env):
    assert env.run_map(two, [10, 20]) == [(0, 0), (1, 20)]


@pytest.mark.parametrize("function", [adding_an_argument(two), Method(), Method().run])
def test_functions_that_take_the_trajectory_in_other_ways_run(make_env, function):
    env = make_env()
    explore(env.traj, 2)
    assert [index for index, _ in env.run(function)] == [0, 1]


def test_functions_without_a_signature_run(make_env):
    env = make_env()
    explore(env.traj, 2)
    assert env.run(operator.attrgetter("x")) == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("postproc", "args", "words"),
    [
        (5, (), "must be a function `postproc"),
        ("text", (), "must be a function `postproc"),
        (one, (), r"with the trajectory and the results, which one\(traj\) does not take"),
        (two, (5,), "the results, and 1 argument, which two"),
    ],
)
def test_post_processing_is_checked_when_it_is_added(make_env, postproc, args, words):
    env = make_env()
    for add in (env.add_postprocessing, env.add_postproc):
        with pytest.raises(TypeError, match=words):
            add(postproc, *args)


def test_post_processing_can_be_removed(make_env):
    env = make_env()
    explore(env.traj, 2)
    env.add_postprocessing(lambda traj, results: results.clear())
    env.add_postprocessing(None)
    assert env.run(one) == [(0, 0), (1, 1)]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((None, 5), "5 as args; give a tuple"),
        ((None, "text"), "'text' as args; give a tuple"),
        ((None, (), 5), "5 as kwargs; give a dictionary"),
        ((None, None, None, 5), "5 as postproc_args"),
        ((None, None, None, None, ()), r"\(\) as postproc_kwargs"),
        ((None, (1, 2)), "run function is called with the trajectory and 2 arguments"),
        ((None, None, None, (1,)), "post-processing is called with"),
    ],
)
def test_answers_of_post_processing_are_checked(make_env, answer, words):
    env = make_env()
    explore(env.traj, 2)
    env.add_postprocessing(lambda traj, results: answer)
    with pytest.raises(TypeError, match=words):
        env.run(one)
    assert env.traj.f_is_completed()


@pytest.mark.parametrize(("index", "kind"), [("x", TypeError), (1.5, TypeError), (-1, ValueError)])
def test_the_current_index_is_one_of_a_run(make_env, index, kind):
    env = make_env()
    with pytest.raises(kind, match="`current_idx`"):
        env.current_idx = index
    with pytest.raises(kind, match="`current_idx`"):
        env.v_current_idx = index
    assert env.current_idx == 0


def test_misspelled_methods_and_properties_name_the_nearest(make_env):
    traj = make_env().traj
    with pytest.raises(
        AttributeError, match=r"no such method either\. Did you mean 'f_add_result'"
    ):
        traj.f_ad_result("z", 1)
    with pytest.raises(
        AttributeError, match=r"no such property either\. Did you mean 'v_auto_load'"
    ):
        traj.v_autoload = True
    with pytest.raises(AttributeError, match="Did you mean 'f_add_parameter_group'"):
        traj.parameters.f_add_parameter_grop("group")
    traj.f_add_parameter("f_own", 5)
    assert traj.f_own == 5
