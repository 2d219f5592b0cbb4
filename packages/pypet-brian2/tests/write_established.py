"""Write the sample file ``established.hdf5``; needs pypet 0.6.1 and BRIAN2 2.5 with Python 3.11.

For example in an environment with ``pypet==0.6.1 "brian2<2.6" "numpy<1.24" "pandas<2"
"tables<3.9" "scipy<1.12"``. What the file holds stands in `test_established_file.py`.
"""

import os

import brian2
import numpy as np
from brian2 import Hz, mA, metre, ms, mV, second, volt

from pypet import Trajectory
from pypet.brian2.parameter import Brian2MonitorResult, Brian2Parameter, Brian2Result

FILENAME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "established.hdf5")


def main():
    brian2.prefs.codegen.target = "numpy"
    brian2.seed(1)
    traj = Trajectory("established", filename=FILENAME, overwrite_file=True)
    traj.f_add_parameter(Brian2Parameter, "scalar", 10 * mV, comment="a potential")
    traj.f_add_parameter(Brian2Parameter, "array", np.array([1.0, 2.0, 3.0]) * mA)
    traj.f_add_parameter(Brian2Parameter, "speed", 3 * metre / second**2)
    traj.f_add_parameter(Brian2Parameter, "number", 42)
    traj.f_add_parameter(Brian2Parameter, "arrays", np.array([1.0, 2.0]) * ms)
    traj.f_explore(
        {
            "scalar": [10 * mV, 20 * mV, 0.5 * volt],
            "arrays": [
                np.array([1.0, 2.0]) * ms,
                np.array([3.0, 4.0]) * ms,
                np.array([5.0, 6.0]) * ms,
            ],
        }
    )
    traj.f_add_result(
        Brian2Result, "quantities", scalar=5 * Hz, array=np.arange(4.0) * mV, plain=7, text="a"
    )
    neurons = brian2.NeuronGroup(
        3, "dv/dt = (2 - v) / (10*ms) : 1", threshold="v > 1", reset="v = 0", method="euler"
    )
    state = brian2.StateMonitor(neurons, "v", record=[0, 2], name="state")
    spikes = brian2.SpikeMonitor(neurons, variables=["v"], name="spikes")
    plain_spikes = brian2.SpikeMonitor(neurons, name="plain_spikes")
    rate = brian2.PopulationRateMonitor(neurons, name="rate")
    network = brian2.Network(neurons, state, spikes, plain_spikes, rate)
    network.run(10 * ms)
    for monitor in (state, spikes, plain_spikes, rate):
        traj.f_add_result(Brian2MonitorResult, "monitors." + monitor.name, monitor)
    traj.f_store()


if __name__ == "__main__":
    main()
