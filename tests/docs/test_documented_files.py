"""What the pages of the documentation show works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pypet import Environment

DOCS = Path(__file__).parents[2] / "docs"


def blocks(page, language):
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_ini_file(tmp_path):
    pytest.importorskip("h5py")
    (text,) = blocks("config_files.md", "ini")
    path = tmp_path / "experiment.ini"
    path.write_text(text)
    with Environment(config=path, log_config=None) as env:
        traj = env.traj
    assert traj.v_name.startswith("Demo_")
    assert env.options["wrap_mode"] == "QUEUE"
    assert env.options["report_progress"] == (10, "pypet", 20)
    assert traj.f_get("parameters.grid.dx").v_comment == "step size"
    stored = Path(traj.v_storage_service.filename)
    assert stored == tmp_path / "out" / f"{traj.v_name}.hdf5"


def test_the_toml_file(tmp_path):
    (text,) = blocks("config_files.md", "toml")
    path = tmp_path / "experiment.toml"
    path.write_text(text)
    with Environment(config=path, storage_service="memory") as env:
        assert env.traj.grid.dx == 0.1
    assert (tmp_path / "logs" / "Demo.txt").is_file()


def test_the_function_with_a_config_keyword(tmp_path, capsys):
    (tmp_path / "experiment.ini").write_text("[trajectory]\ntrajectory = 'Demo'\n")
    (code,) = blocks("config_files.md", "python")
    names = {}
    exec(code.replace("...", "return trajectory, options"), names)
    assert names["prepare"](config="experiment.ini", ncores=4) == ("Demo", {"ncores": 4})


def test_the_logging_configuration(tmp_path):
    (code,) = blocks("logging.md", "python")
    script = tmp_path / "script.py"
    options = 'multiproc=True, ncores=1, wrap_mode="LOCAL"'
    code = code.replace('"documented", ', f'"documented", {options}, ')
    script.write_text(code)
    subprocess.run([sys.executable, str(script)], check=True, timeout=100, capture_output=True)
    main = (tmp_path / "logs" / "documented.txt").read_text()
    assert "PROGRESS: Finished 3/3 runs" in main
    texts = [path.read_text() for path in sorted((tmp_path / "logs" / "documented").iterdir())]
    assert len(texts) == 3
    for run, text in enumerate(texts):
        assert f" model x is {run + 1}\n" in text
        assert " STDOUT also in the log\n" in text
