"""The example of logging does what it says, as the script that users start."""

from __future__ import annotations

from tests.examples.running import run_example


def test_it_logs_prints_warnings_and_progress_to_files_by_name(tmp_path):
    done = run_example("logging_and_progress.py", "--folder", tmp_path / "there", folder=tmp_path)
    files = {path.name: path.read_text() for path in (tmp_path / "there").iterdir()}
    assert files.keys() == {"bread.log", "bread_warnings.log"}
    log = files["bread.log"]
    assert log.count(" oven INFO     Oven at ") == 8
    assert log.count("PROGRESS: Finished") == 5
    assert files["bread_warnings.log"].count("bakery WARNING  Burnt at") == 2
    assert "Oven at" not in done.stdout
    assert "bread.log" in done.stdout.splitlines()[-1]
