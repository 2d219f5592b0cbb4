"""What ``pypet export`` does."""

from __future__ import annotations

import argparse
from dataclasses import replace

from pypet.cli.output import write_facts, write_json
from pypet.cli.tables import chosen_rows, read_columns
from pypet.support.readable import counted
from pypet.tables.exporting import export_table, exporter_for
from pypet.tables.filters import parse_filter
from pypet.tables.run_table import INDEX


def export(arguments: argparse.Namespace) -> int:
    """Write runs of a trajectory to a file.

    The status is 1 if something of a run cannot be read; the rest is exported.

    Raises
    ------
    CommandError, MissingDependencyError
        The format is unknown, or cannot keep a column; or there is no such column.
    OSError, StorageFormatError
        A file cannot be read or written.
    """
    exporter_for(arguments.to, arguments.format)  # before anything takes time
    condition = None if arguments.where is None else parse_filter(arguments.where)
    table = read_columns(
        arguments.file,
        arguments.trajectory,
        arguments.columns,
        needed=() if condition is None else condition.names,
        completed_only=arguments.completed,
    )
    table = chosen_rows(table, condition, None)
    if arguments.columns is not None:
        wanted = [table[INDEX], *(table[name] for name in arguments.columns)]
        table = replace(table, columns={column.name: column for column in wanted})
    used = export_table(
        table, arguments.to, file_format=arguments.format, overwrite=arguments.force
    )
    if arguments.json:
        write_json(
            path=arguments.to,
            file_format=used,
            trajectory=table.trajectory,
            rows=len(table),
            columns=list(table.columns),
            missing=table.missing_text(),
            problems={str(run): text for run, text in table.problems.items()},
        )
        return 1 if table.problems else 0
    rows = counted(len(table), "run")
    write_facts([("written", f"{arguments.to}: {rows}, {counted(len(table.columns), 'column')}")])
    if table.missing_text():
        write_facts([("missing", table.missing_text())])
    write_facts([("damaged", f"run {run}: {text}") for run, text in table.problems.items()])
    return 1 if table.problems else 0
