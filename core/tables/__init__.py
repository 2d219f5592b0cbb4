"""Tables of runs: one row a run, columns of parameters, run information and results."""
