"""Which overview tables list which leaves, and whether they want to know a leaf's value."""

from __future__ import annotations

from typing import Any

from pypet.storage_backends.hdf5.settings.settings import Settings

OVERVIEWS = {
    "config": "config_overview",
    "parameters": "parameters_overview",
    "derived_parameters": "derived_parameters_overview",
    "results": "results_overview",
}
"""Branch of the tree -> the table of its leaves."""
SUMMARIES = {
    "results": "results_summary",
    "derived_parameters": "derived_parameters_summary",
}
"""Branch of the tree -> the table with its distinct comments."""
EXPLORED = "explored_parameters_overview"


def wants_summary(settings: Settings, cache: Any, path: str, comment: str) -> bool:
    """Return whether a table will show the value of the leaf at ``path``, if it is new.

    ``cache`` is the `TrajectoryCache` of the open file; with None, as long as the file is not
    open, the answer is rather yes.
    """
    branch = path.partition(".")[0]
    table = OVERVIEWS.get(branch)
    if table is None:
        return False
    tables = settings.tables
    if tables[table] and (cache is None or cache.table(table).has_room()):
        return True
    if tables[EXPLORED] and branch.endswith("parameters"):
        return True
    summary = SUMMARIES.get(branch)
    if not comment or summary is None or not tables[summary]:
        return False
    return cache is None or not cache.summary(branch).knows(comment)
