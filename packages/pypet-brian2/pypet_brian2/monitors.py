"""A result that unpacks a monitor of BRIAN2 into items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2.monitors import PopulationRateMonitor, SpikeMonitor, StateMonitor

from pypet_brian2.quantities import Brian2Result

_MONITORS = (StateMonitor, SpikeMonitor, PopulationRateMonitor)
_MONITOR_TYPE = "monitor_type"


class Brian2MonitorResult(Brian2Result):
    """A result with what one monitor has recorded.

    Pass the monitor under any name: ``Brian2MonitorResult('spikes', monitor)``. Its items are

    - of a `StateMonitor` ``record_variables``, ``record``, ``when``, ``source``, ``name``, ``t``,
      and each recorded variable, one row a recorded neuron and one column a time,
    - of a `SpikeMonitor` ``source``, ``num_spikes``, ``when``, ``name``, ``record_variables``, and
      each of these at the times of the spikes, among them ``t`` and ``i``,
    - of a `PopulationRateMonitor` ``source``, ``name``, ``t`` and ``rate``.

    Times have units, but those of a `StateMonitor`, which are seconds. Series of times and what
    goes with them are items only if they are not empty.
    """

    def __init__(self, full_name: str, *args: Any, **kwargs: Any) -> None:
        # Before the items, which may be the monitor; not an item itself.
        self._monitor_type: str | None = None
        super().__init__(full_name, *args, **kwargs)

    @property
    def v_monitor_type(self) -> str | None:
        """Name of the monitor's class; None before there is one."""
        return self._monitor_type

    def f_set_single(self, name: str, item: Any) -> None:
        """Set one item, or unpack a monitor into its items, whatever its name.

        Raises
        ------
        TypeError
            There is a monitor already, or the item is of a type that the result does not support.
        """
        if not isinstance(item, _MONITORS):
            super().f_set_single(name, item)
            return
        if self._monitor_type is not None:
            raise TypeError(
                f"Result {self.v_full_name!r} has a {self._monitor_type} already; give each "
                "monitor a result of its own."
            )
        for key, value in _items(item):
            super().f_set_single(key, value)
        self._monitor_type = type(item).__name__

    def _store(self) -> dict[str, Any]:
        stored = super()._store()
        if self._monitor_type is not None:
            stored[_MONITOR_TYPE] = self._monitor_type
        return stored

    def _load(self, load_dict: Mapping[str, Any]) -> None:
        loaded = dict(load_dict)
        monitor_type = loaded.pop(_MONITOR_TYPE, None)
        if monitor_type is not None:
            self._monitor_type = str(monitor_type)
        super()._load(loaded)


def _items(monitor: Any) -> Iterator[tuple[str, Any]]:
    """Yield the items of a monitor."""
    yield "source", str(monitor.source)
    yield "name", monitor.name
    if isinstance(monitor, PopulationRateMonitor):
        yield from _series(monitor, ["rate"])
        return
    yield "when", monitor.when
    variables = list(monitor.record_variables)
    if isinstance(monitor, StateMonitor):
        yield "record_variables", variables
        yield "record", _recorded(monitor)
        for name, series in _series(monitor, variables):
            # Established files and scripts have plain seconds here, and here only.
            yield name, np.array(series) if name == "t" else series
        return
    yield "num_spikes", int(monitor.num_spikes)
    if variables:
        yield "record_variables", variables
    if monitor.record:  # otherwise it counts only
        yield from _series(monitor, [name for name in variables if name != "t"])


def _series(monitor: Any, names: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield times and what was recorded at these, if there are any."""
    if np.size(monitor.t) == 0:
        return
    for name in ("t", *names):
        # A slice makes a quantity or an array of what is a view of the simulation's memory.
        yield name, getattr(monitor, name)[:]


def _recorded(monitor: Any) -> Any:
    """Return which neurons are recorded: True for all, or an array of indices."""
    record = monitor.record
    return record if isinstance(record, bool | int) else np.array(record)
