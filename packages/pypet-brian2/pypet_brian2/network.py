"""Networks of BRIAN2 built from components, simulated in subruns, for each run of an experiment."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import brian2

from pypet import Trajectory

logger = logging.getLogger(__name__)

Subrun = Any
"""A parameter with the duration of a subrun, whose annotation ``order`` says when it comes."""
_PRE_RUN = "pre_run"


class NetworkComponent:
    """A part of a network: neurons, synapses, monitors. Override what the part needs."""

    def add_parameters(self, traj: Trajectory) -> None:
        """Add parameters to the trajectory, before it explores."""

    def pre_build(
        self, traj: Trajectory, brian_list: list[Any], network_dict: dict[str, Any]
    ) -> None:
        """Build objects that are the same in all runs, before the first one.

        Append those that belong to the network to ``brian_list``, and put what other components
        need into ``network_dict``.
        """

    def build(self, traj: Trajectory, brian_list: list[Any], network_dict: dict[str, Any]) -> None:
        """Build objects at the beginning of a run; see `pre_build`."""

    def add_to_network(
        self,
        traj: Trajectory,
        network: Any,
        current_subrun: Subrun,
        subrun_list: list[Subrun],
        network_dict: dict[str, Any],
    ) -> None:
        """Change the network before a subrun; ``subrun_list``, those to come, may be changed."""

    def remove_from_network(
        self,
        traj: Trajectory,
        network: Any,
        current_subrun: Subrun,
        subrun_list: list[Subrun],
        network_dict: dict[str, Any],
    ) -> None:
        """Change the network after a subrun; see `add_to_network`."""


class NetworkAnalyser(NetworkComponent):
    """A component that adds results after each subrun, usually of monitors that it has built."""

    def analyse(
        self,
        traj: Trajectory,
        network: Any,
        current_subrun: Subrun,
        subrun_list: list[Subrun],
        network_dict: dict[str, Any],
    ) -> None:
        """Analyse the subrun; monitors are still in the network."""


class NetworkRunner(NetworkComponent):
    """Simulates a network, one subrun after the other.

    Parameters
    ----------
    report : str
        How BRIAN2 reports progress; ``report`` of `brian2.Network.run`.
    report_period : Quantity, optional
        Time between two reports, by default 10 seconds.
    durations_group_name : str
        Group of parameters or derived parameters with the durations of subruns.
    pre_durations_group_name : str
        The same for the pre-run.
    """

    def __init__(
        self,
        report: Any = "text",
        report_period: Any = None,
        durations_group_name: str = "simulation.durations",
        pre_durations_group_name: str = "simulation.pre_durations",
    ) -> None:
        self._report = report
        self._report_period = 10 * brian2.second if report_period is None else report_period
        self._durations = durations_group_name
        self._pre_durations = pre_durations_group_name

    def execute_network_pre_run(
        self,
        traj: Trajectory,
        network: Any,
        network_dict: dict[str, Any],
        component_list: Sequence[NetworkComponent],
        analyser_list: Sequence[NetworkAnalyser],
    ) -> None:
        """Simulate the subruns of the pre-run; errors as of `execute_network_run`."""
        subruns = self._subruns(traj, self._pre_durations)
        self._execute(traj, network, network_dict, component_list, analyser_list, subruns)

    def execute_network_run(
        self,
        traj: Trajectory,
        network: Any,
        network_dict: dict[str, Any],
        component_list: Sequence[NetworkComponent],
        analyser_list: Sequence[NetworkAnalyser],
    ) -> None:
        """Simulate the subruns of a run.

        Raises
        ------
        RuntimeError
            A duration has no annotation ``order``, or two have the same.
        """
        subruns = self._subruns(traj, self._durations)
        self._execute(traj, network, network_dict, component_list, analyser_list, subruns)

    def _subruns(self, traj: Trajectory, group_name: str) -> list[Subrun]:
        """Return the durations in their order."""
        found: dict[Any, Subrun] = {}
        for branch in ("parameters", "derived_parameters"):
            name = f"{branch}.{group_name}"
            if not traj.f_contains(name, shortcuts=False):
                continue
            for leaf in traj.f_get(name, shortcuts=False).f_iter_leaves():
                order = leaf.v_annotations.f_to_dict().get("order")
                if order is None:
                    raise RuntimeError(
                        f"The subrun {leaf.v_full_name!r} has no annotation `order`. Set it: "
                        "`v_annotations.order = 0` for the first one."
                    )
                if order in found:
                    raise RuntimeError(
                        f"The subruns {found[order].v_full_name!r} and {leaf.v_full_name!r} have "
                        f"the same `order`, {order!r}."
                    )
                found[order] = leaf
        if not found:
            logger.warning("There are no subruns: no durations below `%s`.", group_name)
        return [found[order] for order in sorted(found)]

    def _execute(
        self,
        traj: Trajectory,
        network: Any,
        network_dict: dict[str, Any],
        component_list: Sequence[NetworkComponent],
        analyser_list: Sequence[NetworkAnalyser],
        subruns: list[Subrun],
    ) -> None:
        inner_to_outer: list[NetworkComponent] = [self, *analyser_list, *component_list]
        outer_to_inner: list[NetworkComponent] = [*component_list, *analyser_list, self]
        while subruns:
            current = subruns.pop(0)
            arguments = (traj, network, current, subruns, network_dict)
            for component in outer_to_inner:
                component.add_to_network(*arguments)
            duration = current.f_get()
            logger.info("Simulating subrun `%s` of %s.", current.v_name, duration)
            network.run(duration, report=self._report, report_period=self._report_period)
            for analyser in analyser_list:
                analyser.analyse(*arguments)
            for component in inner_to_outer:
                component.remove_from_network(*arguments)


class NetworkManager:
    """Builds and simulates a network from components; its `run_network` is the run function.

    Parameters
    ----------
    network_runner : NetworkRunner
    component_list : iterable of NetworkComponent
    analyser_list : iterable of NetworkAnalyser
    network_constructor : callable, optional
        Makes a network of the objects that components have built, given as positional arguments;
        `brian2.Network` by default.

    Notes
    -----
    What a pre-run has left is restored for each run. Processes need to inherit it, as networks
    cannot be pickled: use ``use_pool=False`` with several processes.
    """

    def __init__(
        self,
        network_runner: NetworkRunner,
        component_list: Iterable[NetworkComponent],
        analyser_list: Iterable[NetworkAnalyser] = (),
        network_constructor: Callable[..., Any] | None = None,
    ) -> None:
        self.network_runner = network_runner
        self.components = list(component_list)
        self.analysers = list(analyser_list)
        self._make_network = brian2.Network if network_constructor is None else network_constructor
        self._pre_built: tuple[list[Any], dict[str, Any]] = [], {}
        self._brian_list: list[Any] = []
        self._network_dict: dict[str, Any] = {}
        self._network: Any = None
        """The network of the pre-run."""

    @property
    def _parts(self) -> list[NetworkComponent]:
        return [*self.components, *self.analysers, self.network_runner]

    def add_parameters(self, traj: Trajectory) -> None:
        """Let all components, analysers and the runner add their parameters."""
        for part in self._parts:
            part.add_parameters(traj)

    def pre_build(self, traj: Trajectory) -> None:
        """Let all parts build what is the same in all runs; call it before the experiment."""
        self._pre_built = [], {}
        for part in self._parts:
            part.pre_build(traj, *self._pre_built)

    def build(self, traj: Trajectory) -> None:
        """Let all parts build what belongs to one run, beside what they have pre-built."""
        brian_list, network_dict = self._pre_built
        self._brian_list, self._network_dict = list(brian_list), dict(network_dict)
        for part in self._parts:
            part.build(traj, self._brian_list, self._network_dict)

    def pre_run_network(self, traj: Trajectory) -> None:
        """Pre-build, simulate the pre-run, and keep its end as the beginning of each run."""
        self.pre_build(traj)
        brian_list, network_dict = self._pre_built
        self._network = self._make_network(*brian_list)
        logger.info("Simulating the pre-run.")
        self.network_runner.execute_network_pre_run(
            traj, self._network, network_dict, self.components, self.analysers
        )
        self._network.store(_PRE_RUN)

    def run_network(self, traj: Trajectory) -> None:
        """Build and simulate the network of one run; give it to `Environment.run`."""
        if self._network is not None:
            self._network.restore(_PRE_RUN)
        self.build(traj)
        network = self._network
        if network is None:
            network = self._make_network(*self._brian_list)
        self.network_runner.execute_network_run(
            traj, network, self._network_dict, self.components, self.analysers
        )
