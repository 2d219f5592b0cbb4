"""Helpers to choose the points that a trajectory explores."""

from pypet.trajectory.parameter_space import cartesian_product, find_unique_points

__all__ = ["cartesian_product", "find_unique_points"]
