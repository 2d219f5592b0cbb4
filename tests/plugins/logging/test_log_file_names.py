"""Wildcards in names of log files."""

from __future__ import annotations

import os
import socket
from types import SimpleNamespace

import pytest

from pypet.pypetlogging import get_strings, rename_log_file, try_make_dirs


class FakeTrajectory(SimpleNamespace):
    def f_wildcard(self, wildcard):
        return {"$": self.run, "$set": self.set}[wildcard]


@pytest.fixture
def trajectory():
    return FakeTrajectory(
        v_name="test", v_environment_name="env_1", run="run_00000000", set="run_set_00000"
    )


def test_names_come_from_the_trajectory(trajectory):
    renamed = rename_log_file("$traj_$set_$run_$env", trajectory)
    assert renamed == "test_run_set_00000_run_00000000_env_1"


def test_given_names_win(trajectory):
    renamed = rename_log_file(
        "$env/$traj/$set/$run/$proc/$host",
        trajectory,
        env_name="e",
        traj_name="t",
        set_name="s",
        run_name="r",
        process_name="p",
        host_name="h",
    )
    assert renamed == "e/t/s/r/p/h"


def test_process_and_host_are_found_without_a_trajectory():
    host = socket.getfqdn().replace(".", "-")
    assert rename_log_file("$proc.$host.txt") == f"MainProcess-{os.getpid()}.{host}.txt"


def test_a_wildcard_without_a_name_is_an_error():
    with pytest.raises(ValueError, match=r"\$traj.*\$traj/LOG\.txt"):
        rename_log_file("$traj/LOG.txt")


def test_folders_are_created(tmp_path):
    try_make_dirs(str(tmp_path / "a" / "b" / "LOG.txt"))
    assert (tmp_path / "a" / "b").is_dir()


def test_folders_that_cannot_be_created_are_told_on_stderr(tmp_path, capsys):
    (tmp_path / "file").touch()
    try_make_dirs(str(tmp_path / "file" / "b" / "LOG.txt"))
    assert "Cannot create the folder" in capsys.readouterr().err


def test_string_literals_of_an_expression():
    assert get_strings("('a/$run.txt', 'a', 1, dict(b='c'))") == ["a/$run.txt", "a", "c"]
