"""Small networks, simulated, stored and loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import brian2
import numpy as np
import pytest
from brian2 import ms, mV, volt

from pypet import Environment, Trajectory, load_trajectory
from pypet.brian2 import (
    Brian2MonitorResult,
    Brian2Parameter,
    NetworkAnalyser,
    NetworkComponent,
    NetworkManager,
    NetworkRunner,
)


@pytest.fixture(autouse=True)
def _no_compiler() -> None:
    brian2.prefs.codegen.target = "numpy"


class Neurons(NetworkComponent):
    """Neurons that are driven to a potential."""

    def __init__(self, calls: list[str] | None = None, prebuilt: bool = False) -> None:
        self.calls = [] if calls is None else calls
        self.prebuilt = prebuilt

    def add_parameters(self, traj: Trajectory) -> None:
        traj.f_add_parameter(Brian2Parameter, "drive", 10 * mV)
        for order, name in enumerate(("first", "second")):
            parameter = traj.f_add_parameter(
                Brian2Parameter, f"simulation.durations.{name}", 5 * ms
            )
            parameter.v_annotations.order = order

    def _make(self, traj: Trajectory, brian_list: list[Any], network_dict: dict[str, Any]) -> None:
        neurons = brian2.NeuronGroup(
            2,
            "dv/dt = (drive - v) / (10*ms) : volt\ndrive : volt",
            threshold="v > 5*mV",
            reset="v = 0*mV",
            method="euler",
        )
        network_dict["neurons"] = neurons
        brian_list.append(neurons)

    def pre_build(self, traj: Trajectory, brian_list: Any, network_dict: Any) -> None:
        if self.prebuilt:
            self._make(traj, brian_list, network_dict)

    def build(self, traj: Trajectory, brian_list: Any, network_dict: Any) -> None:
        if not self.prebuilt:
            self._make(traj, brian_list, network_dict)
        network_dict["neurons"].drive = traj.drive

    def add_to_network(self, traj: Any, network: Any, current: Any, *_: Any) -> None:
        self.calls.append(f"add component {current.v_name}")

    def remove_from_network(self, traj: Any, network: Any, current: Any, *_: Any) -> None:
        self.calls.append(f"remove component {current.v_name}")


class Recorder(NetworkAnalyser):
    """Records potentials of each subrun."""

    def __init__(self, calls: list[str] | None = None) -> None:
        self.calls = [] if calls is None else calls

    def add_to_network(
        self, traj: Any, network: Any, current: Any, rest: Any, network_dict: Any
    ) -> None:
        self.calls.append(f"add analyser {current.v_name}")
        self.monitor = brian2.StateMonitor(network_dict["neurons"], "v", record=True)
        network.add(self.monitor)

    def analyse(self, traj: Any, network: Any, current: Any, *_: Any) -> None:
        self.calls.append(f"analyse {current.v_name}")
        traj.f_add_result(Brian2MonitorResult, f"voltage.{current.v_name}", self.monitor)

    def remove_from_network(self, traj: Any, network: Any, current: Any, *_: Any) -> None:
        self.calls.append(f"remove analyser {current.v_name}")
        network.remove(self.monitor)


class Runner(NetworkRunner):
    """Notes when its hooks are called."""

    def __init__(self, calls: list[str]) -> None:
        super().__init__(report=None)
        self.calls = calls

    def add_to_network(self, traj: Any, network: Any, current: Any, *_: Any) -> None:
        self.calls.append(f"add runner {current.v_name}")

    def remove_from_network(self, traj: Any, network: Any, current: Any, *_: Any) -> None:
        self.calls.append(f"remove runner {current.v_name}")


def experiment(manager: NetworkManager, filename: str, **options: Any) -> Trajectory:
    with Environment(
        "network", filename=filename, log_config=None, report_progress=False, **options
    ) as env:
        manager.add_parameters(env.traj)
        env.traj.f_explore({"drive": [2 * mV, 4 * mV, 20 * mV]})
        env.run(manager.run_network)
    return load_trajectory("network", filename=filename, load_results=2)


def expected_voltage(drive: float, milliseconds: float, start: float = 0.0) -> float:
    """Euler's method with steps of 0.1 ms."""
    v = start
    for _ in range(round(milliseconds * 10)):
        v += (drive - v) / 10 * 0.1
    return v


