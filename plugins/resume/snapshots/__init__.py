"""Snapshots of experiments: the file ``environment.ecnt``, which an experiment is resumed from.

`container` is the file, `pickling` what is in it, `scripts` and `functions` bring back what the
main script defined, `descriptions` and `comparison` check whether the experiment is still the same,
`facts` are for whoever looks at a header. A snapshot is written and read like this::

    header = {FACTS_KEY: collect_facts(env), EXPERIMENT_KEY: describe_experiment(traj, simulate)}
    write_snapshot(folder / FILE_NAME, header, {"trajectory": traj, "function": simulate})

    header = read_header(folder / FILE_NAME)
    payload = read_payload(folder / FILE_NAME)
    with script_in_place(script_of(header)):
        ...  # describe, compare, execute runs, write the next snapshot
"""

from pypet.plugins.resume.snapshots.comparison import differences, require_same_experiment
from pypet.plugins.resume.snapshots.container import (
    FILE_NAME,
    check_snapshot,
    read_header,
    read_payload,
    script_of,
    write_snapshot,
)
from pypet.plugins.resume.snapshots.descriptions import EXPERIMENT_KEY, describe_experiment
from pypet.plugins.resume.snapshots.facts import FACTS_KEY, collect_facts
from pypet.plugins.resume.snapshots.functions import FunctionReference, refer, resolve
from pypet.plugins.resume.snapshots.processes import ProcessIdentity, identify_process, is_running
from pypet.plugins.resume.snapshots.scripts import MainScript, current_script, script_in_place

__all__ = [
    "EXPERIMENT_KEY",
    "FACTS_KEY",
    "FILE_NAME",
    "FunctionReference",
    "MainScript",
    "ProcessIdentity",
    "check_snapshot",
    "collect_facts",
    "current_script",
    "describe_experiment",
    "differences",
    "identify_process",
    "is_running",
    "read_header",
    "read_payload",
    "refer",
    "require_same_experiment",
    "resolve",
    "script_in_place",
    "script_of",
    "write_snapshot",
]
