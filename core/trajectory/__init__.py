"""Trajectories: the container of all data of an experiment."""

from pypet.trajectory.loader import load_trajectory
from pypet.trajectory.trajectory import Trajectory
from pypet.tree.wildcards import make_run_name, make_set_name

__all__ = ["Trajectory", "load_trajectory", "make_run_name", "make_set_name"]
