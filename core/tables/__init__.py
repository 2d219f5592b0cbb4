"""Tables of runs: one row a run, columns of parameters, run information and results.

`read_table` makes a `RunTable` of a trajectory, in memory or in a file, loaded or not, while it is
running or after it has crashed. `pypet.Trajectory.f_to_dataframe` and
`pypet.Trajectory.f_to_xarray` turn it into what pandas and xarray have. Tables need nothing but
numpy.
"""

from pypet.tables.column import Column
from pypet.tables.exporting import export_table
from pypet.tables.reading import read_table
from pypet.tables.run_table import RunTable

__all__ = ["Column", "RunTable", "export_table", "read_table"]
