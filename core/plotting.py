"""Figures of the runs of an experiment, by matplotlib: ``pip install "pypet[plot]"``.

`line`, `heatmap`, `parallel_coordinates`, `scatter_matrix` and `importance` each take a trajectory,
a table of runs or the path of a file, and return the axes that they have drawn into.
"""

from __future__ import annotations

from pypet.aliases import alias_names, module_getattr

__all__ = [*alias_names(__name__)]

__getattr__ = module_getattr(__name__)


def __dir__() -> list[str]:
    return sorted(__all__)
