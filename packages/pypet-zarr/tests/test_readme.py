"""The script of the README works."""

from __future__ import annotations

from pathlib import Path

from pypet.testing.readme import run_readme_script

README = Path(__file__).parents[1] / "README.md"


def test_the_script_of_the_readme_runs(tmp_path: Path) -> None:
    run_readme_script(README, tmp_path)
    assert (tmp_path / "mult.zarr").is_dir()
