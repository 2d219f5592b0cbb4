"""The example of config files runs with both kinds of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.running import run_example

EXAMPLE = Path(__file__).parents[2] / "examples" / "config_file.py"


@pytest.mark.parametrize("ending", [".ini", ".toml"])
def test_it_prints_what_is_left(tmp_path, ending):
    done = run_example("config_file.py", EXAMPLE.with_suffix(ending), folder=tmp_path)
    assert done.stdout.splitlines() == [
        f"run {run}: {1e6 * 0.5 ** (30 / half_life):.0f} atoms are left"
        for run, half_life in enumerate((8.02, 14.27))
    ]
    assert list((tmp_path / "config_file_results" / "logs").rglob("LOG.txt"))
