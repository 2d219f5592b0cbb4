"""Several experiments side by side: parameters, runs and results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pypet.plugins.dashboard.model.axes import cell_text
from pypet.plugins.dashboard.model.experiment import Experiment
from pypet.plugins.dashboard.model.leaves import read_entries, reading_service
from pypet.tables import Column

ABSENT = ""
"""Text of what an experiment does not have."""


@dataclass(frozen=True, slots=True)
class ComparedRow:
    """One property of all experiments."""

    kind: str
    """``'runs'``, ``'parameter'`` or ``'result'``."""
    name: str
    cells: tuple[str, ...]
    """One an experiment."""

    @property
    def differs(self) -> bool:
        """Whether the experiments are not alike in it."""
        return len(set(self.cells)) > 1


def compared(experiments: Sequence[Experiment]) -> list[ComparedRow]:
    """Return how experiments differ, and in what they are alike.

    Raises
    ------
    OSError, ValueError, StorageFormatError
        The parameters of one cannot be read.
    """
    rows = [
        ComparedRow("runs", name, tuple(str(getattr(each.progress, name)) for each in experiments))
        for name in ("state", "total", "completed", "failed")
    ]
    rows += _merged("parameter", [_parameters(each) for each in experiments])
    rows += _merged("result", [_results(each) for each in experiments])
    return rows


def _merged(kind: str, described: Sequence[dict[str, str]]) -> list[ComparedRow]:
    names = sorted({name for each in described for name in each})
    return [
        ComparedRow(kind, name, tuple(each.get(name, ABSENT) for each in described))
        for name in names
    ]


def _parameters(experiment: Experiment) -> dict[str, str]:
    service = reading_service(experiment.path)
    found: dict[str, str] = {}
    for entry in read_entries(service, experiment.trajectory, "parameters", "utf8"):
        found[entry.name] = entry.problem or cell_text(entry.value)
    for column in experiment.table.parameters:
        if column.explored:
            name = (column.full_name or column.name).removeprefix("parameters.")
            found[name] = _range(column)
    return found


def _range(column: Column) -> str:
    values = column.values[~column.missing]
    if values.dtype.kind == "O":
        return f"{len(values)} values"
    distinct = np.unique(values)
    if len(distinct) <= 1:
        return "".join(map(cell_text, distinct.tolist()))
    low, high = cell_text(distinct[0].item()), cell_text(distinct[-1].item())
    return f"{len(distinct)} distinct values, {low} to {high}"


def _results(experiment: Experiment) -> dict[str, str]:
    return {column.name: _statistics(column) for column in experiment.table.results}


def _statistics(column: Column) -> str:
    values = column.values[~column.missing]
    if not len(values):
        return ABSENT
    if values.dtype.kind not in "biuf":
        return f"{len(values)} values"
    numbers = values.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return f"{len(values)} values, none finite"
    return (
        f"mean {numbers.mean():.6g}, {numbers.min():.6g} to {numbers.max():.6g} "
        f"({len(numbers)} runs)"
    )
