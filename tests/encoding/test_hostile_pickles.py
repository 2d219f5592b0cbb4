"""What pickles of strangers try, each of them in a process of its own: nothing of it happens."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pandas")
pytest.importorskip("scipy")

SCRIPT = Path(__file__).with_name("hostile_pickles.py")


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    mark = tmp_path_factory.mktemp("hostile") / "mark"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(SCRIPT), str(mark)],
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_no_hostile_pickle_is_loaded_or_ends_in_another_error(tried):
    assert len(tried["results"]) > 100
    wrong = {
        name: outcome
        for name, outcome in tried["results"].items()
        if outcome not in ("refused", "malformed")
    }
    assert wrong == {}


def test_nothing_was_run_or_changed_or_imported(tried):
    assert tried["state"] == {"exists": True, "mark": False, "imported": []}
