"""`import pypet` costs next to nothing, and every public name is there when it is used."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pypet
from pypet import errors, pypetexceptions
from pypet.aliases import ALIASES, alias_names, module_getattr
from pypet.manager import get_manager

ESTABLISHED_NAMES = [
    "Trajectory",
    "Environment",
    "load_trajectory",
    "HDF5StorageService",
    "LazyStorageService",
    "ParameterGroup",
    "DerivedParameterGroup",
    "ConfigGroup",
    "ResultGroup",
    "NNGroupNode",
    "NNLeafNode",
    "KnowsTrajectory",
    "BaseParameter",
    "Parameter",
    "ArrayParameter",
    "SparseParameter",
    "PickleParameter",
    "BaseResult",
    "Result",
    "SparseResult",
    "PickleResult",
    "ObjectTable",
    "DataNotInStorageError",
    "NoSuchServiceError",
    "NotUniqueNodeError",
    "ParameterLockedException",
    "PresettingError",
    "TooManyGroupsError",
    "VersionMismatchError",
    "GitDiffError",
    "StorageContextManager",
    "SharedArray",
    "SharedCArray",
    "SharedEArray",
    "SharedVLArray",
    "SharedPandasFrame",
    "SharedTable",
    "SharedResult",
    "make_ordinary_result",
    "make_shared_result",
    "HasSlots",
    "HasLogger",
    "cartesian_product",
    "compact_hdf5_file",
    "find_unique_points",
    "manual_run",
    "merge_all_in_folder",
    "progressbar",
    "racedirs",
    "rename_log_file",
    "test",
]

HEAVY = (
    *("tables", "h5py", "hdf5plugin", "zmq", "git"),
    *("dill", "pandas", "scipy", "psutil", "tqdm"),
)


def loaded_after(code: str) -> set[str]:
    """Return the top-level packages that a fresh interpreter has imported after ``code``."""
    script = f"{code}\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=100, check=True
    )
    return {line.partition(".")[0] for line in done.stdout.splitlines()}


def test_importing_pypet_imports_nothing_else():
    assert loaded_after("import pypet").isdisjoint(
        [*HEAVY, "numpy", "pluggy", "importlib.metadata"]
    )


def test_importing_pypet_imports_hardly_anything_of_the_standard_library():
    folder = str(Path(pypet.__file__).parent.parent)
    # Without `site`: the hooks of editable installs import much themselves.
    script = (
        f"import sys\nsys.path.append({folder!r})\nbefore = set(sys.modules)\nimport pypet\n"
        "print(*sorted(set(sys.modules) - before), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    others = {name.partition(".")[0] for name in done.stdout.split()}
    assert others <= {"pypet", "__future__", "importlib", "warnings"}
    assert "importlib.abc" not in done.stdout


@pytest.mark.parametrize(
    "code",
    [
        "from pypet import Environment, Trajectory, Parameter, Result, SharedResult",
        "import pypet.storageservice, pypet.parameter, pypet.naturalnaming, pypet.pypetlogging",
        "import pypet.pypetconstants, pypet.pypetexceptions, pypet.trajectory, pypet.environment",
        "from pypet import HDF5StorageService, LazyStorageService",
        "from pypet.manager import get_manager; get_manager().load_all()",
        "from pypet.__main__ import main; main(['plugins'])",
    ],
)
def test_no_heavy_package_is_imported(code):
    assert loaded_after(code).isdisjoint(HEAVY)


@pytest.mark.parametrize("name", pypet.__all__)
def test_every_public_name_is_there(name):
    assert getattr(pypet, name).__name__ == name
    assert name in dir(pypet)


def test_the_established_names_are_public():
    assert set(ESTABLISHED_NAMES) <= set(pypet.__all__)
    assert len(pypet.__all__) == len(set(pypet.__all__))


def test_all_that_can_be_seen_is_public():
    visible = {name for name, item in vars(pypet).items() if callable(item)}
    assert {name for name in visible if not name.startswith("__")} <= set(pypet.__all__)


@pytest.mark.parametrize(
    "name",
    [
        "annotations",
        "environment",
        "naturalnaming",
        "parameter",
        "pypetconstants",
        "pypetexceptions",
        "pypetlogging",
        "shareddata",
        "slots",
        "storageservice",
        "trajectory",
        "utils",
        "errors",
        "interfaces",
        "testing",
    ],
)
def test_submodules_are_attributes(name):
    loaded = loaded_after(f"import pypet, types; assert type(pypet.{name}) is types.ModuleType")
    assert "pypet" in loaded
    assert getattr(pypet, name) is importlib.import_module(f"pypet.{name}")


def test_the_version_has_its_established_place():
    from pypet import _version

    assert _version.__version__ == pypet.__version__


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import pypet.brian2", r"brian2 .* pip install pypet-brian2"),
        ("from pypet import brian2", r"brian2 .* pip install pypet-brian2"),
        ("from pypet.brian2 import Brian2Parameter", r"brian2 .* pip install pypet-brian2"),
        ("import pypet.brian2.network", r"brian2 .* pip install pypet-brian2"),
        ("from pypet.brian2.parameter import Brian2Result", r"brian2 .* pip install pypet-brian2"),
        ("import pypet.tests", r"pypet\.tests .*pypet\.test\(\)"),
        ("from pypet import tests", r"pypet\.tests .*pypet\.test\(\)"),
    ],
)
def test_modules_of_other_versions_say_where_they_are(code, reason):
    with pytest.raises(ModuleNotFoundError, match=reason):
        exec(code)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'pypet' has no attribute 'nothing'"):
        pypet.nothing
    with pytest.raises(ImportError):
        from pypet import nothing  # noqa: F401


def test_the_names_for_type_checkers_are_the_lazy_ones():
    source = Path(pypet.__file__).read_text(encoding="utf8")
    imports = {
        line.split(" as ")[1]: line.split()[1]
        for line in source.splitlines()
        if line.startswith("    from pypet.") and " as " in line
    }
    assert "    from pypet.errors import *" in source
    imports |= dict.fromkeys(errors.__all__, "pypet.errors")
    assert imports == pypet._HOME_OF


def test_all_exceptions_have_their_established_place_too():
    defined = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }
    assert set(errors.__all__) == defined
    for name in errors.__all__:
        assert getattr(pypetexceptions, name) is getattr(errors, name) is getattr(pypet, name)


def test_importing_the_folder_under_its_own_name_is_refused():
    root = Path(__file__).resolve().parent.parent.parent
    code = f"import sys; sys.path.insert(0, {str(root)!r}); import core"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert "The folder 'core' is the package 'pypet'" in done.stderr


# ----- aliases: names whose home is a plugin ---------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name"),
    # The others are tested with their package.
    [key for key, alias in ALIASES.items() if alias.entry != "brian2"],
)
def test_every_face_leads_to_its_plugin(module, name):
    found = getattr(importlib.import_module(module), name)
    alias = ALIASES[module, name]
    assert found is get_manager().attribute(alias.entry, alias.attribute, asked=name)


def test_the_package_has_exactly_its_faces():
    assert sorted(pypet._FACES) == sorted(alias_names("pypet"))


def test_a_face_whose_plugin_is_switched_off_says_so(monkeypatch):
    monkeypatch.setenv("PYPET_DISABLE_PLUGINS", "hdf5")
    with pytest.raises(pypet.MissingDependencyError, match="'hdf5', which is switched off"):
        from pypet import HDF5StorageService  # noqa: F401
    assert pypet.LazyStorageService.name == "lazy"


def test_a_module_has_no_other_faces():
    with pytest.raises(AttributeError, match=r"'pypet\.storageservice' has no attribute 'x'"):
        module_getattr("pypet.storageservice")("x")
