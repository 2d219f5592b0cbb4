"""The run table: which runs a trajectory has, and the state, times and errors of each.

`table` has the table itself, `columns` the arrays that hold it, `index` and `names` the mapping of
run indices and names to rows, `states` the states of a run, `information` the dictionaries that
users get, and `serialization` the records that storage services read and write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypet.runs.table import RunTable
    from pypet.tree.typed_groups import RootGroup


def run_table_of(trajectory: RootGroup) -> RunTable:
    """Return the run table of a trajectory.

    A function, because names without the prefix ``v_`` on a trajectory belong to users' nodes.
    """
    return trajectory._runs
