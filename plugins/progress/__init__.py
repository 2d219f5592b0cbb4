"""Show the progress of runs: lines in the log, and a live bar on terminals.

The bar needs ``pip install "pypet[progress]"`` (tqdm); without it there are only lines.
"""

from __future__ import annotations

from pypet.interfaces import ProgressReporter
from pypet.markers import hookimpl
from pypet.plugins.progress.reporter import RunProgress
from pypet.plugins.progress.settings import ProgressSettings, parse_report_progress

__all__ = ["ProgressSettings", "RunProgress", "parse_report_progress"]


@hookimpl
def pypet_register_progress_reporters() -> list[type[ProgressReporter]]:
    """Register the reporter of ``report_progress``."""
    return [RunProgress]
