"""The tests of `pypet.test`: suites for all plugins in use, and whole experiments."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pypet import pypetconstants as constants
from pypet.environment import Environment
from pypet.errors import MissingDependencyError, UnknownPluginError
from pypet.interfaces import StorageService, WrapMode
from pypet.manager import get_manager
from pypet.services.storage_choice import DEFAULT_SERVICE, choose_storage
from pypet.testing.storage import StorageConformance
from pypet.testing.wrap_modes import WrapModeConformance
from pypet.trajectory import Trajectory, load_trajectory
from pypet.utils.explore import cartesian_product

FACTORS = {"x": [1.0, 2.0, 3.0], "y": [4.0, 5.0]}
FILENAME = "data.hdf5"
_QUICKEST = multiprocessing.get_all_start_methods()[0]
_SERIAL: dict[str, Any] = {}


def suites() -> dict[str, type]:
    """Return test classes by name: for each storage service and wrap mode, and for experiments.

    Loads all plugins. Plugins with missing packages have no class.
    """
    found: dict[str, type] = {"TestExperiments": TestExperiments}
    manager = get_manager()
    for service in manager.storage_services():
        name = f"TestStorageIn{service.name.title()}"
        members = {"service_class": service, "tags": ("storage", service.name)}
        found[name] = type(name, (_InstalledStorage,), members)
    for mode in manager.wrap_modes():
        if mode.name.upper() == constants.WRAP_MODE_NONE:
            continue  # does not share a service
        name = f"TestWrapMode{mode.name.title()}"
        members = {"mode_class": mode, "tags": ("wrapping", mode.name)}
        found[name] = type(name, (_InstalledWrapMode,), members)
    return found


def _made(service: Any, folder: Path) -> StorageService:
    made: StorageService = choose_storage(
        service, None, {"filename": str(folder / FILENAME)}
    ).make()
    return made


class _InstalledStorage(StorageConformance):
    service_class: ClassVar[type[StorageService]]
    tags: ClassVar[tuple[str, ...]]

    def make_service(self, folder: Path) -> StorageService:
        return _made(self.service_class, folder)


class _InstalledWrapMode(WrapModeConformance):
    start_methods = (_QUICKEST,)
    mode_class: ClassVar[type[WrapMode]]
    tags: ClassVar[tuple[str, ...]]

    def make_mode(self, options: dict[str, Any]) -> WrapMode:
        return self.mode_class(options)

    def make_service(self, folder: Path) -> StorageService:
        _skip_without_files()
        return _made(DEFAULT_SERVICE, folder)


def _skip_without_files() -> None:
    try:
        get_manager().storage_service(DEFAULT_SERVICE)
    except (MissingDependencyError, UnknownPluginError) as absence:
        pytest.skip(str(absence))


def _skip_without_fork(mode: str) -> None:
    modes = get_manager().wrap_modes()
    needs_fork = any(each.name == mode and each.needs_fork for each in modes)
    if needs_fork and _QUICKEST != "fork":
        pytest.skip(f"{mode} needs fork, which this platform does not have")


def multiply(traj: Trajectory) -> float:
    """The run function of the experiments."""
    product: float = traj.x * traj.y
    traj.f_add_result("z", product, comment="product of both")
    return product


class TestExperiments:
    """Complete experiments, from exploring to loading."""

    tags: ClassVar[tuple[str, ...]] = ("experiment",)

    def test_runs_in_memory(self) -> None:
        """Works with a bare installation, too."""
        env = _environment("memory")
        self._check(env.run(multiply))
        loaded = load_trajectory(env.traj.v_name, storage_service=env.traj.v_storage_service)
        loaded.f_load(load_results=constants.LOAD_DATA)
        self._check_loaded(loaded)

    @pytest.mark.parametrize(
        "options",
        [
            _SERIAL,
            *[
                {"multiproc": True, "ncores": 2, "use_pool": use_pool, "wrap_mode": mode}
                for use_pool in (False, True)
                for mode in (
                    constants.WRAP_MODE_LOCK,
                    constants.WRAP_MODE_QUEUE,
                    constants.WRAP_MODE_PIPE,
                    constants.WRAP_MODE_LOCAL,
                )
            ],
        ],
        ids=lambda options: "-".join(map(str, options.values())) or "serial",
    )
    def test_runs_in_a_file(self, options: dict[str, Any], tmp_path: Path) -> None:
        """Runs one by one, and in parallel with each wrap mode."""
        _skip_without_files()
        _skip_without_fork(options.get("wrap_mode", constants.WRAP_MODE_NONE))
        filename = str(tmp_path / FILENAME)
        try:
            env = _environment(DEFAULT_SERVICE, filename=filename, **options)
        except (MissingDependencyError, UnknownPluginError) as absence:
            pytest.skip(str(absence))
        self._check(env.run(multiply))
        self._check_loaded(
            load_trajectory(env.traj.v_name, filename=filename, load_results=constants.LOAD_DATA)
        )

    def _check(self, returned: list[tuple[int, float]]) -> None:
        points = cartesian_product(FACTORS)
        products = [x * y for x, y in zip(points["x"], points["y"], strict=True)]
        assert sorted(returned) == list(enumerate(products))

    def _check_loaded(self, traj: Trajectory) -> None:
        found = traj.f_get_from_runs("z", fast_access=True)
        self._check(list(enumerate(found[name] for name in sorted(found))))
        assert all(info["completed"] for info in traj.f_get_run_information().values())


def _environment(service: str, **options: Any) -> Environment:
    env = Environment(
        "installed",
        storage_service=service,
        log_config=None,
        report_progress=False,
        record_environment=False,
        **options,
    )
    env.traj.f_add_parameter("x", 0.0, comment="first factor")
    env.traj.f_add_parameter("y", 0.0, comment="second factor")
    env.traj.f_explore(cartesian_product(FACTORS))
    return env
