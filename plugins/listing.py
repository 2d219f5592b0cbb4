"""List the plugins: ``pypet plugins``. No heavy package is imported for it."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from typing import Any

from pypet.cli.arguments import add_json
from pypet.cli.output import Column, write_table
from pypet.interfaces import Command
from pypet.manager import FeatureReport, get_manager, report
from pypet.markers import hookimpl
from pypet.options.collection import KnownOptions

HEADER = ("FAMILY", "NAME", "DISTRIBUTION", "STATUS", "CAPABILITIES", "REASON")


def list_plugins(arguments: argparse.Namespace) -> int:
    """Write the list to stdout; ``arguments.json`` chooses JSON instead of a table."""
    manager = get_manager()
    KnownOptions(manager)  # finds options that two plugins declare
    rows = report(manager)
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(row) for row in rows], indent=2, default=str) + "\n")
    else:
        write_table([Column(title) for title in HEADER], map(_cells, rows))
    return 0


def _cells(row: FeatureReport) -> tuple[str, ...]:
    return (
        row.family,
        row.name,
        f"{row.distribution} {row.version}".strip(),
        str(row.status),
        _capabilities(row.capabilities),
        row.reason,
    )


def _capabilities(values: dict[str, Any]) -> str:
    """Return the names of capabilities that are true, and others with their values."""
    shown = (
        name if value is True else f"{name}={value}"
        for name, value in values.items()
        if value is not False and value is not None
    )
    return ", ".join(shown)


@hookimpl
def pypet_register_commands() -> list[Command]:
    """Register ``pypet plugins``."""
    return [
        Command(
            "plugins",
            "List all plugins with their features and states.",
            list_plugins,
            add_json,
        )
    ]
