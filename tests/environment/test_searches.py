"""Searches that choose their next runs by the results so far, as their users write them."""

from __future__ import annotations

import multiprocessing
import random

import numpy as np
import pytest

from pypet import Trajectory, load_trajectory
from tests.encoding.exactly import same

pytest.importorskip("h5py")

FILE = "search.hdf5"
BITS = 20
MU, GENERATIONS = 6, 4


def pool(mode):
    start = "fork" if "fork" in multiprocessing.get_all_start_methods() else None
    return {
        "multiproc": True,
        "use_pool": True,
        "ncores": 2,
        "wrap_mode": mode,
        "start_method": start,
    }


# ----- an evolutionary search -------------------------------------------------------------------


def fitness(traj):
    """The sum of an individual's genes, longer ones paying for their length."""
    individual = traj.individual
    score = float(sum(individual)) - 0.1 * len(individual)
    traj.f_add_result("fitness", score)
    traj.f_add_result("seen", individual)
    return score


def children(parents, generation, rng):
    """Mutate: first a gene becomes a real number, then all do, then some are added or lost."""
    young = []
    for parent in parents:
        child = list(parent)
        place = rng.randrange(len(child))
        if generation == 1:
            child[place] = rng.random()
        elif generation == 2:
            child = [gene + rng.random() for gene in child]
        elif rng.random() < 0.5:
            child.insert(place, rng.random())
        else:
            del child[place]
        young.append(child)
    return young


def uniform(individual):
    """Genes of one type: whole numbers beside others become `float`."""
    return [float(gene) for gene in individual] if float in map(type, individual) else individual


class Evolution:
    """Post-processing that breeds the next generation of the fitter half."""

    def __init__(self):
        self.rng = random.Random(3)
        self.generation = 0
        self.explored = []

    def first(self):
        self.explored = [[self.rng.randint(0, 1) for _ in range(BITS)] for _ in range(MU)]
        return self.explored

    def __call__(self, traj, results):
        self.generation += 1
        if self.generation == GENERATIONS:
            return None
        scores = sorted(results, key=lambda pair: pair[1], reverse=True)[: MU // 2]
        best = [self.explored[idx] for idx, _ in scores]
        young = children(best * 2, self.generation, self.rng)
        self.explored = self.explored + young
        return {
            "individual": young,
            "generation": [self.generation] * len(young),
        }


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "options", [{}, pool("QUEUE"), pool("LOCK")], ids=["serial", "queue", "lock"]
)
def test_individuals_grow_and_change_their_kind(make_env, options):
    evolution = Evolution()
    with make_env(
        "evolution", storage_service="hdf5", filename=FILE, add_time=False, **options
    ) as env:
        traj = env.traj
        traj.f_add_derived_parameter("individual", [0] * BITS)
        traj.f_add_parameter("generation", 0)
        traj.f_explore({"individual": evolution.first(), "generation": [0] * MU})
        env.add_postprocessing(evolution)
        scores = dict(env.run(fitness))
    assert len(scores) == MU * GENERATIONS == len(evolution.explored)
    lengths = set(map(len, evolution.explored))
    assert len(lengths) > 1

    loaded = load_trajectory("evolution", filename=FILE, load_data=2)
    parameter = loaded.f_get("individual")
    kept = [uniform(individual) for individual in evolution.explored]
    assert {len(set(map(type, individual))) for individual in evolution.explored} == {1, 2}
    assert same(parameter.f_get_range(), kept)
    assert same(parameter.f_get_default(), [0] * BITS)
    for idx in loaded.f_iter_runs(yields="idx"):
        assert same(loaded.individual, kept[idx])
        assert same(loaded.f_get("results.runs.crun.seen").f_get(), kept[idx])
        assert loaded.results.runs.crun.fitness == scores[idx]
    with make_env(trajectory=loaded) as env:  # next day
        loaded.f_expand({"individual": [[1, 1], [2.5]], "generation": np.array([9, 9])})
        assert dict(env.run(fitness)) == {24: 1.8, 25: 2.4}
    again = load_trajectory("evolution", filename=FILE, load_data=2)
    assert same(again.f_get("individual").f_get_range(), [*kept, [1, 1], [2.5]])


