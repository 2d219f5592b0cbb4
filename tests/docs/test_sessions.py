"""The sessions that pages show."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

pytest.importorskip("h5py")

DOCS = Path(__file__).parents[2] / "docs"
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("trajectories.md", 30),
        ("running.md", 10),
        ("clusters.md", 10),
        ("resuming.md", 7),
        ("exploring.md", 25),
        ("analysis.md", 30),
    ],
)
def test_the_session_answers_as_shown(name, length, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = DOCS / name
    text = page.read_text(encoding="utf-8")
    session = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    test = doctest.DocTestParser().get_doctest(session, {}, page.name, str(page), 0)
    results = doctest.DocTestRunner(optionflags=FLAGS).run(test)
    assert results.attempted > length
    assert results.failed == 0, capsys.readouterr().out
