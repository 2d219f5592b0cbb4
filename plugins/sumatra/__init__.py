"""A record of each successful experiment in a Sumatra project."""

from __future__ import annotations

from pypet.interfaces import Versioning
from pypet.markers import hookimpl
from pypet.plugins.sumatra.versioning import SumatraRecords


@hookimpl
def pypet_register_versioning() -> list[type[Versioning]]:
    """Register the records."""
    return [SumatraRecords]