@pytest.mark.timeout(60)
def test_a_population_may_be_an_array(make_env):
    population = np.random.default_rng(0).integers(0, 2, (MU, BITS))
    with make_env("evolution", storage_service="hdf5", filename=FILE, add_time=False) as env:
        env.traj.f_add_parameter("individual", [0] * BITS)
        env.traj.f_explore({"individual": population})
        env.run(fitness)
        env.traj.f_expand({"individual": population * 0.5})
        env.run(fitness)
    loaded = load_trajectory("evolution", filename=FILE, load_data=2)
    wanted = population.tolist() + (population * 0.5).tolist()
    assert same(loaded.f_get("individual").f_get_range(), wanted)


# ----- a search in a box ------------------------------------------------------------------------

DEFAULTS = {
    "model": {
        "layers": 2,
        "rate": 0.3,
        "momentum": np.sqrt(0.81),
        "width": np.int16(64),
        "scale": np.float32(1),
        "bias": True,
        "kernel": "linear",
        "max_depth": None,
        "phase": 1j,
        "window": (0.0, 1.0),
    },
    "budget": 10,
}


def box(rng, size):
    """Draw points as numpy gives them, all at once."""
    return {
        "model": {
            "layers": rng.integers(1, 5, size),
            "rate": np.linspace(0, 1, size),
            "momentum": rng.random(size).tolist(),
            "width": 2 ** np.arange(size),
            "scale": rng.integers(-8, 8, size) / 8,
            "bias": rng.random(size) < 0.5,
            "kernel": rng.choice(np.array(["linear", "radial"]), size),
            "phase": rng.random(size),
            "window": rng.integers(0, 9, (size, 2)),
        }
    }


def loss(traj):
    model = traj.f_get("parameters.model").f_to_dict(fast_access=True, short_names=True)
    traj.f_add_results({"out": {"loss": float(model["rate"]), "kernel": model["kernel"]}})
    return model


@pytest.mark.timeout(120)
@pytest.mark.parametrize("options", [{}, pool("QUEUE")], ids=["serial", "queue"])
def test_every_type_stays_that_of_its_default(make_env, options):
    rng = np.random.default_rng(1)
    points = [box(rng, 8), box(rng, 5)]
    defaults = DEFAULTS["model"]
    with make_env("box", storage_service="hdf5", filename=FILE, add_time=False, **options) as env:
        traj = env.traj
        traj.f_add_parameters(DEFAULTS)
        traj.f_explore(points[0])
        env.add_postprocessing(lambda traj, results: points[1] if len(traj) == 8 else None)
        models = dict(env.run(loss))
    assert len(models) == 13
    loaded = load_trajectory("box", filename=FILE, load_data=2)
    for idx in loaded.f_iter_runs(yields="idx"):
        assert loaded.max_depth is None
        assert models[idx]["max_depth"] is None
        for name in points[0]["model"]:
            value = loaded.f_get(name, fast_access=True)
            given = points[idx // 8]["model"][name][idx % 8]
            assert type(value) is type(defaults[name]), name
            assert same(value, models[idx][name])
            assert np.all(np.asarray(value) == given), name
    wide = list(loaded.f_find_idx(["width", "bias"], lambda width, bias: width >= 64 and bias))
    assert wide == [idx for idx in range(13) if models[idx]["width"] >= 64 and models[idx]["bias"]]


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("layers", np.linspace(1, 4, 2), r"astype\(int\)"),
        ("bias", [0, 1], "must be of type bool"),
        ("kernel", [1, 2], "default of type int"),
        ("width", [1, 2**15], "integers within its limits"),
    ],
)
def test_a_wrong_column_leaves_the_box_as_it_was(name, values, text):
    traj = Trajectory("box")
    traj.f_add_parameters(DEFAULTS)
    with pytest.raises(TypeError, match=text):
        traj.f_explore({"model": {"rate": [0.5, 1], name: values}})
    assert len(traj) == 1
    assert not traj.f_get_explored_parameters()
