"""What the README shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.processes import run_python

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf8")


SCRIPTS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
OUTPUTS = [["run_00000000 3.0", "run_00000001 8.0"], ["[(0, 1), (1, 4), (2, 9)]"]]


@pytest.mark.parametrize(("code", "lines"), list(zip(SCRIPTS, OUTPUTS, strict=True)))
def test_scripts_of_the_readme_print_what_they_should_each_time(tmp_path, code, lines):
    pytest.importorskip("h5py")
    script = tmp_path / "script.py"
    script.write_text(code, encoding="utf8")
    for _ in range(2):
        done = run_python(script, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == lines
    assert len(list(tmp_path.glob("*.hdf5"))) == 1


def test_options_of_the_readme_have_the_defaults_that_it_says():
    from pypet.options.established import ESTABLISHED

    rows = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", README, flags=re.MULTILINE)
    defaults = {name: default for name, default in rows if name in ESTABLISHED}
    assert len(defaults) > 5
    written_out = {"filename": "./hdf5/<trajectory>.hdf5", "report_progress": "(5, 'pypet', INFO)"}
    for name, default in defaults.items():
        assert default == written_out.get(name, repr(ESTABLISHED[name].default))
