"""Importance of parameters, by scikit-learn or the evaluators of Optuna."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pypet.errors import PlotError
from pypet.plugins.matplotlib_plots.axes import EXTRA
from pypet.plugins.matplotlib_plots.table_source import AxisValues
from pypet.support.optional import require

Numbers = NDArray[np.float64]

_TREES = 64
_FOLDS = 5
_REPETITIONS = 5
_SEED = 0
"""The same runs always have the same importances."""


class Importances(NamedTuple):
    """Importances of parameters; arrays of float64, shape (parameters,)."""

    importances: Numbers
    deviations: Numbers | None
    """Their standard deviations over repetitions; None if there are none."""
    note: str
    """How they were found, and how far they can be trusted."""


Evaluator = Callable[[Sequence[AxisValues], Numbers], Importances]


def evaluator_of(name: str) -> Evaluator:
    """Return the evaluator of this name.

    Raises
    ------
    PlotError
        There is none.
    """
    if name not in _EVALUATORS:
        raise PlotError(f"`evaluator` is one of {', '.join(EVALUATORS)}, not {name!r}.")
    return _EVALUATORS[name]


# ----- scikit-learn ----------------------------------------------------------------------------


def _forest() -> Any:
    ensemble = require("sklearn.ensemble", plugin="importance", extra=EXTRA)
    return ensemble.RandomForestRegressor(n_estimators=_TREES, random_state=_SEED)


def _permutation(parameters: Sequence[AxisValues], target: Numbers) -> Importances:
    """Shuffle each parameter among runs that the forest has not seen.

    Notes
    -----
    Breiman, Random Forests, Machine Learning 45 (2001), section 10, with cross-validation in
    place of out-of-bag samples.
    """
    selection = require("sklearn.model_selection", plugin="importance", extra=EXTRA)
    points = _points(parameters)
    variance = float(target.var())
    generator = np.random.default_rng(_SEED)
    growths: list[list[float]] = [[] for _ in parameters]
    error = 0.0
    folds = selection.KFold(_FOLDS, shuffle=True, random_state=_SEED)
    for seen, unseen in folds.split(points):
        forest = _forest().fit(points[seen], target[seen])
        own = float(np.mean((forest.predict(points[unseen]) - target[unseen]) ** 2))
        error += own * len(unseen)
        for position, found in enumerate(growths):
            # All repetitions at once: most of a prediction is the way to the trees and back.
            shuffled = np.tile(points[unseen], (_REPETITIONS, 1, 1))
            for repetition in shuffled:
                generator.shuffle(repetition[:, position])
            predicted = forest.predict(shuffled.reshape(-1, points.shape[1]))
            errors = (predicted.reshape(_REPETITIONS, -1) - target[unseen]) ** 2
            found += ((errors.mean(axis=1) - own) / variance).tolist()
    all_growths = np.array(growths)
    explained = 1 - error / (variance * len(target))
    return Importances(
        all_growths.mean(axis=1),
        all_growths.std(axis=1),
        f"growth of the squared error by shuffling{_fit_text(explained)}",
    )


def _fit_text(explained: float) -> str:
    text = f"; a random forest explains {max(explained, 0.0):.0%} of the variance"
    return text if explained > 0.2 else f"{text}: do not rely on this"


def _impurity(parameters: Sequence[AxisValues], target: Numbers) -> Importances:
    forest = _forest().fit(_points(parameters), target)
    trees = np.array([tree.feature_importances_ for tree in forest.estimators_])
    return Importances(
        np.asarray(forest.feature_importances_),
        trees.std(axis=0),
        "mean decrease of impurity in a random forest",
    )


def _points(parameters: Sequence[AxisValues]) -> Numbers:
    """Return float64 of shape (runs, parameters); trees can split the positions of texts, too."""
    return np.stack([values.places for values in parameters], axis=1)


# ----- Optuna ----------------------------------------------------------------------------------


def _fanova(parameters: Sequence[AxisValues], target: Numbers) -> Importances:
    module = require("optuna.importance", plugin="importance", extra="optuna")
    evaluator = module.FanovaImportanceEvaluator(seed=_SEED)
    return _by_optuna(evaluator, "functional ANOVA of a random forest", parameters, target)


def _ped_anova(parameters: Sequence[AxisValues], target: Numbers) -> Importances:
    module = require("optuna.importance", plugin="importance", extra="optuna")
    with _quiet():
        evaluator = module.PedAnovaImportanceEvaluator()
    note = "PED-ANOVA: what matters for the lowest tenth of the values"
    return _by_optuna(evaluator, note, parameters, target)


def _by_optuna(
    evaluator: Any, note: str, parameters: Sequence[AxisValues], target: Numbers
) -> Importances:
    optuna = require("optuna", plugin="importance", extra="optuna")
    names = [str(position) for position in range(len(parameters))]
    kinds = {
        name: _distribution(optuna, values) for name, values in zip(names, parameters, strict=True)
    }
    points = [_choices(values) for values in parameters]
    with _quiet():
        study = optuna.create_study()
        study.add_trials(
            [
                optuna.create_trial(
                    params=dict(zip(names, point, strict=True)), distributions=kinds, value=value
                )
                for *point, value in zip(*points, target.tolist(), strict=True)
            ]
        )
        found = evaluator.evaluate(study)
    importances = np.array([found[name] for name in names], np.float64)
    total = importances.sum()
    return Importances(importances / total if total else importances, None, note)


def _distribution(optuna: Any, values: AxisValues) -> Any:
    if values.categories:
        return optuna.distributions.CategoricalDistribution(values.categories)
    low, high = float(values.places.min()), float(values.places.max())
    return optuna.distributions.FloatDistribution(low, high)


def _choices(values: AxisValues) -> list[Any]:
    if values.categories:
        return [values.categories[int(place)] for place in values.places]
    return list(values.places.tolist())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from reporting each study within a ``with`` block."""
    optuna = require("optuna", plugin="importance", extra="optuna")
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


_EVALUATORS: dict[str, Evaluator] = {
    "permutation": _permutation,
    "impurity": _impurity,
    "fanova": _fanova,
    "ped_anova": _ped_anova,
}
EVALUATORS = tuple(_EVALUATORS)
