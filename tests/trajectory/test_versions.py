"""Which versions wrote what this one can read."""

from __future__ import annotations

import pytest

from pypet.errors import VersionMismatchError
from pypet.pypetconstants import VERSION
from pypet.records import Info
from pypet.trajectory.versions import check_version


def info(version):
    return Info("kept", "2015", 1.0, "", 1, version, "2.7.6")


@pytest.mark.parametrize(
    "version", [VERSION, "0.1b.6", "0.1b.12", "0.2b1", "0.3.0", "0.7.0", "0.12.1", "1.0.0.dev3"]
)
def test_known_layouts_are_read_whatever_python_wrote_them(version):
    check_version(info(version), force=False)


@pytest.mark.parametrize("version", ["0.1a.1", "2.0.0", "10.0", "", "nonsense", "0.0.1"])
def test_unknown_layouts_are_read_by_force_only(version, caplog):
    with pytest.raises(VersionMismatchError, match="force=True"):
        check_version(info(version), force=False)
    check_version(info(version), force=True)
    assert "anyway" in caplog.text
