"""The example of logging does what it says, as the script that users start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "examples" / "logging_and_progress.py"


def test_it_logs_prints_warnings_and_progress_to_files_by_name(tmp_path):
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--folder", str(tmp_path / "there")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    files = {path.name: path.read_text() for path in (tmp_path / "there").iterdir()}
    assert files.keys() == {"bread.log", "bread_warnings.log"}
    log = files["bread.log"]
    assert log.count(" oven INFO     Oven at ") == 8
    assert log.count("PROGRESS: Finished") == 5
    assert files["bread_warnings.log"].count("bakery WARNING  Burnt at") == 2
    assert "Oven at" not in done.stdout
