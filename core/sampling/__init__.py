"""Points to explore: designs of experiments for `Trajectory.f_explore`, and ranges of parameters.

Every function returns a dictionary for ``f_explore`` and ``f_expand``; all but `cartesian_product`
return `Points`, which the trajectory stores a record of. `latin_hypercube` and `sobol` need SciPy
(``pip install "pypet[sampling]"``), everything else needs NumPy only.
"""

from pypet.sampling.combining import from_dataframe, one_at_a_time, union, where, zipped
from pypet.sampling.designs import latin_hypercube, random, reproduce, sobol
from pypet.sampling.ranges import Choice, Integers, Range, Uniform, choice, integers, uniform
from pypet.trajectory.parameter_space import cartesian_product, find_unique_points
from pypet.trajectory.points import Points

__all__ = [
    "Choice",
    "Integers",
    "Points",
    "Range",
    "Uniform",
    "cartesian_product",
    "choice",
    "find_unique_points",
    "from_dataframe",
    "integers",
    "latin_hypercube",
    "one_at_a_time",
    "random",
    "reproduce",
    "sobol",
    "uniform",
    "union",
    "where",
    "zipped",
]
