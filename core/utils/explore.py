"""Helpers to choose the points that a trajectory explores."""

from pypet.support.exploration import cartesian_product, find_unique_points

__all__ = ["cartesian_product", "find_unique_points"]
