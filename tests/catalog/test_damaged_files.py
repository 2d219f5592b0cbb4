"""Commands that inspect files show what they can of damaged ones, and never a traceback."""

from __future__ import annotations

import random

import pytest

pytest.importorskip("h5py")

from pypet import Environment
from pypet.cli.app import main

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a file with an experiment."""
    path = tmp_path_factory.mktemp("sound") / "t.hdf5"
    with Environment(
        "t", filename=str(path), add_time=False, log_config=None, report_progress=False
    ) as env:
        env.traj.f_add_parameter("x", 0)
        env.traj.f_explore({"x": [1, 2]})
        env.run(lambda traj: traj.f_add_result("z", traj.x * 2.0) and None)
    return path.read_bytes()


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_file_is_described_or_one_line_on_stderr(content, seed, tmp_path, capsys):
    (tmp_path / "sound.hdf5").write_bytes(content)
    generator = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(5 * seed + 1):
        damaged[generator.randrange(len(damaged))] = generator.randrange(256)
    path = tmp_path / "damaged.hdf5"
    path.write_bytes(damaged[: generator.randrange(len(damaged))] if seed > 5 else damaged)
    file = str(path)
    for arguments in (
        ["ls", file],
        ["show", file, "t", "x"],
        ["show", file, "t", "run_00000001.z"],
        ["table", file, "t", "--where", "x > 1"],
        ["diff", f"{file}:t", f"{tmp_path / 'sound.hdf5'}:t"],
        ["diff", f"{file}:t:0", f"{file}:t:1"],
        ["export", file, "--to", str(tmp_path / "out.csv"), "--force"],
    ):
        status = main(arguments)
        output = capsys.readouterr()
        assert status in (0, 1)
        assert "Traceback" not in output.err
        if output.out == "":
            assert status == 1
            assert output.err.splitlines()[-1].startswith("pypet: error: ")