@pytest.mark.parametrize(
    "options", [{}, {"multiproc": True, "ncores": 2}], ids=["serial", "forked"]
)
def test_network_is_simulated_stored_and_loaded(tmp_path: Path, options: dict[str, Any]) -> None:
    manager = NetworkManager(NetworkRunner(report=None), [Neurons()], [Recorder()])
    loaded = experiment(manager, str(tmp_path / "file.hdf5"), **options)
    for run, drive in (("run_00000000", 2.0), ("run_00000001", 4.0)):
        first = loaded.f_get(f"results.runs.{run}.voltage.first")
        second = loaded.f_get(f"results.runs.{run}.voltage.second")
        assert first.v_monitor_type == "StateMonitor"
        assert first.v.shape == second.v.shape == (2, 50)
        # Both are recorded at the beginning of each step; the second goes on where the first ends.
        assert float(first.v[0, -1] / mV) == pytest.approx(expected_voltage(drive, 4.9))
        assert float(second.v[0, -1] / mV) == pytest.approx(expected_voltage(drive, 9.9))


def test_hooks_are_called_in_order(tmp_path: Path) -> None:
    calls: list[str] = []
    manager = NetworkManager(Runner(calls), [Neurons(calls)], [Recorder(calls)])
    experiment(manager, str(tmp_path / "file.hdf5"))
    one_run = [
        f"{call} {name}"
        for name in ("first", "second")
        for call in (
            *("add component", "add analyser", "add runner", "analyse"),
            *("remove runner", "remove analyser", "remove component"),
        )
    ]
    assert calls == 3 * one_run


class PreRunNeurons(Neurons):
    """Has a pre-run of 5 ms."""

    def add_parameters(self, traj: Trajectory) -> None:
        super().add_parameters(traj)
        parameter = traj.f_add_parameter(Brian2Parameter, "simulation.pre_durations.pre", 5 * ms)
        parameter.v_annotations.order = 0

    def pre_build(self, traj: Trajectory, brian_list: Any, network_dict: Any) -> None:
        super().pre_build(traj, brian_list, network_dict)
        network_dict["neurons"].drive = traj.drive


@pytest.mark.parametrize(
    "options", [{}, {"multiproc": True, "ncores": 2}], ids=["serial", "forked"]
)
def test_each_run_begins_where_the_pre_run_ended(tmp_path: Path, options: dict[str, Any]) -> None:
    manager = NetworkManager(
        NetworkRunner(report=None), [PreRunNeurons(prebuilt=True)], [Recorder()]
    )
    filename = str(tmp_path / "file.hdf5")
    with Environment(
        "network", filename=filename, log_config=None, report_progress=False, **options
    ) as env:
        manager.add_parameters(env.traj)
        env.traj.f_explore({"drive": [2 * mV, 4 * mV]})
        manager.pre_run_network(env.traj)
        env.run(manager.run_network)
    loaded = load_trajectory("network", filename=filename, load_results=2)
    start = expected_voltage(10.0, 5.0)  # the default drives the pre-run
    for run, drive in (("run_00000000", 2.0), ("run_00000001", 4.0)):
        first = loaded.f_get(f"results.runs.{run}.voltage.first")
        begun = 0.0 if start > 5.0 else start
        assert float(first.v[0, 0] / mV) == pytest.approx(begun)
        assert float(first.v[0, -1] / mV) == pytest.approx(expected_voltage(drive, 4.9, begun))


