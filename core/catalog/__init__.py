"""What files of trajectories hold, for commands and pages that show it.

The only reader of files of unknown origin: they may be damaged, hostile, or just being written by
an experiment. No node is made, values are unpickled only where that cannot run code, sizes are
limited as with ``unpickle='safe'``, and what cannot be read is described beside the rest.
Descriptions are frozen dataclasses (`pypet.catalog.descriptions`); `to_json` is their only form for
other programs.
"""

from pypet.catalog.experiments import Experiment, experiment, recorded_resume_folders
from pypet.catalog.files import (
    described_trajectory,
    is_storage,
    listed_file,
    listed_folder,
    service_for,
    size_of,
)
from pypet.catalog.listing import Entry, listed_files, listed_trajectories
from pypet.catalog.nodes import described_node, leaf_values
from pypet.catalog.pace import Pace, pace_of
from pypet.catalog.progress import RunProgress
from pypet.support.json_output import FORMAT, to_json

__all__ = [
    "FORMAT",
    "Entry",
    "Experiment",
    "Pace",
    "RunProgress",
    "described_node",
    "described_trajectory",
    "experiment",
    "is_storage",
    "leaf_values",
    "listed_file",
    "listed_files",
    "listed_folder",
    "listed_trajectories",
    "pace_of",
    "recorded_resume_folders",
    "service_for",
    "size_of",
    "to_json",
]
