"""The established home of what works on several trajectories."""

from pypet.trajectory.folder_merging import merge_all_in_folder

__all__ = ["merge_all_in_folder"]
