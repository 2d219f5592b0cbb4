"""``pypet ui``: arguments, errors and its end."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

pytest.importorskip("panel")
pytest.importorskip("h5py")

import pypet
from pypet.cli.app import main
from pypet.plugins.dashboard import dashboard, experiment_pane
from pypet.plugins.dashboard.command import UI
from pypet.testing.commands import CommandConformance
from tests.processes import wait_until

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index")


class TestUi(CommandConformance):
    command = UI


def test_a_missing_file_is_an_error_in_one_line(capsys, tmp_path):
    assert main(["ui", str(tmp_path / "nothing"), "--no-browser"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "There is no file or folder" in line


@pytest.mark.parametrize("port", ["0", "x", "65536", "-1"])
def test_a_wrong_port_is_wrong_usage(port, capsys):
    with pytest.raises(SystemExit) as end:
        main(["ui", f"--port={port}"])
    assert end.value.code == 2
    assert "no port" in capsys.readouterr().err


def test_without_panel_the_error_names_the_extra(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "panel", None)
    assert main(["ui", str(tmp_path)]) == 1
    assert 'pip install "pypet[ui]"' in capsys.readouterr().err


def test_an_interrupt_ends_it_and_the_browser_gets_a_file(tmp_path):
    script = tmp_path / "browser"
    seen = tmp_path / "seen"
    script.write_text(
        f'#!/bin/sh\ncp -p "$(echo "$1" | sed s,^file://,,)" {seen}.part\nmv {seen}.part {seen}\n'
    )
    script.chmod(0o755)
    environment = {**os.environ, "BROWSER": f"{script} %s", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-m", "pypet", "ui", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{40,}", line)
        wait_until(seen.exists)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert address[0] in seen.read_text()
    assert not list(tmp_path.glob("pypet-ui-*"))


@pytest.mark.parametrize("below", [True, False])
def test_json_says_where_it_listens_in_one_line(experiment_file, tmp_path, below):
    path = tmp_path / "folder" / "a.hdf5"
    path.parent.mkdir()
    shutil.copy(experiment_file, path)
    (tmp_path / "folder" / "notes.txt").write_text("no experiment")
    opened = tmp_path / "browser"
    opened.write_text(f"#!/bin/sh\ntouch {tmp_path / 'opened'}\n")
    opened.chmod(0o755)
    target = path.parent if below else path
    with subprocess.Popen(
        [sys.executable, "-m", "pypet", "ui", str(target), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": f"{opened} %s"},
    ) as process:
        try:
            told = json.loads(process.stdout.readline())
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
            with browser.open(told["url"], timeout=60) as answer:
                page = answer.read().decode()
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(f"http://{told['host']}:{told['port']}/", timeout=60)
        finally:
            process.send_signal(signal.SIGTERM)
            rest, errors = process.communicate(timeout=60)
    assert (process.returncode, rest) == (0, "")
    assert re.fullmatch(r"403 GET / .*\n", errors)  # what was refused
    assert "pypet" in page
    assert told == {
        "format": 1,
        "url": f"http://127.0.0.1:{told['port']}/?token={told['token']}",
        "host": "127.0.0.1",
        "port": told["port"],
        "token": told["token"],
        "pid": process.pid,
        "path": str(target),
        "files": [str(path)],
    }
    assert not (tmp_path / "opened").exists()


# ----- in a notebook -----------------------------------------------------------------------------


def test_the_panes_are_there_without_a_server(experiment_file):
    pane = experiment_pane(experiment_file)
    text = str(pane)
    assert "Tabs" in text
    assert "Tabulator" in text


def test_a_trajectory_is_shown_from_its_file(experiment_file):
    traj = pypet.load_trajectory("sweep", filename=str(experiment_file))
    assert "Tabulator" in str(experiment_pane(traj))
    with pytest.raises(ValueError, match="is in no file"):
        experiment_pane(pypet.Trajectory("new"))
    with pytest.raises(FileNotFoundError):
        dashboard("nothing like it")


def test_the_page_of_the_documentation_shows_how(experiment_file, monkeypatch):
    page = Path(__file__).parents[3] / "docs" / "dashboard.md"
    blocks = re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    data = experiment_file.parent.rename(experiment_file.parent.with_name("data"))
    monkeypatch.chdir(data.parent)
    try:
        traj = pypet.load_trajectory(filename=data / experiment_file.name)
        for block in blocks:
            exec(block, {"traj": traj})
        assert len(blocks) == 2
    finally:
        data.rename(experiment_file.parent)


def test_very_many_results_are_counted():
    from pypet.plugins.dashboard.model.leaves import Entry
    from pypet.plugins.dashboard.model.run_details import RunDetails
    from pypet.plugins.dashboard.panes.run_details import MAX_LISTED, MAX_SHOWN, run_views

    numbers = tuple(Entry(f"n{number}", number) for number in range(MAX_LISTED + 5))
    texts = tuple(Entry(f"<t{number}>", "line\n" * 9) for number in range(MAX_SHOWN + 1))
    run = RunDetails(0, "run", "completed", "", "", "", (), numbers + texts, None, "")
    shown = "".join(getattr(view, "object", "") for view in run_views(run, [], "no log"))
    assert "and 5 more" in shown
    assert f"n{MAX_LISTED - 1}" in shown
    assert f"n{MAX_LISTED}<" not in shown
    assert f"not shown: &lt;t{MAX_SHOWN}&gt;" in shown
    assert "<t" not in shown


def test_the_dashboard_is_a_name_of_pypet():
    assert pypet.dashboard is dashboard
