"""The session that the page about results shows."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

pytest.importorskip("h5py")

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def test_the_session_answers_as_shown(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    session = "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    test = doctest.DocTestParser().get_doctest(session, {}, PAGE.name, str(PAGE), 0)

    results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)

    assert results.attempted > 8
    assert results.failed == 0, capsys.readouterr().out