@pytest.mark.parametrize(
    ("orders", "match"),
    [((0, None), "no annotation `order`"), ((1, 1), "the same `order`, 1")],
)
def test_subruns_need_an_order(orders: tuple[Any, ...], match: str) -> None:
    traj = Trajectory("t")
    for name, order in zip("ab", orders, strict=True):
        parameter = traj.f_add_parameter(Brian2Parameter, f"simulation.durations.{name}", 1 * ms)
        if order is not None:
            parameter.v_annotations.order = order
    runner = NetworkRunner()
    with pytest.raises(RuntimeError, match=match):
        runner.execute_network_run(traj, brian2.Network(), {}, [], [])


class Shortener(NetworkComponent):
    """Leaves out all subruns but the first."""

    def add_to_network(
        self, traj: Any, network: Any, current: Any, rest: list[Any], network_dict: Any
    ) -> None:
        rest.clear()


def test_hooks_may_change_the_subruns_to_come() -> None:
    calls: list[str] = []
    traj = Trajectory("t")
    Neurons().add_parameters(traj)
    Runner(calls).execute_network_run(traj, brian2.Network(), {}, [Shortener()], [])
    assert calls == ["add runner first", "remove runner first"]


# ----- monitors --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def monitors() -> dict[str, Any]:
    brian2.prefs.codegen.target = "numpy"
    neurons = brian2.NeuronGroup(
        3,
        "dv/dt = (20*mV - v) / (10*ms) : volt",
        threshold="v > 5*mV",
        reset="v = 0*mV",
        method="euler",
    )
    silent = brian2.NeuronGroup(1, "v : 1", threshold="v > 1", name="silent")
    made = {
        "state": brian2.StateMonitor(neurons, "v", record=[0, 2]),
        "spikes": brian2.SpikeMonitor(neurons, variables="v"),
        "counted": brian2.SpikeMonitor(neurons, record=False),
        "none": brian2.SpikeMonitor(silent),
        "rate": brian2.PopulationRateMonitor(neurons),
    }
    brian2.Network(neurons, silent, *made.values()).run(10 * ms)
    return made


def test_monitors_are_unpacked(monitors: dict[str, Any]) -> None:
    state = Brian2MonitorResult("r", monitors["state"])
    assert state.record_variables == ["v"]
    assert list(state.record) == [0, 2]
    assert type(state.t) is np.ndarray
    assert state.v.shape == (2, 100)
    assert brian2.have_same_dimensions(state.v, volt)
    spikes = Brian2MonitorResult("r", monitors["spikes"])
    assert spikes.num_spikes == len(spikes.t) == len(spikes.i) == len(spikes.v) > 0
    rate = Brian2MonitorResult("r", monitors["rate"])
    assert len(rate.t) == len(rate.rate) == 100


@pytest.mark.parametrize("name", ["counted", "none"])
def test_empty_series_are_no_items(monitors: dict[str, Any], name: str) -> None:
    result = Brian2MonitorResult("r", monitors[name])
    assert result.num_spikes == int(monitors[name].num_spikes)
    assert "t" not in result
    assert "i" not in result


def test_second_monitor_is_refused(monitors: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="StateMonitor already"):
        Brian2MonitorResult("r", monitors["state"], monitors["rate"])


def test_monitor_of_any_name_comes_back(monitors: dict[str, Any], tmp_path: Path) -> None:
    traj = Trajectory("t", filename=str(tmp_path / "file.hdf5"), overwrite_file=True)
    for name, monitor in monitors.items():
        traj.f_add_result(Brian2MonitorResult, name, anything=monitor)
    traj.f_store()
    loaded = load_trajectory("t", filename=str(tmp_path / "file.hdf5"), load_results=2)
    for name in monitors:
        before, after = traj.f_get(name), loaded.f_get(name)
        assert before.v_monitor_type == after.v_monitor_type
        assert sorted(before.f_to_dict()) == sorted(after.f_to_dict())
        for key, value in before.f_to_dict().items():
            np.testing.assert_array_equal(np.array(after[key]), np.array(value))
