"""The built-in plugins that accompany experiments pass the suites of their families."""

from __future__ import annotations

import pytest

from pypet.plugins.config_files.ini import IniReader
from pypet.plugins.config_files.toml import TomlReader
from pypet.plugins.environment_record import EnvironmentRecord
from pypet.plugins.git.command import CHECKOUT
from pypet.plugins.git.versioning import GitVersioning
from pypet.plugins.listing import pypet_register_commands as list_commands
from pypet.plugins.logging.setup import ExperimentLogging
from pypet.plugins.progress.reporter import RunProgress
from pypet.plugins.resource_caps import ResourceCaps
from pypet.plugins.show.command import SHOW
from pypet.testing.admission import AdmissionConformance
from pypet.testing.commands import CommandConformance
from pypet.testing.config_readers import ConfigReaderConformance
from pypet.testing.logging import LoggingConformance
from pypet.testing.progress import ProgressConformance
from pypet.testing.versioning import VersioningConformance


class TestGit(VersioningConformance):
    feature = GitVersioning

    def make_options(self, folder):
        pytest.importorskip("git")
        import git

        repository = git.Repo.init(folder)
        (folder / "code.py").write_text("x = 1\n")
        repository.index.add(["code.py"])
        repository.index.commit("first")
        repository.close()
        return {"git_repository": str(folder)}


class TestEnvironmentRecord(VersioningConformance):
    feature = EnvironmentRecord

    def make_options(self, folder):
        return {"record_environment": True}

    def off(self):
        return {"record_environment": False}


class TestLogging(LoggingConformance):
    feature = ExperimentLogging

    def make_options(self, folder):
        return {"log_folder": str(folder / "logs"), "log_stdout": True}


class TestProgress(ProgressConformance):
    feature = RunProgress


class TestResourceCaps(AdmissionConformance):
    feature = ResourceCaps
    closed = {"memory_cap": 0.0}

    @pytest.fixture(autouse=True)
    def _needs_psutil(self):
        pytest.importorskip("psutil")


class TestIni(ConfigReaderConformance):
    feature = IniReader

    def make_source(self, folder):
        path = folder / "settings.ini"
        path.write_text("[environment]\nncores = 3\n[parameters]\ngroup.x = 1.5\n")
        return str(path)

    def make_malformed(self, folder):
        path = folder / "bad.ini"
        path.write_text("ncores = 3\n")
        return str(path)


class TestToml(ConfigReaderConformance):
    feature = TomlReader

    def make_source(self, folder):
        path = folder / "settings.toml"
        path.write_text("[environment]\nncores = 3\n[parameters.group]\nx = 1.5\n")
        return str(path)

    def make_malformed(self, folder):
        path = folder / "bad.toml"
        path.write_text("[environment\n")
        return str(path)


class TestPlugins(CommandConformance):
    (command,) = list_commands()
    arguments = ()


class TestShow(CommandConformance):
    command = SHOW


class TestCheckout(CommandConformance):
    command = CHECKOUT
